"""Training: it learns, stops, obeys its config, says what it does, and refuses what it cannot do."""

from __future__ import annotations

import dataclasses
import importlib

import numpy as np
import pytest
import torch

from mmgraph.errors import ConfigError, GraphError, RunError, UserError
from mmgraph.models.fusion import FUSIONS
from mmgraph.progress import Progress
from mmgraph.training import train
from mmgraph.training.fit import fit

MODULE = importlib.import_module("mmgraph.training.train")
"""The file; ``mmgraph.training.train`` is the function."""


@pytest.mark.parametrize("model", ["hetero_gat", "mlp", *FUSIONS])
def test_every_model_learns_a_planted_signal(graph, quick, model):
    run = train(graph, task="colour", model=model, overrides=quick)
    assert run.evaluate("test")["accuracy"] > 0.8
    assert run.history["train_loss"].iloc[-1] < run.history["train_loss"].iloc[0] / 2


def test_a_regression_learns_a_planted_signal(graph, quick):
    run = train(graph, task="size", overrides=quick)
    assert run.evaluate("test")["r2_score"] > 0.5
    assert run.predictions()["prediction"].mean() == pytest.approx(100, abs=10)


def test_edges_that_tell_the_answer_help_and_the_controls_take_that_away(make_graph, quick):
    labels = np.random.default_rng(0).integers(0, 3, size=180)
    graph = make_graph(labels, tags=labels)
    accuracy = {
        edges: train(graph, task="colour", overrides=[*quick, f"edges={edges}"]).evaluate("test")["accuracy"]
        for edges in ("given", "none", "shuffled")
    }
    assert accuracy["given"] > 0.8
    assert accuracy["none"] < 0.55
    assert accuracy["shuffled"] < 0.55


def test_a_task_does_not_see_what_it_must_not(make_graph, quick):
    labels = np.random.default_rng(0).integers(0, 3, size=120)
    graph = make_graph(labels, tags=labels)
    hidden = graph.tasks["colour"].model_copy(
        update={"without": graph.tasks["colour"].without.model_copy(update={"relations": ("tagged",)})}
    )
    blind = dataclasses.replace(graph, tasks={**graph.tasks, "colour": hidden})
    run = train(blind, task="colour", overrides=quick)
    assert not any("tagged" in name for name in run.module.state_dict())
    assert run.evaluate("test")["accuracy"] < 0.6


def test_it_stops_early_with_the_weights_of_the_best_epoch(graph, quick):
    run = train(graph, task="colour", overrides=[*quick, "patience=3", "optimiser.lr=0.05"])
    best = run.history.set_index("epoch").loc[run.best_epoch]
    assert len(run.history) == run.best_epoch + 3
    assert best["validation_accuracy"] == run.history["validation_accuracy"].max()
    assert run.evaluate("validation")["accuracy"] == best["validation_accuracy"]


def test_the_config_reaches_the_training(graph, quick, make_graph):
    plain = train(graph, task="colour", overrides=[*quick, "max_epochs=3"])
    for changed in (
        "optimiser.lr=0.001",
        "optimiser.weight_decay=0.5",
        "optimiser.clip_norm=0.01",
        "optimiser.name=sgd",
        "optimiser.schedule=cosine",
        "label_smoothing=0.2",
        "class_weights=balanced",
        "loss=focal",
        "ema=0.9",
        "optimiser.schedule=one_cycle",
        "optimiser.warmup=1",
        "model.dropout=0.6",
        "model.heads=2",
        "model.num_layers=1",
        "model.input_dropout=0.5",
        "model.readout=jk",
        "model.missing=token",
        "model.missing=neighbours",
        "model.modality_dropout=0.3",
        "model.options.aggr=attention",
        "model.layers=[late_fusion]",
        "seed=1",
    ):
        other = train(graph, task="colour", overrides=[*quick, "max_epochs=3", changed])
        assert len(other.history) == 3
        assert not other.history.equals(plain.history), changed


def test_one_epoch_is_one_full_batch_step(graph, quick):
    run = train(graph, task="colour", overrides=[*quick, "max_epochs=1"])
    assert run.history["epoch"].tolist() == [1]


def test_progress_tells_of_every_epoch(graph, quick, capsys):
    progress = Progress(every=0.0)
    train(graph, task="colour", overrides=[*quick, "max_epochs=2"], progress=progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "train hetero_gat on colour, seed 0: 2/2" in captured.err
    assert "validation accuracy 0." in captured.err
    assert "Lightning" not in captured.err
    assert "GPU" not in captured.err


def test_it_says_nothing_by_default(graph, quick, capfd):
    train(graph, task="colour", overrides=[*quick, "max_epochs=2"])
    assert capfd.readouterr() == ("", "")


def test_a_class_without_training_entities_is_told(make_graph, quick, capsys):
    labels = np.random.default_rng(0).integers(0, 2, size=40)
    split = np.array(["train"] * 20 + ["validation"] * 10 + ["test"] * 10)
    labels[35:] = 2
    run = train(
        make_graph(labels, split=split, signal=2.0), task="colour", overrides=quick, progress=Progress()
    )
    assert "note: 1 class has no training entity, so its 5 entities" in capsys.readouterr().err
    assert run.evaluate("test")["accuracy"] <= 0.5
    assert run.describe()["notes"]


def test_random_state_and_kernels_outside_stay_as_they_were(graph, quick):
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    train(graph, task="colour", overrides=[*quick, "max_epochs=1"])
    assert torch.equal(torch.rand(2), wanted)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "color"}, "there is no task 'color'. Did you mean 'colour'?"),
        ({"model": "hetro_gat"}, "there is no model 'hetro_gat'. Did you mean 'hetero_gat'?"),
        ({"config": "hetro_gat"}, "there is no config 'hetro_gat'"),
        ({"overrides": ["model.layers=[hetro_gat]"]}, "there is no layer 'hetro_gat'"),
        ({"overrides": ["max_epoch=3"]}, "--set: max_epoch"),
        ({"overrides": ["max_epochs=three"]}, "--set: max_epochs: got 'three'; wanted an integer"),
        ({"overrides": ["model.heads=3"]}, "3 heads"),
    ],
)
def test_what_cannot_be_used_is_the_users_fault(graph, arguments, message, tmp_path):
    with pytest.raises(UserError, match=message) as caught:
        train(graph, **({"task": "colour"} | arguments), out=tmp_path / "run")
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_task_without_training_labels(make_graph):
    labels = np.random.default_rng(0).integers(0, 3, size=30)
    with pytest.raises(GraphError, match="no entity of the train split has a value in 'hue'"):
        train(make_graph(labels, split=np.array(["validation", "test"] * 15)), task="colour")


def test_a_constant_number_cannot_be_learnt(make_graph):
    labels = np.random.default_rng(0).integers(0, 3, size=30)
    with pytest.raises(GraphError, match="have the value 7 in 'size', so there is nothing to learn"):
        train(make_graph(labels, numbers=np.full(30, 7.0)), task="size")


def test_a_graph_without_any_modality(graph, quick):
    bare = graph.without(modalities=["text", "image", "name"], relations=["beside", "tagged"])
    with pytest.raises(GraphError, match="has no modality"):
        train(bare, task="colour", overrides=quick)


def test_a_loss_that_blows_up_stops_at_once(graph, quick, tmp_path):
    with pytest.raises(RunError, match=r"the loss of .* entities is (nan|inf|-inf) after epoch 1") as caught:
        train(
            graph,
            task="size",
            overrides=[*quick, "optimiser.name=sgd", "optimiser.lr=1e30", "optimiser.clip_norm=null"],
            out=tmp_path / "run",
        )
    assert "--set optimiser.lr=1e+29" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_must_not_be_replaced_is_found_before_training(graph, quick, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    monkeypatch.setattr(MODULE, "fit", lambda *_, **__: pytest.fail("it trained"))
    with pytest.raises(UserError, match="is there already"):
        train(graph, task="colour", overrides=quick, out=tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "thesis.txt").read_text() == "mine"


def test_an_interrupt_leaves_no_folder(graph, quick, tmp_path, monkeypatch):
    def interrupted(module, *others, **options):
        monkeypatch.setattr(module, "validate", _interrupt)
        return fit(module, *others, **options)

    monkeypatch.setattr(MODULE, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(graph, task="colour", overrides=quick, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def _interrupt(inference):
    raise KeyboardInterrupt


def test_a_name_given_twice_must_be_the_same(graph):
    with pytest.raises(ConfigError, match="--model names the model 'mlp' but --set names"):
        train(graph, task="colour", model="mlp", overrides=["model.name=hetero_gat"])
