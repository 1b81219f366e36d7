"""The report of one run: page, JSON, tables and figures."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

import mmgraph as mg
from mmgraph.errors import ConfigError, GraphError, MissingDependencyError, RunError, UserError
from mmgraph.evaluation.report_map import map_section
from mmgraph.graph.graph import Graph
from mmgraph.training import Run, train

SMALL = ("model.hidden_channels=8", "model.num_layers=1", "max_epochs=4", "device=cpu")


@pytest.fixture(scope="module")
def run(graph: Graph) -> Run:
    """Return a small run on the hostile graph."""
    return train(graph, task="script", model="hetero_gat", overrides=SMALL, seed=3)


@pytest.fixture(scope="module")
def written(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a report with everything in it."""
    folder = tmp_path_factory.mktemp("report")
    found = mg.robustness(run, aspects=["missing", "edges", "calibration", "selective"], repeats=2)
    found.save(folder / "tried")
    # A part of the ids, so that some entities are in no group.
    table = pd.DataFrame({"id": [f"m{i}" for i in range(80)], "shape": ["round", "square"] * 40})
    mg.report(
        run,
        folder / "out",
        groups=["shape"],
        table=table,
        robustness=folder / "tried",
        explain=["m1"],
    )
    return folder / "out"


def test_says_how_good_it_is_and_how_sure_that_is(run: Run, written: Path) -> None:
    page = (written / "report.html").read_text()
    measured = run.evaluate("test")
    document = json.loads((written / "report.json").read_text())
    assert document["metrics"]["test"] == measured
    assert f">{measured['accuracy']:.3f}<" in page
    assert "seed 3" in page
    assert "mmgraph train graph --task script --config config.yaml --out run" in page


def test_has_every_section(written: Path) -> None:
    page = (written / "report.html").read_text()
    for section in (
        "splits",
        "data",
        "curves",
        "errors",
        "slices",
        "robustness",
        "map",
        "explained",
        "repeat",
    ):
        assert f'<section id="{section}"' in page
        assert f'<a href="#{section}">' in page
    for title in ("By shape", "By what is missing", "Modalities missing"):
        assert title in page


def test_hostile_text_is_text_wherever_it_stands(written: Path) -> None:
    page = (written / "report.html").read_text()
    assert "<script>alert" not in page
    # In a card, in the map and in the explanation of the entity.
    assert page.count("&lt;script&gt;alert") >= 3


def test_tables_and_figures_for_a_paper(written: Path) -> None:
    paper = written / "paper"
    names = {path.name for path in paper.iterdir()}
    for name in ("results", "classes", "by-shape", "by-what-is-missing"):
        assert {f"{name}.md", f"{name}.tex"} <= names
    for name in ("curves", "confusion"):
        assert {f"{name}.svg", f"{name}.png"} <= names
    assert "| class | entities |" in (paper / "classes.md").read_text()
    assert r"\begin{tabular}{lrrrr}" in (paper / "classes.tex").read_text()
    assert "date" not in (paper / "curves.svg").read_text().lower()


def test_groups_are_those_of_the_table(run: Run, written: Path) -> None:
    table = run.predictions()
    test = table[table["split"] == "test"]
    known = test[test["id"].isin([f"m{i}" for i in range(80)])]
    shape = known["id"].str.removeprefix("m").astype(int).mod(2).map({0: "round", 1: "square"})
    share = (known["target"] == known["prediction"]).groupby(shape).mean()
    lines = (written / "paper" / "by-shape.md").read_text().splitlines()
    assert f"| round | {(shape == 'round').sum()} | {share['round']:.3f} |" in lines
    assert any(line.startswith("| (empty) |") for line in lines)


def test_same_run_same_page(run: Run, written: Path, tmp_path: Path) -> None:
    first, second = (mg.report(run, tmp_path / name).read_bytes() for name in ("a", "b"))
    assert first == second
    for name in ("confusion.svg", "confusion.png"):
        assert (tmp_path / "a" / "paper" / name).read_bytes() == (
            tmp_path / "b" / "paper" / name
        ).read_bytes()


def test_robustness_of_the_run_folder_is_found(run: Run, graph: Graph, tmp_path: Path) -> None:
    graph.save(tmp_path / "graph")
    saved = train(
        mg.load_graph(tmp_path / "graph"), task="script", model="mlp", overrides=SMALL, out=tmp_path / "run"
    )
    mg.robustness(saved, aspects=["selective"]).save(tmp_path / "run" / "robustness")
    page = mg.report(mg.load_run(tmp_path / "run"), tmp_path / "out")
    assert "The surest answers alone" in page.read_text()


def test_robustness_from_before_a_calibration_is_refused(graph: Graph, tmp_path: Path) -> None:
    run = train(graph, task="script", model="mlp", overrides=SMALL, seed=0)
    mg.robustness(run, aspects=["calibration"]).save(tmp_path / "before")
    run.module.head.temperature.fill_(2.0)
    with pytest.raises(RunError, match="was made at the temperature 1, and the run has 2 now"):
        mg.report(run, tmp_path / "out", robustness=tmp_path / "before")


def test_robustness_of_another_run_is_refused(run: Run, graph: Graph, tmp_path: Path) -> None:
    other = train(graph, task="script", model="mlp", overrides=SMALL, seed=0)
    mg.robustness(other, aspects=["selective"]).save(tmp_path / "other")
    with pytest.raises(RunError, match="was made of another run: mlp on script"):
        mg.report(run, tmp_path / "out", robustness=tmp_path / "other")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "robustness.json").write_text("{}")
    with pytest.raises(RunError, match="cannot be read"):
        mg.report(run, tmp_path / "out", robustness=tmp_path / "broken")
    assert not (tmp_path / "out").exists()


def test_faults_are_told_before_anything_is_written(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match=r"no column 'scrip'.*script"):
        mg.report(run, out, groups=["scrip"])
    with pytest.raises(ConfigError, match="got a table, but no column"):
        mg.report(run, out, table=pd.DataFrame({"id": ["m1"]}))
    with pytest.raises(GraphError, match="nobody"):
        mg.report(run, out, explain=["nobody"])
    assert not out.exists()
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="not mmgraph's to replace"):
        mg.report(run, out, overwrite=True)


def test_regression_has_slices_and_a_map_of_its_values(graph: Graph, tmp_path: Path) -> None:
    run = train(graph, task="size", model="mlp", overrides=SMALL)
    page = mg.report(run, tmp_path / "out").read_text()
    assert "mean absolute error on the test entities of a group" in page
    assert '<section id="map"' in page
    assert "By class" not in page
    # A number is near or far, not right or wrong.
    assert 'value="split"' in page
    assert 'value="wrong"' not in page


@pytest.mark.parametrize(
    ("task", "told", "parts"),
    [
        ("retrieval:picture,name", "rank of the own answer", True),
        ("matching:picture,name", "own pair", True),
        ("script,size", "script", True),
        ("link:like", "links", False),
    ],
)
def test_other_tasks_have_a_map(graph: Graph, tmp_path: Path, task: str, told: str, parts: bool) -> None:
    run = train(graph, task=task, model="mlp", overrides=[*SMALL, "max_epochs=1"])
    section = map_section(run)
    assert section is not None
    assert section.what == told
    assert bool(section.splits) == parts
    assert {point.label for point in section.points} <= set(range(len(section.labels)))
    page = mg.report(run, tmp_path / "out").read_text()
    assert f"checked> {told}</label>" in page
    assert ('value="split"' in page) == parts


def test_each_of_several_tasks_is_explained(graph: Graph, tmp_path: Path) -> None:
    run = train(graph, task="script,size", model="mlp", overrides=[*SMALL, "max_epochs=1"])
    page = mg.report(run, tmp_path / "out", explain=["m4"]).read_text()
    assert "Mark 4 (m4), script" in page
    assert "Mark 4 (m4), size" in page


def test_a_map_by_umap(run: Run, tmp_path: Path) -> None:
    if importlib.util.find_spec("umap") is None:
        with pytest.raises(MissingDependencyError, match=r"umap-learn is not installed.*mmgraph\[umap\]"):
            mg.report(run, tmp_path / "out", map_method="umap")
        assert not (tmp_path / "out").exists()
        return
    first, second = (map_section(run, "umap") for _ in range(2))
    assert first is not None
    assert first == second
    assert "by UMAP" in first.caption
    assert first.points != map_section(run).points
    with pytest.raises(ConfigError, match="--map: there is no map by 'pca'"):
        mg.report(run, tmp_path / "out", map_method="pca")
