"""Comparisons for real, on a small graph."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from mmgraph.config import read_yaml
from mmgraph.errors import ConfigError, GraphError, MMGraphError, RunError, UserError
from mmgraph.evaluation.compare import compare
from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.robustness.robustness import robustness
from mmgraph.graph.graph import Graph
from mmgraph.training import train
from mmgraph.training.run_folder import load_run

ENTRIES = ["logistic_regression", "mlp", "hetero_gat[edges=none]"]
SHORT = ["max_epochs=3", "model.hidden_channels=8", "model.heads=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for a graph and its comparison."""
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def comparison(graph: Graph, folder: Path) -> Comparison:
    """Return a comparison that is written beside its graph."""
    graph.save(folder / "graph")
    return compare(
        folder / "graph", task="script", models=ENTRIES, seeds=2, overrides=SHORT, out=folder / "out"
    )


def test_every_entry_has_its_runs(comparison: Comparison) -> None:
    assert [(trial.entry, trial.seed) for trial in comparison.trials] == [
        ("logistic_regression", 0),
        ("mlp", 0),
        ("mlp", 1),
        ("hetero_gat[edges=none]", 0),
        ("hetero_gat[edges=none]", 1),
    ]
    assert comparison.failures == ()


def test_overrides_reach_the_config(comparison: Comparison) -> None:
    config = comparison.of("hetero_gat[edges=none]")[1].config
    assert (config["edges"], config["max_epochs"], config["seed"]) == ("none", 3, 1)
    assert comparison.of("mlp")[0].config["edges"] == "given"


def test_leaves_tables_report_and_runs(comparison: Comparison, folder: Path) -> None:
    assert comparison.folder == folder / "out"
    document = json.loads((folder / "out" / "comparison.json").read_text())
    assert [entry["model"] for entry in document["results"]] == ENTRIES
    assert document["verdict"]["answer"] in {"yes", "no", "not_shown", "partly", "open"}
    table = pd.read_csv(folder / "out" / "results.csv")
    mean = table.query("model == 'mlp' and split == 'test' and metric == 'accuracy'")["value"].mean()
    assert mean == pytest.approx(document["results"][1]["metrics"]["accuracy"]["mean"])
    assert (folder / "out" / "report.html").stat().st_size > 10_000
    assert sorted(path.name for path in (folder / "out" / "runs").iterdir()) == [
        "hetero_gat-edges=none",
        "logistic_regression",
        "mlp",
    ]


def test_a_run_of_it_opens_with_its_graph(comparison: Comparison, folder: Path) -> None:
    run = load_run(folder / "out" / "runs" / "mlp" / "1")
    assert run.evaluate("test") == comparison.of("mlp")[1].metrics["test"]


def test_same_numbers_and_page_without_a_folder(comparison: Comparison, graph: Graph, folder: Path) -> None:
    again = compare(graph, task="script", models=ENTRIES, seeds=2, overrides=SHORT)
    pd.testing.assert_frame_equal(again.table(), comparison.table())
    assert again.folder is None


def test_an_entry_that_raises_leaves_the_others(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mmgraph.evaluation import trials as module

    real = module.train

    def raise_for_mlp(*args: object, **kwargs: object) -> object:
        if kwargs["model"] == "mlp":
            raise ValueError("boom")
        return real(*args, **kwargs)

    monkeypatch.setattr(module, "train", raise_for_mlp)
    found = compare(
        graph,
        task="script",
        models=["mlp", "hetero_gat"],
        controls="none",
        seeds=1,
        overrides=SHORT,
        out=tmp_path / "out",
    )
    assert [str(failure) for failure in found.failures] == ["mlp, seed 0: ValueError: boom"]
    document = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert document["failures"] == [{"model": "mlp", "draw": 0, "seed": 0, "error": "ValueError: boom"}]
    with pytest.raises(MMGraphError, match="mlp, seed 0: failed: ValueError: boom"):
        compare(graph, task="script", models=["mlp"], seeds=1, overrides=SHORT, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_taken_folder_is_refused_before_training(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is not mmgraph's to replace"):
        compare(graph, task="script", models=["mlp"], seeds=1, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_baselines_of_a_regression_are_written(graph: Graph, tmp_path: Path) -> None:
    found = compare(
        graph, task="size", models=["ridge", "gradient_boosting", "label_propagation"], out=tmp_path / "out"
    )
    assert found.failures == ()
    config = read_yaml(tmp_path / "out" / "runs" / "ridge" / "0" / "config.yaml")
    assert config == found.of("ridge")[0].config
    assert config["alpha"] > 0


def test_answers_are_explained_by_the_model_that_is_shown(
    comparison: Comparison, graph: Graph, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmgraph.evaluation.schedule.run_trial", _never)
    again = {"task": "script", "models": ENTRIES, "seeds": 2, "overrides": SHORT, "out": folder / "out"}
    compare(folder / "graph", **again, explain=["m4", "m7"], show="mlp", resume=True)
    page = (folder / "out" / "report.html").read_text()
    assert "Mark 4 (m4)" in page
    assert "Mark 7 (m7)" in page
    assert '<h2 id="map-h">How mlp sees them</h2>' in page
    assert '<a href="#explained">' in page


def _never(*_: object) -> None:
    raise AssertionError("everything is done already")


def test_links_are_explained_on_the_page(graph: Graph, tmp_path: Path) -> None:
    asked = {"task": "link:like", "models": ["mlp"], "controls": "none", "seeds": 1, "overrides": SHORT}
    compare(graph, **asked, out=tmp_path / "out", explain=["m1"])
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "What answers rest on" in page
    assert "(m1), source" in page


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"explain": ["nobody"]}, GraphError, "--explain: there is no entity 'nobody'"),
        (
            {"show": "mpl"},
            ConfigError,
            "--show: there is no model 'mpl' among the entries. Did you mean 'mlp'",
        ),
        ({"show": "logistic_regression"}, ConfigError, "--show: there is no model 'logistic_regression'"),
        (
            {"explain": ["nobody"], "task": "link:like", "models": ["mlp"]},
            GraphError,
            "--explain: there is no entity 'nobody'",
        ),
        ({"explain": ["m1"], "models": ["logistic_regression"]}, ConfigError, "all entries are baselines"),
        ({"explain": ["m1"], "out": None}, ConfigError, "--explain: there is no report to show that in"),
    ],
)
def test_what_a_page_cannot_show_is_refused_before_training(
    graph: Graph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object],
    kind: type[MMGraphError],
    message: str,
) -> None:
    monkeypatch.setattr("mmgraph.evaluation.schedule.run_trial", _never)
    asked = {"task": "script", "models": ["logistic_regression", "mlp"], "out": tmp_path / "out", **options}
    with pytest.raises(kind, match=message):
        compare(graph, **asked)
    assert not (tmp_path / "out").exists()


def test_what_was_tried_of_other_weights_is_refused_before_training(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"task": "script", "models": ["mlp"], "overrides": SHORT, "out": tmp_path / "out"}
    compare(graph, **asked, seeds=1)
    other = train(graph, task="script", model="hetero_gat", overrides=SHORT)
    robustness(other, aspects=["selective"]).save(tmp_path / "out" / "runs" / "mlp" / "0" / "robustness")
    monkeypatch.setattr("mmgraph.evaluation.schedule.run_trial", _never)
    with pytest.raises(RunError, match="was made of another run: hetero_gat on script"):
        compare(graph, **asked, seeds=2, resume=True)
    # Nothing stands in the way of what is made anew.
    assert [item.name for item in tmp_path.iterdir()] == ["out"]
    monkeypatch.undo()
    own = load_run(tmp_path / "out" / "runs" / "mlp" / "0", graph=graph)
    folder = tmp_path / "out" / "runs" / "mlp" / "0" / "robustness"
    robustness(own, aspects=["selective"]).save(folder, overwrite=True)
    found = compare(graph, **asked, seeds=2, resume=True)
    assert len(found.trials) == 2
    assert "The surest answers alone" in (tmp_path / "out" / "report.html").read_text()
