"""All faults of a comparison show before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from mmgraph.errors import MMGraphError, UserError
from mmgraph.evaluation.plan import Request, plan_comparison
from mmgraph.graph.graph import Graph
from mmgraph.training import train


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"splits": 0}, "--splits: got 0"),
        ({"splits": 2}, "--dataset: several splits are made from the data set"),
        ({"splits": 2, "dataset": "glyphs"}, "was not built from a data set"),
        ({"trials": -1}, "--trials: got -1"),
        ({"controls": "some"}, "wanted none, few or all"),
        ({"controls": "few"}, "--subject: controls are made of one model, and no entry here reads the rel"),
        ({"controls": "all", "models": ["ridge"], "task": "size", "subject": "ridge"}, "ridge is a baseline"),
        (
            {"models": ["hetero_gat"], "overrides": ["model.options.edge_dropout=0.1"]},
            r"^mlp: model\.options.*edge_dropout.* It is a control of hetero_gat: .* take --controls none",
        ),
        ({"subject": "mlq"}, "Did you mean 'mlp'"),
        ({"task": "scrpt"}, "Did you mean 'script'"),
        ({"models": ["hetero_gatt"]}, "Did you mean 'hetero_gat'"),
        ({"models": ["hetero_gat[edgs=none]"]}, "edgs"),
        ({"models": ["ridge"]}, "Use 'logistic_regression' or"),
        ({"overrides": ["max_epochs=none"]}, "max_epochs"),
        ({"seeds": 0}, "at least 1"),
        ({"seeds": [1, 1]}, "different seeds"),
        ({"seeds": [-1]}, "from 0 up"),
    ],
)
def test_faults_show_at_once(graph: Graph, change: dict[str, Any], message: str) -> None:
    task = change.pop("task", "script")
    arguments: dict[str, Any] = {"models": ["mlp"], "seeds": 1} | change
    with pytest.raises(UserError, match=message):
        plan_comparison(graph, task, Request(**arguments))


@pytest.mark.parametrize(("task", "first"), [("script", "logistic_regression"), ("size", "ridge")])
def test_by_default_the_baselines_of_the_kind_and_all_controls_take_part(
    graph: Graph, task: str, first: str
) -> None:
    plan = plan_comparison(graph, task, Request(seeds=1))
    models = [entry.name for entry in plan.entries]
    assert models == [
        first,
        "gradient_boosting",
        "label_propagation",
        "mlp",
        "cross_modal_transformer",
        "co_attention",
        "hetero_gat",
        "hetero_gat[edges=none]",
        "hetero_gat[edges=shuffled]",
        "hetero_gat[features=noise]",
        "hetero_gat[without.modalities=picture]",
        "hetero_gat[without.modalities=name]",
    ]
    assert plan.subject == "hetero_gat"
    kinds = {name: role.kind for name, role in plan.roles.items()}
    assert [kinds[name] for name in models] == [
        "without_relations",
        "without_relations",
        "without_features",
        "without_relations",
        "without_relations",
        "without_relations",
        "rival",
        "without_relations",
        "shuffled",
        "without_features",
        "modality",
        "modality",
    ]


@pytest.mark.parametrize(
    ("models", "subject", "about"),
    [
        (["mlp", "hetero_sage", "hetero_gat"], None, "hetero_sage"),
        # What is a control itself is no subject; what a control is made of keeps its own settings.
        (["hetero_gat[edges=shuffled]", "hetero_gat[model.heads=2]"], None, "hetero_gat[model.heads=2]"),
        (["hetero_gat", "hgt"], "hgt", "hgt"),
        (["hetero_gat", "mlp"], "mlp", "mlp"),
    ],
)
def test_models_that_are_named_have_the_controls_of_the_first_that_reads_relations(
    graph: Graph, models: list[str], subject: str | None, about: str
) -> None:
    plan = plan_comparison(graph, "script", Request(models, 1, subject=subject))
    names = [entry.name for entry in plan.entries]
    assert names[: len(models)] == models
    assert plan.subject == about
    assert plan.added == len(names) - len(models)
    added = names[len(models) :]
    assert {"logistic_regression", "gradient_boosting", "label_propagation"} < set(added)
    own = about.partition("[")[0] + "["
    rest = [name for name in added if "[" in name]
    assert all(name.startswith(own) for name in rest)
    assert sum(plan.roles[name].kind == "modality" for name in rest) == 2
    assert any("edges=none" in name for name in rest) == (about != "mlp")


@pytest.mark.parametrize(
    "change",
    [
        {"models": ["mlp", "cross_modal_transformer"]},
        {"models": ["hetero_gat[edges=none]"]},
        {"models": ["hetero_gat"], "overrides": ["edges=none"]},
        {"models": ["hetero_gat"], "controls": "none"},
        {"models": ["logistic_regression", "mlp"], "subject": "logistic_regression"},
    ],
)
def test_nothing_is_added_where_no_model_reads_relations_or_nobody_wants_it(
    graph: Graph, change: dict[str, Any]
) -> None:
    plan = plan_comparison(graph, "script", Request(**{"seeds": 1} | change))
    assert [entry.name for entry in plan.entries] == change["models"]
    assert plan.added == 0


def test_what_the_subject_leaves_out_no_control_brings_back(graph: Graph) -> None:
    plan = plan_comparison(graph, "script", Request(["hetero_gat[without.modalities=name]"], 1))
    assert not any("picture" in entry.name for entry in plan.entries)
    assert plan.entries[-1].name == "hetero_gat[without.modalities=name,features=noise]"


def test_few_controls_leave_no_part_out(graph: Graph) -> None:
    plan = plan_comparison(graph, "script", Request(["hetero_gat"], 1, controls="few"))
    assert [entry.name for entry in plan.entries] == [
        "hetero_gat",
        "logistic_regression",
        "gradient_boosting",
        "label_propagation",
        "mlp",
        "hetero_gat[edges=none]",
        "hetero_gat[edges=shuffled]",
        "hetero_gat[features=noise]",
    ]


def test_a_model_without_relations_needs_no_control_of_them(graph: Graph) -> None:
    plan = plan_comparison(graph, "script", Request(["mlp"], 1, controls="all", subject="mlp"))
    names = [entry.name for entry in plan.entries]
    assert not any("edges" in name or "noise" in name for name in names)
    assert "mlp[without.modalities=picture]" in names


def test_needs_test_labels(graph: Graph) -> None:
    table = graph.nodes["mark"].copy()
    table.loc[table["split:script"] == "test", "target:script"] = None
    nodes = {**graph.nodes, "mark": table}
    unlabelled = Graph(graph.schema, graph.manifest, graph.tasks, nodes, graph.features, graph.edges)
    with pytest.raises(MMGraphError, match="test split"):
        plan_comparison(unlabelled, "script", Request(["mlp"], 1))


def test_a_baseline_runs_once_and_a_model_with_every_seed(graph: Graph) -> None:
    plan = plan_comparison(graph, "script", Request(["logistic_regression", "mlp"], [3, 7]))
    assert [plan.seeds_of(entry) for entry in plan.entries] == [(3,), (3, 7)]


def test_a_baseline_reads_the_labels_that_a_model_reads_with_the_first_seed(graph: Graph) -> None:
    overrides = ["label_share=0.2", "max_epochs=1", "device=cpu"]
    plan = plan_comparison(graph, "script", Request(["logistic_regression", "mlp"], [5, 6], overrides))
    run = train(graph, task="script", model="mlp", overrides=overrides, seed=5)
    assert plan.ground.task.rows("train").tolist() == run.task.rows("train").tolist()
    assert len(plan.ground.task.rows("train")) < 15
    everything = plan_comparison(graph, "script", Request(["logistic_regression"], [5]))
    assert len(everything.ground.task.rows("train")) == 45
    assert (plan.ground.features == everything.ground.features).all()
