"""Held-out answers stay out: they change nothing, and where there is nothing to learn, nothing is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mmgraph.graph.graph import Graph
from mmgraph.training import train

CLASSES = 3
MODELS = ["hetero_gat", "mlp", "cross_modal_transformer", "co_attention"]


def random_labels(seed: int, count: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, CLASSES, size=count)


def mean_accuracy(graphs: list[Graph], model: str, quick: tuple[str, ...]) -> float:
    """Return the test accuracy over some graphs; each has 100 test entities."""
    runs = [train(graph, task="colour", model=model, overrides=quick) for graph in graphs]
    return float(np.mean([run.evaluate("test")["accuracy"] for run in runs]))


@pytest.mark.parametrize("model", MODELS)
def test_random_labels_are_guessed_by_chance(make_graph, quick, model):
    graphs = [make_graph(random_labels(seed), seed=seed + 100) for seed in range(3)]
    # 300 guesses at 1/3 have a standard deviation of .027; four of them on either side.
    assert mean_accuracy(graphs, model, quick) == pytest.approx(1 / CLASSES, abs=0.11)


def test_the_test_above_would_show_edges_made_from_held_out_labels(make_graph, quick):
    graphs = [make_graph(random_labels(0), seed=100, tags=random_labels(0))]
    assert mean_accuracy(graphs, "hetero_gat", quick) > 1 / CLASSES + 0.3


def test_the_test_above_would_show_features_made_from_held_out_labels(make_graph, quick):
    graphs = [make_graph(random_labels(0), seed=100, signal=1.0)]
    assert mean_accuracy(graphs, "mlp", quick) > 1 / CLASSES + 0.3


def with_targets(graph: Graph, split: str, targets: list[str]) -> Graph:
    """Return the graph with other targets for the entities of a split."""
    table = graph.nodes["thing"].copy()
    table.loc[table["split:colour"] == split, "target:colour"] = targets
    return dataclasses.replace(graph, nodes={**graph.nodes, "thing": table})


def weights(graph: Graph, quick: tuple[str, ...]) -> dict[str, torch.Tensor]:
    return train(graph, task="colour", overrides=[*quick, "max_epochs=5"]).module.state_dict()


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_test_answers_change_nothing_in_a_training(make_graph, quick):
    graph = make_graph(random_labels(0, 80), signal=1.0)
    other = with_targets(graph, "test", ["class-1"] * 20)
    assert same(weights(graph, quick), weights(other, quick))


def test_training_answers_do_change_a_training(make_graph, quick):
    graph = make_graph(random_labels(0, 80), signal=1.0)
    other = with_targets(graph, "train", ["class-0", "class-1"] * 20)
    assert not same(weights(graph, quick), weights(other, quick))
