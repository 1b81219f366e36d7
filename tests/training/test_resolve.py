"""Defaults, shipped config, given config, overrides: each wins over the ones before."""

from __future__ import annotations

import pytest

from mmgraph.errors import ConfigError, UnknownNameError
from mmgraph.training import TrainConfig, config_names, resolve_config
from mmgraph.training.resolve import find_config


@pytest.fixture
def shipped_configs(tmp_path, monkeypatch):
    """Return a folder that takes the place of the shipped configs."""
    folder = tmp_path / "configs"
    folder.mkdir()
    monkeypatch.setattr("mmgraph.training.resolve.shipped", lambda kind: folder)
    return folder


def test_each_place_wins_over_the_ones_before(shipped_configs, tmp_path):
    (shipped_configs / "mlp.yaml").write_text(
        "patience: 11\nmax_epochs: 12\nmodel: {heads: 2, dropout: 0.1, hidden_channels: 8}\nseed: 1\n"
    )
    (tmp_path / "mine.yaml").write_text(
        "max_epochs: 13\nmodel: {dropout: 0.2, hidden_channels: 16}\nseed: 2\n"
    )
    found = resolve_config(
        model="mlp",
        config=tmp_path / "mine.yaml",
        overrides=["model.hidden_channels=32", "seed=3"],
        seed=4,
    )
    assert found.label_smoothing == TrainConfig().label_smoothing
    assert (found.patience, found.max_epochs, found.seed) == (11, 13, 4)
    assert (found.model.heads, found.model.dropout, found.model.hidden_channels) == (2, 0.2, 32)


def test_a_config_object_counts_by_the_keys_that_were_set(shipped_configs):
    (shipped_configs / "mlp.yaml").write_text("patience: 11\nmax_epochs: 12\n")
    found = resolve_config(model="mlp", config=TrainConfig(max_epochs=13))
    assert (found.model.name, found.patience, found.max_epochs) == ("mlp", 11, 13)


def test_resolving_a_resolved_config_changes_nothing():
    resolved = resolve_config(model="co_attention", overrides=["max_epochs=7"])
    assert resolve_config(config=resolved) == resolved


@pytest.mark.parametrize("named_by", ["model", "config", "overrides"])
def test_the_model_can_be_named_in_each_place(named_by, tmp_path):
    (tmp_path / "mine.yaml").write_text("model: {name: mlp}\n")
    arguments = {"model": "mlp", "config": tmp_path / "mine.yaml", "overrides": ["model.name=mlp"]}
    assert resolve_config(**{named_by: arguments[named_by]}).model.name == "mlp"


def test_without_a_name_it_is_the_default_model():
    assert resolve_config() == resolve_config(model="hetero_gat")


def test_two_places_that_name_different_models_are_a_fault():
    with pytest.raises(
        ConfigError, match="--model names the model 'mlp' but --set names the model 'co_attention'"
    ):
        resolve_config(model="mlp", overrides=["model.name=co_attention"])


def test_the_model_can_be_a_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("model: {name: mlp, heads: 2}\n")
    found = resolve_config(model=str(tmp_path / "mine.yaml"))
    assert (found.model.name, found.model.heads) == ("mlp", 2)


def test_layers_can_be_named_and_given_options():
    found = resolve_config(overrides=["model.layers=[late_fusion, {name: hetero_gat, heads: 2}]"])
    assert [(layer.name, layer.parameters) for layer in found.model.layers or ()] == [
        ("late_fusion", {}),
        ("hetero_gat", {"heads": 2}),
    ]


def test_layers_take_the_place_of_the_named_models_and_of_its_options(shipped_configs):
    (shipped_configs / "hetero_gat.yaml").write_text("model: {num_layers: 3, options: {aggr: sum}}\n")
    assert resolve_config(model="hetero_gat").model.num_layers == 3
    model = resolve_config(model="hetero_gat", overrides=["model.layers=[late_fusion]"]).model
    assert (model.num_layers, model.options) == (None, {})


def test_faults_name_the_file_they_are_in(tmp_path):
    (tmp_path / "mine.yaml").write_text("max_epoch: 3\n")
    with pytest.raises(ConfigError, match=r"mine.yaml: max_epoch"):
        resolve_config(config=tmp_path / "mine.yaml", overrides=["max_epochs=3"])
    with pytest.raises(ConfigError, match=r"--set: max_epoch"):
        resolve_config(overrides=["max_epoch=3"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "hetro_gat"}, "there is no model 'hetro_gat'. Did you mean 'hetero_gat'?"),
        ({"config": "hetro_gat"}, "--config: there is no config 'hetro_gat'. Did you mean 'hetero_gat'?"),
        (
            {"overrides": ["model.layers=[hetro_gat]"]},
            "there is no layer 'hetro_gat'. Did you mean 'hetero_gat'",
        ),
        ({"overrides": ["max_epochs"]}, "wanted key=value"),
        ({"config": "missing/mine.yaml"}, "missing/mine.yaml: there is no such file"),
        ({"model": "missing.yaml"}, "missing.yaml: there is no such file"),
        ({"seed": -1}, "^--seed: got -1"),
        ({"batch_size": -1}, "^--batch-size: got -1; wanted a number of at least 0"),
        ({"fanout": "15,ten"}, r"^--fanout\[1\]: got 'ten'; wanted an integer"),
        ({"fanout": "looks_like=15,ten"}, r"^--fanout\.looks_like\[1\]: got 'ten'"),
        ({"overrides": {"max_epochs": 3}}, "^overrides: got a mapping; wanted a list of texts"),
        ({"overrides": "max_epochs=3"}, "^overrides: got 'max_epochs=3'; wanted a list of texts"),
    ],
)
def test_what_cannot_be_found_is_named(arguments, message):
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        resolve_config(**arguments)


def test_all_faults_of_flags_are_told_together():
    with pytest.raises(ConfigError) as caught:
        resolve_config(fanout="a,b", precision="8", max_time="soon", config=TrainConfig(patience=3))
    assert [f.where for f in caught.value.faults] == ["--fanout[0]", "--precision", "--max-time"]


def test_a_plateau_that_training_does_not_outlast_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_text("optimiser: {schedule: plateau, plateau_patience: 4}\n")
    waits = r"^optimiser\.plateau_patience: got 4, but training stops after 4 epochs without .*Set it lower"
    with pytest.raises(ConfigError, match=waits):
        resolve_config(config=tmp_path / "mine.yaml", overrides=["patience=4"])
    assert resolve_config(config=tmp_path / "mine.yaml", overrides=["patience=5"]).patience == 5
    assert resolve_config(overrides=["optimiser.plateau_patience=40"]).optimiser.schedule == "constant"


def test_a_file_that_is_no_mapping_is_a_fault(tmp_path):
    (tmp_path / "mine.yaml").write_text("- 1\n- 2\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: holds a list; wanted a mapping"):
        resolve_config(config=tmp_path / "mine.yaml")


def test_a_model_that_is_named_where_its_size_belongs_as_well_is_told_how_it_is_written(tmp_path):
    (tmp_path / "mine.yaml").write_text("model: mlp\n")
    wanted = r"mine\.yaml: model: got 'mlp'; wanted a mapping of keys to values\. Write \{name: mlp\}\."
    with pytest.raises(ConfigError, match=wanted):
        resolve_config(config=tmp_path / "mine.yaml")


@pytest.mark.parametrize("name", config_names())
def test_every_shipped_config_names_what_it_is_for(name):
    file = find_config(name)
    assert file.read_text().startswith("# ")
    assert resolve_config(config=name).model.name == name
