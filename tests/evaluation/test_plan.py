"""All faults of a comparison show before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from mmgraph.errors import MMGraphError, UserError
from mmgraph.evaluation.plan import plan_comparison
from mmgraph.graph.graph import Graph
from mmgraph.training import train


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "scrpt"}, "Did you mean 'script'"),
        ({"models": ["hetero_gatt"]}, "Did you mean 'hetero_gat'"),
        ({"models": ["hetero_gat[edgs=none]"]}, "edgs"),
        ({"models": ["ridge"]}, "Use 'logistic_regression' instead"),
        ({"overrides": ["max_epochs=none"]}, "max_epochs"),
        ({"seeds": 0}, "at least 1"),
        ({"seeds": [1, 1]}, "different seeds"),
        ({"seeds": [-1]}, "from 0 up"),
    ],
)
def test_faults_show_at_once(graph: Graph, change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"task": "script", "models": ["mlp"], "seeds": 1} | change
    with pytest.raises(UserError, match=message):
        plan_comparison(graph, **arguments)


@pytest.mark.parametrize(("task", "first"), [("script", "logistic_regression"), ("size", "ridge")])
def test_by_default_the_baselines_of_the_kind_take_part(graph: Graph, task: str, first: str) -> None:
    plan = plan_comparison(graph, task, None, 1)
    models = [entry.name for entry in plan.entries]
    assert models == [first, "mlp", "cross_modal_transformer", "co_attention", "hetero_gat"]


def test_needs_test_labels(graph: Graph) -> None:
    table = graph.nodes["mark"].copy()
    table.loc[table["split:script"] == "test", "target:script"] = None
    nodes = {**graph.nodes, "mark": table}
    unlabelled = Graph(graph.schema, graph.manifest, graph.tasks, nodes, graph.features, graph.edges)
    with pytest.raises(MMGraphError, match="test split"):
        plan_comparison(unlabelled, "script", ["mlp"], 1)


def test_a_baseline_runs_once_and_a_model_with_every_seed(graph: Graph) -> None:
    plan = plan_comparison(graph, "script", ["logistic_regression", "mlp"], [3, 7])
    assert [plan.seeds_of(entry) for entry in plan.entries] == [(3,), (3, 7)]
    assert plan.features is not None
    assert plan_comparison(graph, "script", ["mlp"], 1).features is None


def test_a_baseline_reads_the_labels_that_a_model_reads_with_the_first_seed(graph: Graph) -> None:
    overrides = ["label_share=0.2", "max_epochs=1", "device=cpu"]
    plan = plan_comparison(graph, "script", ["logistic_regression", "mlp"], [5, 6], overrides)
    run = train(graph, task="script", model="mlp", overrides=overrides, seed=5)
    assert plan.task.rows("train").tolist() == run.task.rows("train").tolist()
    assert len(plan.task.rows("train")) < 15
    everything = plan_comparison(graph, "script", ["logistic_regression"], [5])
    assert len(everything.task.rows("train")) == 45
    assert plan.features is not None
    assert everything.features is not None
    assert (plan.features == everything.features).all()
