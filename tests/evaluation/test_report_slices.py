"""Slices of the test entities: who is in a group, and what counts as right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from mmgraph.errors import ConfigError
from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.report_run import as_comparison
from mmgraph.evaluation.report_slices import Slicing, _scores
from mmgraph.graph.graph import Graph
from mmgraph.training import train

Make = Callable[..., Comparison]


def test_groups_have_the_means_of_their_entities(graph: Graph, make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.7, 0.7], "hetero_gat": [0.9, 0.9]})
    right = comparison.trials[0].predictions.assign(prediction=lambda table: table["target"])
    # One training of hetero_gat is right throughout, and all else says latin of everybody.
    trials = [
        replace(trial, predictions=right) if (trial.entry, trial.seed) == ("hetero_gat", 1) else trial
        for trial in comparison.trials
    ]
    found = Slicing(("script",)).slices(replace(comparison, trials=tuple(trials)), graph)
    assert found is not None
    assert found.entries == ("mlp", "hetero_gat")
    table = next(table for table in found.tables if table.title == "By script")
    cells = {row.group: [cell.text for cell in row.cells if cell is not None] for row in table.rows}
    assert cells["latin"] == ["1.000 ± 0.000", "1.000 ± 0.000"]
    assert cells["greek"] == ["0.000 ± 0.000", "0.500 ± 0.707"]
    assert [row.entities for row in table.rows] == [10, 10, 10]
    greek = next(row for row in table.rows if row.group == "greek")
    assert [cell.best for cell in greek.cells if cell is not None] == [False, True]


def test_groups_hold_the_entities_that_any_split_tests(graph: Graph, make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.7, 0.7]}, splits=True)
    first, second = comparison.trials
    moved = first.predictions["split"].map({"train": "train", "validation": "test", "test": "validation"})
    other = replace(second, predictions=second.predictions.assign(split=moved))
    found = Slicing(("script",)).slices(replace(comparison, trials=(first, other)), graph)
    assert found is not None
    assert found.caption.endswith("Entities are those that any of the splits tests.")
    sizes = graph.nodes["mark"]["split:script"].value_counts()
    for table in found.tables:
        assert sum(row.entities for row in table.rows) == sizes["test"] + sizes["validation"]


def test_what_is_missing_makes_groups_by_itself(graph: Graph, make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.7], "hetero_gat": [0.9]})
    found = Slicing().slices(comparison, graph)
    assert found is not None
    table = next(table for table in found.tables if table.title == "By what is missing")
    test = graph.nodes["mark"].loc[graph.nodes["mark"]["split:script"] == "test", "id"]
    without = sum(int(name.removeprefix("m")) % 5 == 0 for name in test)
    assert {row.group: row.entities for row in table.rows} == {
        "all there": len(test) - without,
        "no picture": without,
    }
    assert {row.group: row.few for row in table.rows} == {"all there": False, "no picture": without < 10}


def test_less_is_better_of_errors(graph: Graph, make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.7], "ridge": [0.9]}, metric="r2_score")
    nodes = graph.nodes["mark"]
    tables = {
        "mlp": comparison.trials[0].predictions.assign(
            target=nodes["target:size"], prediction=nodes["target:size"] + 0.5
        ),
        "ridge": comparison.trials[0].predictions.assign(
            target=nodes["target:size"], prediction=nodes["target:size"] - 0.25
        ),
    }
    trials = tuple(replace(trial, predictions=tables[trial.entry]) for trial in comparison.trials)
    regression = replace(comparison, task="size", spec=graph.tasks["size"], trials=trials)
    found = Slicing(("script",)).slices(regression, graph)
    assert found is not None
    assert "less is better" in found.caption
    row = found.tables[0].rows[0]
    assert [(cell.text, cell.best) for cell in row.cells if cell is not None] == [
        ("0.500", False),
        ("0.250", True),
    ]


def test_several_labels_overlap(make_comparison: Make) -> None:
    trial = make_comparison({"mlp": [0.7]}).trials[0]
    table = pd.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "split": ["test", "test", "test", "train"],
            "target": [["x", "y"], ["x"], [], ["x"]],
            "prediction": [["x"], ["y"], [], ["x"]],
        }
    )
    assert _scores(replace(trial, predictions=table)) == pytest.approx({"a": 2 / 3, "b": 0.0, "c": 1.0})


def test_faults_name_their_option(graph: Graph) -> None:
    with pytest.raises(ConfigError, match=r"--group: there is no column 'scrpt'.*script"):
        Slicing(("scrpt",)).check(graph, "script")
    with pytest.raises(ConfigError, match="--table: got a table, but no column of it"):
        Slicing((), pd.DataFrame({"id": ["m1"]})).check(graph, "script")


def test_no_answer_is_wrong_of_labels_and_not_counted_of_numbers(make_comparison: Make) -> None:
    (trial,) = make_comparison({"mlp": [0.7]}).trials
    labels = pd.DataFrame(
        {
            "id": ["m1", "m2"],
            "split": "test",
            "target": [["a", "b"], ["a"]],
            "prediction": pd.Series([["a"], None], dtype=object),
        }
    )
    assert _scores(replace(trial, predictions=labels)) == {"m1": pytest.approx(2 / 3), "m2": 0.0}
    numbers = labels.assign(target=[1.0, 2.0], prediction=[1.5, None])
    assert _scores(replace(trial, predictions=numbers)) == {"m1": -0.5}


def test_several_tasks_have_slices_each(graph: Graph) -> None:
    run = train(graph, task="script,size", model="mlp", overrides=["max_epochs=1", "device=cpu"], seed=0)
    found = Slicing(("script",)).slices(as_comparison(run), graph.view("script,size"))
    assert found is not None
    titles = [table.title for table in found.tables]
    assert {title.partition(": ")[0] for title in titles} == {"script", "size"}
    assert {"script: by script", "size: by script"} <= set(titles)
    assert "script: The share of the test entities" in found.caption
    assert "size: The mean absolute error" in found.caption
    own = run.predictions()
    latin = own[(own["script/target"] == "latin") & (own["split"] == "test")]
    error = (latin["size/target"] - latin["size/prediction"]).abs().mean()
    cell = next(
        row.cells[0]
        for table in found.tables
        if table.title == "size: by script"
        for row in table.rows
        if row.group == "latin"
    )
    assert cell is not None
    assert float(cell.text) == pytest.approx(error, abs=1e-3)


def test_a_retrieval_has_slices_of_ranks(graph: Graph) -> None:
    overrides = ["max_epochs=1", "device=cpu", "model.hidden_channels=8"]
    run = train(graph, task="retrieval:picture,name", model="mlp", overrides=overrides, seed=0)
    single = as_comparison(run)
    found = Slicing(("script",)).slices(single, graph.view("retrieval:picture,name"))
    assert found is not None
    assert "reciprocal rank" in found.caption
    table = next(table for table in found.tables if table.title == "By script")
    predictions = single.trials[0].on_test
    assert sum(row.entities for row in table.rows) == len(predictions)
    total = sum(row.entities * float(row.cells[0].text) for row in table.rows if row.cells[0] is not None)
    assert total / len(predictions) == pytest.approx((1 / predictions["rank"]).mean(), abs=1e-3)


def test_a_matching_has_slices_of_pairs(graph: Graph) -> None:
    overrides = ["max_epochs=1", "device=cpu", "model.hidden_channels=8"]
    run = train(graph, task="matching:picture,name", model="mlp", overrides=overrides, seed=0)
    found = Slicing(("script",)).slices(as_comparison(run), graph.view("matching:picture,name"))
    assert found is not None
    assert "share of the pairs" in found.caption
