"""Boosted trees: what linear models cannot tell, chosen on validation, with wide features made narrow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmgraph.evaluation.baselines import BASELINES
from mmgraph.evaluation.feature_baselines import _narrow
from mmgraph.graph.graph import Graph
from mmgraph.tasks.task import Task


def _accuracy(graph: Graph, name: str, features: np.ndarray) -> float:
    task = Task.from_graph(graph, "script")
    rows = task.rows("test")
    fitted = BASELINES[name].fit(task, features)
    assert fitted.config["name"] == name
    return task.metrics(fitted.output(rows), rows)["accuracy"]


@pytest.fixture(scope="module")
def banded(graph: Graph) -> tuple[Graph, np.ndarray]:
    """Return a graph in which the middle of a feature is one class, and both ends are the other."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(len(graph.nodes["mark"]), 2)).astype(np.float32)
    table = graph.nodes["mark"].copy()
    table["target:script"] = np.where(np.abs(features[:, 0]) > 0.7, "latin", "greek")
    return replace(graph, nodes={**graph.nodes, "mark": table}), features


def test_trees_see_what_no_line_parts(banded: tuple[Graph, np.ndarray]) -> None:
    graph, features = banded
    assert _accuracy(graph, "gradient_boosting", features) > 0.8
    assert _accuracy(graph, "logistic_regression", features) < 0.75


def test_of_numbers_too(graph: Graph) -> None:
    task = Task.from_graph(graph, "size")
    rows, size = task.rows("test"), graph.nodes["mark"]["target:size"].to_numpy()
    turned = np.array([1.0, 0.0, 2.0])[np.round(size / 3).astype(int)]
    fitted = BASELINES["gradient_boosting"].fit(task, turned[:, None].astype(np.float32))
    assert task.metrics(fitted.output(rows), rows)["r2_score"] > 0.9
    assert 1 <= fitted.config["max_iter"] <= 200


def test_wide_features_become_components_of_training() -> None:
    rng = np.random.default_rng(0)
    features, train = rng.normal(size=(300, 150)).astype(np.float32), np.arange(200)
    narrow = _narrow(features, train)
    assert narrow.shape == (300, 128)
    assert np.abs(narrow[train].mean(axis=0)).max() < 1e-4
    other = features.copy()
    other[200:] *= 7
    assert np.allclose(_narrow(other, train)[train], narrow[train], atol=1e-4)
    assert _narrow(features[:, :20], train) is not None
    assert _narrow(features[:, :20], train).shape == (300, 20)
