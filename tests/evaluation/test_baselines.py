"""The linear baselines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmgraph.errors import ConfigError
from mmgraph.evaluation.baselines import BASELINES, Fitted
from mmgraph.evaluation.concatenate import concatenated_features
from mmgraph.graph.graph import Graph
from mmgraph.tasks.task import Task

EVERYONE = torch.arange(90)


def _fit(graph: Graph, task_name: str, baseline: str) -> tuple[Task, Fitted]:
    task = Task.from_graph(graph, task_name)
    features = concatenated_features(graph, "mark", task.rows("train").numpy())
    return task, BASELINES[baseline].fit(task, features)


@pytest.mark.parametrize(
    ("task_name", "baseline", "metric"),
    [("script", "logistic_regression", "accuracy"), ("size", "ridge", "r2_score")],
)
def test_learns_what_features_tell(graph: Graph, task_name: str, baseline: str, metric: str) -> None:
    task, fitted = _fit(graph, task_name, baseline)
    rows = task.rows("test")
    output = fitted.output(rows)
    assert output.shape == (len(rows), task.out_channels)
    assert task.metrics(output, rows)[metric] > 0.6


@pytest.mark.parametrize(("task_name", "baseline"), [("script", "logistic_regression"), ("size", "ridge")])
def test_twice_the_same(graph: Graph, task_name: str, baseline: str) -> None:
    first, second = _fit(graph, task_name, baseline)[1], _fit(graph, task_name, baseline)[1]
    assert torch.equal(first.output(EVERYONE), second.output(EVERYONE))
    assert first.config == second.config


@pytest.mark.parametrize(("task_name", "baseline"), [("script", "logistic_regression"), ("size", "ridge")])
def test_test_labels_play_no_part(graph: Graph, task_name: str, baseline: str) -> None:
    table = graph.nodes["mark"].copy()
    held_out = table[f"split:{task_name}"] == "test"
    column = f"target:{task_name}"
    table.loc[held_out, column] = np.roll(table.loc[held_out, column].to_numpy(), 1)
    nodes = {**graph.nodes, "mark": table}
    other = Graph(graph.schema, graph.manifest, graph.tasks, nodes, graph.features, graph.edges)
    fitted = [_fit(one, task_name, baseline)[1] for one in (graph, other)]
    assert torch.equal(fitted[0].output(EVERYONE), fitted[1].output(EVERYONE))


def test_ridge_predicts_on_the_standardised_scale(graph: Graph) -> None:
    task, fitted = _fit(graph, "size", "ridge")
    predictions = fitted.predictions
    assert np.corrcoef(predictions["target"], predictions["prediction"])[0, 1] > 0.8
    assert abs(float(fitted.output(task.rows("train")).mean())) < 0.05


def test_says_which_baseline_fits_the_task(graph: Graph) -> None:
    with pytest.raises(ConfigError, match="Use 'ridge' or 'gradient_boosting'"):
        BASELINES["logistic_regression"].check(Task.from_graph(graph, "size"))
    BASELINES["ridge"].check(Task.from_graph(graph, "size"))
