"""Search spaces: what files may say, and that each shipped one gives configs that make its model."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest

from mmgraph.errors import ConfigError, UnknownNameError
from mmgraph.registry import MODELS
from mmgraph.training import config_names, resolve_config
from mmgraph.training.assemble import assemble
from mmgraph.tuning import Parameter, SearchSpace, find_space, space_names
from mmgraph.tuning.objective import Objective


def written(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def drawn(graph, model: str, space: SearchSpace, seed: int) -> dict:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    objective = Objective(graph, "thing", resolve_config(model=model), space, ("accuracy", "max"))
    return objective.draw(study.ask())


def test_every_config_has_a_space():
    assert set(space_names()) == {*config_names(), "base"}
    assert set(MODELS.names()) <= set(space_names())


@pytest.mark.parametrize("name", config_names())
def test_every_value_of_a_shipped_space_builds_its_model(graph, name):
    space = find_space(name)
    space.check_model(resolve_config(model=name).model)
    wanted = [{key: end} for key, parameter in space.parameters.items() for end in parameter.ends()]
    wanted += [drawn(graph, name, space, seed) for seed in range(5)]
    for values in wanted:
        overrides = [f"{key}={json.dumps(value)}" for key, value in values.items()]
        given = resolve_config(model=name, overrides=overrides)
        assert assemble(graph, "thing", given).model.layers


@pytest.mark.parametrize("name", config_names())
def test_a_shipped_space_holds_the_shipped_config(graph, name):
    """So the first trial is that config itself, and what a study finds is no worse on validation."""
    space = find_space(name)
    objective = Objective(graph, "thing", resolve_config(model=name), space, ("accuracy", "max"))
    assert set(objective.present()) == set(space.parameters)


def test_integers_are_drawn_where_the_key_takes_no_others(graph):
    space = SearchSpace(
        "mine",
        {
            "model.num_layers": Parameter(low=1, high=3),
            "optimiser.clip_norm": Parameter(low=1, high=3),
            "model.options.expansion": Parameter(low=1, high=3),
        },
    )
    values = [drawn(graph, "mlp", space, seed) for seed in range(10)]
    assert {value["model.num_layers"] for value in values} <= {1, 2, 3}
    assert all(isinstance(value["model.options.expansion"], int) for value in values)
    assert any(value["optimiser.clip_norm"] % 1 for value in values)


def test_a_file_extends_another_and_takes_away(tmp_path):
    text = "extends: base\nparameters:\n  model.dropout: null\n  optimiser.lr: {choices: [0.01, 0.02]}\n"
    space = find_space(written(tmp_path, text))
    assert set(space.parameters) == set(find_space("base").parameters) - {"model.dropout"}
    assert space.parameters["optimiser.lr"].choices == (0.01, 0.02)
    above = written(tmp_path, "extends: ./mine.yaml\nparameters: {seed: null}\n", "above.yaml")
    assert find_space(above).parameters == space.parameters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "parameters: {model.head: {choices: [1]}}",
            r"mine.yaml: parameters\.model\.head: .* Did you mean 'heads'",
        ),
        ("parameters: {model.heads: {low: 0, high: 4}}", r"parameters\.model\.heads: got 0; wanted"),
        (
            "parameters: {model.dropout: {low: 0, high: 1}}",
            r"model\.dropout: got 1; wanted a number less than 1",
        ),
        ("parameters: {model.heads: {low: 5, high: 4}}", "got low 5 and high 4"),
        ("parameters: {model.heads: [1, 2]}", "got a list; wanted a mapping"),
        ("parameters: {seed: {low: 0, high: 9}}", r"parameters\.seed: is nothing that a study can vary"),
        ("parameters: {}", "there is nothing to vary"),
        ("parameter: {}", "Did you mean 'parameters'"),
        ("extends: bse\nparameters: {}", "there is no search space 'bse'. Did you mean 'base'"),
        ("extends: mine.yaml\nparameters: {}", "extends itself"),
        ("extends: other.yaml\nparameters: {}", "there is no such file"),
    ],
)
def test_what_a_file_may_not_say(tmp_path, text, message):
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        find_space(written(tmp_path, text))


def test_all_faults_of_a_space_are_reported_together():
    with pytest.raises(ConfigError) as caught:
        SearchSpace("mine", {"model.x": Parameter(low=1, high=2), "model.heads": Parameter(choices=("a",))})
    assert len(caught.value.faults) == 2


def test_keys_of_another_model_are_refused():
    space = find_space("hetero_gat")
    with pytest.raises(ConfigError, match="the model 'mlp' has no option 'edge_dropout'"):
        space.check_model(resolve_config(model="mlp").model)
    layered = resolve_config(overrides=["model.layers=[hetero_gat]"]).model
    with pytest.raises(ConfigError, match="belongs to a named model, but the config gives layers"):
        space.check_model(layered)
    find_space("base").check_model(layered)
