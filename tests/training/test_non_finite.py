"""A training that is lost stops within a step, and says where the first bad number is."""

from __future__ import annotations

import importlib
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch import Trainer

from mmgraph.errors import DivergedError, RunError
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks import gathered
from mmgraph.training import load_run, resolve_config, train
from mmgraph.training.assemble import assemble, visible_graph
from mmgraph.training.batching import open_batches
from mmgraph.training.non_finite import Origin, describe_validation, find_origin, rows_not_finite
from mmgraph.training.processes import Processes

MODULE = importlib.import_module("mmgraph.training.train")
"""The file; ``mmgraph.training.train`` is the function."""


IDS = r"'thing-\d+', 'thing-\d+', 'thing-\d+'"


def planted(graph, node_type: str, row: int, value: float):
    graph.features[node_type][row, 2] = value
    return graph


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_features_are_named_by_node_type_and_node(graph, quick, value):
    with pytest.raises(RunError) as caught:
        train(planted(graph, "thing/image", 7, value), task="colour", model="hetero_gat", overrides=quick)
    message = str(caught.value)
    assert "in epoch 1, batch 1, so training stopped: the features of 'thing/image' are not finite" in message
    assert "in 1 of 80 nodes, first in number 7. Mend them" in message


def test_the_batch_that_has_the_features_is_named(graph, quick, monkeypatch):
    # Batches of ten; the model is blind to all but the modalities of their own entities.
    row = int(graph.view("colour").nodes["thing"]["split:colour"].eq("train").to_numpy().nonzero()[0][-1])
    with pytest.raises(
        RunError, match=r"in epoch 1, batch \d, .*'thing/text' are not finite in 1 of 10 nodes\."
    ):
        train(
            planted(graph, "thing/text", row, np.inf),
            task="colour",
            model="mlp",
            overrides=[*quick, "model.input_dropout=0"],
            batch_size=10,
        )


def test_what_another_process_has_found_is_told_here_too(module, graph):
    class Others(Processes):
        """The first of two processes; the other one has lost its loss."""

        def mean(self, value, count):
            assert math.isfinite(value)
            return math.nan, 2 * count

        def gather(self, value):
            assert value is None
            return [None, Origin("the weights head.weight are no longer finite")]

    module.processes = Others(size=2)
    module.trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    with pytest.raises(RunError, match=r"the loss is nan in epoch 1, batch 4, .*: the weights head\.weight"):
        module.training_step(GraphBatch.of(graph), 3)


def test_a_process_looks_for_the_origin_without_the_others(two_views, quick, monkeypatch):
    def meet(*_):
        raise AssertionError("nobody else comes")

    module = assemble(two_views.view("image_to_text"), "image_to_text", resolve_config(overrides=quick))
    module.task.fit_head(module.head)
    monkeypatch.setattr(gathered.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(gathered.dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(gathered.dist, "all_gather", meet)
    batch = GraphBatch.of(two_views.view("image_to_text"))
    with pytest.raises(AssertionError, match="nobody else comes"):
        module.training_step(batch, 0)
    assert find_origin(module, batch).text.startswith("without dropout, all states are finite")


@pytest.fixture
def module(graph, quick):
    torch.manual_seed(0)
    return assemble(graph, "colour", resolve_config(model="hetero_gat", overrides=quick))


def test_weights_that_are_lost_are_named(module, graph):
    module.head.weight.data[0, 0] = torch.nan
    assert find_origin(module, GraphBatch.of(graph)).text == "the weights head.weight are no longer finite"


def test_the_first_state_that_overflows_is_named(module, graph):
    batch = GraphBatch.of(graph)
    module.model.projection.linear["tag/name"].weight.data.fill_(3e38)
    batch.x_dict["tag/name"].fill_(3e38)
    found = find_origin(module, batch)
    assert found.text == "the states of 3 of 3 'tag/name' nodes after the projection are not finite"
    assert not found.given


def test_a_layer_is_named_where_it_is_the_first(module, graph, monkeypatch):
    second = module.model.layers[1]
    forward = second.forward
    monkeypatch.setattr(
        second, "forward", lambda *inputs: {name: x * torch.inf for name, x in forward(*inputs).items()}
    )
    assert "'thing' nodes after layer 2 of 3 are not finite" in find_origin(module, GraphBatch.of(graph)).text


def test_finite_states_are_told_with_how_far_the_output_goes(module, graph):
    module.head.bias.data[0] = 1e30
    module.train()
    found = find_origin(module, GraphBatch.of(graph))
    assert found.text.endswith("all states are finite, and the head's output for 'thing' goes up to 1e+30")
    assert module.training
    assert not any(part._forward_hooks for part in module.modules())


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (
            torch.nan,
            r"the gradient is not finite in 1 of \d+ weights, first in .*thing/text.*, in epoch 1, batch 1",
        ),
        (1e30, r"the gradient is too large for float32: it goes up to 1e\+30 in .*thing/text"),
    ],
)
def test_a_gradient_that_is_not_finite_stops_before_the_step(graph, quick, monkeypatch, gradient, message):
    def spoilt(*arguments):
        module = assemble(*arguments)
        weight = module.model.projection.linear["thing/text"].weight
        weight.register_hook(lambda found: torch.full_like(found, gradient))
        return module

    monkeypatch.setattr(MODULE, "assemble", spoilt)
    with pytest.raises(RunError, match=message):
        train(graph, task="colour", model="mlp", overrides=quick)


@pytest.fixture
def lonely(graph, quick):
    """Return a function that plants a number in test entities, which no training entity looks at."""

    def lonely(value, out=None):
        rows = np.flatnonzero(graph.nodes["thing"]["split:colour"] == "test")[:4]
        graph.features["thing/text"][rows, 2] = value
        overrides = [*quick, "model.input_dropout=0", "max_epochs=2"]
        return train(graph, task="colour", model="mlp", overrides=overrides, out=out, batch_size=16)

    return lonely


# The graph at once, and layer by layer.
@pytest.mark.parametrize("batch_size", [0, 16])
@pytest.mark.parametrize(
    ("value", "origin"),
    [
        (np.nan, r"the features of 'thing/text' are not finite in 1 of \d+ nodes\. Mend them where they"),
        (3e38, r"the states of 1 of \d+ 'thing' nodes after layer 1 of 1 are not finite\. Lower the"),
    ],
)
def test_a_validation_entity_that_is_lost_is_named_and_where_it_comes_from(
    graph, quick, batch_size, value, origin
):
    row = np.flatnonzero(graph.nodes["thing"]["split:colour"] == "validation")[0]
    graph = planted(graph, "thing/text", row, value)
    named = re.escape(repr(str(graph.nodes["thing"]["id"].iloc[row])))
    told = (
        r"the loss of the validation entities is \S+ after epoch 1, so training stopped: the output is not "
        rf"finite for 1 of 30 entities of the type 'thing', {named}: {origin}"
    )
    config = resolve_config(
        model="mlp", overrides=quick, batch_size=batch_size, fanout=[] if batch_size else None
    )
    torch.manual_seed(0)
    module = assemble(graph, "colour", config)
    _, inference = open_batches(visible_graph(graph, "colour", config), module, config, torch.device("cpu"))
    with pytest.raises(DivergedError, match=told):
        module.validate(inference)


def test_test_entities_that_are_lost_are_named_and_cost_no_training(lonely, tmp_path):
    run = lonely(np.nan, tmp_path / "run")
    told = (
        r"the output for the test split is not finite for 4 of 30 entities of the type 'thing', first "
        rf"{IDS}: the features of 'thing/text' are not finite in 4 of 120 nodes, first that of 'thing-\d+'"
    )
    for use in (run.evaluate, run.metrics):
        with pytest.raises(DivergedError, match=told + r"\. Mend them where they come from, and build"):
            use()
    with pytest.raises(
        DivergedError, match=r"the unified representation is not finite for 4 of 120 entities"
    ):
        run.embed()
    assert run.embed("tag")[1].shape == (3, 16)
    assert list(json.loads((tmp_path / "run/metrics.json").read_text())) == ["train", "validation"]
    notes = json.loads((tmp_path / "run/run.json").read_text())["notes"]
    assert re.fullmatch(f"not measured on test: {told}", notes[-1])
    assert load_run(tmp_path / "run", graph=run.graph).describe()["notes"] == notes
    predictions = pd.read_parquet(tmp_path / "run/predictions.parquet")
    missing = predictions[predictions["prediction"].isna()]
    assert missing["split"].tolist() == ["test"] * 4
    assert missing["probabilities"].isna().all()
    assert set(predictions["id"]) == set(run.graph.nodes["thing"]["id"])


def test_features_that_are_finite_but_too_large_are_told_with_how_far_they_go(lonely):
    run = lonely(3e38)
    with pytest.raises(
        DivergedError,
        match=r"test split is not finite for \d of 30 .*: all features are finite; they go up to 3e\+38, in "
        r"'thing/text' of 'thing-\d+'\. Scale extreme features down",
    ):
        run.evaluate()
    assert math.isfinite(run.evaluate("validation")["accuracy"])


def test_an_objective_of_a_pretraining_is_named_and_no_entity(two_views, quick, monkeypatch):
    run = train(two_views, task="pretrain", model="mlp", overrides=[*quick, "max_epochs=1"])
    output = torch.tensor([1.0, torch.nan])
    assert (
        describe_validation(run.task, output, torch.arange(2)) == "the loss of masked_modality is not finite"
    )
    monkeypatch.setattr(run.task, "output", lambda *_: output)
    with pytest.raises(
        DivergedError,
        match=r"^the loss of masked_modality is not finite for the test split: all features are",
    ):
        run.evaluate()


def test_an_entity_whose_both_sides_are_lost_is_one(two_views, quick):
    module = assemble(two_views, "image_to_text", resolve_config(model="mlp", overrides=quick))
    output = torch.zeros(5, 2, 4)
    output[3] = torch.nan
    rows = module.task.rows("train")[:5]
    told = f"of the type {module.task.labels.entity!r}, {str(module.task.labels.ids[rows[3]])!r}"
    assert (
        describe_validation(module.task, output, rows)
        == f"the output is not finite for 1 of 5 entities {told}"
    )


@pytest.mark.parametrize("large", [1, 5])
def test_rows_are_looked_at_in_parts(monkeypatch, large):
    monkeypatch.setattr("mmgraph.training.non_finite._VALUES_AT_A_TIME", large)
    values = torch.zeros(7, 2)
    values[[1, 6], 1] = torch.tensor([math.inf, math.nan])
    assert rows_not_finite(values).tolist() == [1, 6]
    assert rows_not_finite(values[:, 1]).tolist() == [1, 6]
    assert rows_not_finite(torch.empty(0, 3)).tolist() == []
