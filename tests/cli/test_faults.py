"""The user's faults: exit code 2, one error that says what to do, no traceback, nothing half-made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]

TRAIN = ("train", "GRAPH", "--task", "script", "--out", "out")
COMPARE = ("compare", "GRAPH", "--task", "script", "--out", "out", "--seeds", "1")
TUNE = ("tune", "GRAPH", "--task", "script", "--out", "out")

FAULTS = {
    "misspelt command": (("trian",), "Did you mean 'train'"),
    "misspelt option": ((*TRAIN, "--modle", "mlp"), "--model"),
    "missing argument": (("train", "--task", "script"), "GRAPH"),
    "missing option": (("train", "GRAPH"), "--task"),
    "option without value": ((*TRAIN, "--model"), "--model"),
    "seed that is no number": ((*TRAIN, "--seed", "one"), "--seed"),
    "negative seed": ((*TRAIN, "--seed", "-1"), "--seed"),
    "missing graph": (("train", "nowhere", "--task", "script", "--out", "out"), "nowhere"),
    "graph that is none": (("inspect", "."), "build-graph"),
    "page that is there": (("inspect", "GRAPH", "--page", "mine"), "is there already"),
    "convert of nothing": (("convert", "nowhere", "--out", "out"), "there is no such file or folder"),
    "convert to what is unknown": (("convert", "GRAPH", "--out", "out.gexf"), "ends in .graphml"),
    "misspelt task": (("train", "GRAPH", "--task", "scrpt", "--out", "out"), "Did you mean 'script'"),
    "misspelt model": ((*TRAIN, "--model", "hetro_gat"), "Did you mean 'hetero_gat'"),
    "misspelt config": ((*TRAIN, "--config", "mlpp"), "Did you mean 'mlp'"),
    "missing config file": ((*TRAIN, "--config", "own.yaml"), "own.yaml"),
    "misspelt config key": ((*TRAIN, "--set", "max_epoch=3"), "max_epochs"),
    "misspelt nested config key": ((*TRAIN, "--set", "model.head=3"), "heads"),
    "--set without =": ((*TRAIN, "--set", "nonsense"), "wanted key=value"),
    "--set with a bad value": ((*TRAIN, "--set", "max_epochs=many"), "max_epochs"),
    "--set with bad YAML": ((*TRAIN, "--set", "model.layers=[a"), "model.layers"),
    "--set below a value": ((*TRAIN, "--set", "seed.x=1"), "seed"),
    "heads that do not divide": ((*TRAIN, "--model", "hetero_gat", "--set", "model.heads=3"), "heads"),
    "fanout that is no number": ((*TRAIN, "--fanout", "15,ten"), "--fanout[1]: got 'ten'"),
    "fanout that is too short": ((*TRAIN, "--fanout", "15"), "the model has 2 layers"),
    "fanout without batches": ((*TRAIN, "--batch-size", "0", "--fanout", "15,10"), "nothing is sampled"),
    "log that is none": ((*TRAIN, "--report-to", "tensorbord"), "Did you mean 'tensorboard'"),
    "negative batch size": ((*TRAIN, "--batch-size", "-1"), "--batch-size"),
    "two models": ((*TRAIN, "--model", "mlp", "--set", "model.name=hetero_gat"), "hetero_gat"),
    "out that holds other files": (
        ("train", "GRAPH", "--task", "script", "--out", "mine"),
        "not mmgraph's to replace",
    ),
    "out that is a file": (("train", "GRAPH", "--task", "script", "--out", "mine/mine.txt"), "mine.txt"),
    "demo over other files": (("demo", "--out", "mine"), "not mmgraph's to replace"),
    "demo with an unknown task": (("demo", "--out", "out", "--task", "scrpt"), "Did you mean 'script'"),
    "run that is there": (("train", "GRAPH", "--task", "script", "--out", "RUN"), "--overwrite"),
    "missing run": (("evaluate", "nowhere"), "nowhere"),
    "split that is none": (("evaluate", "RUN", "--split", "tset"), "'test'"),
    "embedding in an unknown format": (("embed", "RUN", "--out", "v.csv"), ".parquet or .npy"),
    "embedding over a file": (("embed", "RUN", "--out", "taken.npy"), "is there already"),
    "embedding of an unknown entity type": (
        ("embed", "RUN", "--out", "v.npy", "--entity", "glyf"),
        "Did you mean 'glyph'",
    ),
    "new entities that are not there": (("predict", "RUN", "--input", "none.csv"), "none.csv"),
    "answers in an unknown format": (
        ("predict", "RUN", "--input", "mine", "--out", "a.xlsx"),
        "wanted a name that ends in .csv",
    ),
    "new entities in a folder without tables": (
        ("predict", "RUN", "--input", "mine"),
        "holds none of the tables glyphs.csv",
    ),
    "search for nothing": (("search", "RUN"), "nothing is searched for"),
    "search for a misspelt id": (("search", "RUN", "U+041"), "Did you mean 'U+0041'"),
    "search with a picture that is none": (
        ("search", "RUN", "--image", "taken.npy"),
        "is none of the image formats",
    ),
    "search by a column that is none": (
        ("search", "RUN", "U+0041", "--where", "scrpt=latin"),
        "Did you mean 'script'",
    ),
    "page of a search that is there": (("search", "RUN", "U+0041", "--page", "mine"), "is there already"),
    "number of clusters that is none": (("cluster", "RUN", "--clusters", "many"), "--clusters: got 'many'"),
    "clusters against no column": (("cluster", "RUN", "--against", "scrpt"), "Did you mean 'script'"),
    "clusters over a file": (("cluster", "RUN", "--out", "taken.npy"), "wanted a name that ends in .csv"),
    "more neighbours than entities": (("anomalies", "RUN", "-k", "99"), "-k: got 99"),
    "several tasks of which one is none": (
        ("train", "GRAPH", "--task", "script,scrpt", "--out", "out"),
        "Did you mean 'script'",
    ),
    "weights of one task": ((*TRAIN, "--set", "task_weights=uncertainty"), "task_weights: got uncertainty"),
    "misspelt dataset": (("build-graph", "glpyhs", "--out", "out"), "Did you mean 'glyphs'"),
    "misspelt dataset to prepare": (("prepare", "glpyhs", "--out", "out"), "Did you mean 'glyphs'"),
    "misspelt dataset to validate": (("validate", "glpyhs"), "Did you mean 'glyphs'"),
    "misspelt relation": (
        ("build-graph", "glyphs", "--out", "out", "--relation", "case_pairs"),
        "Did you mean 'case_pair'",
    ),
    "misspelt kind of list": (("list", "model"), "Did you mean 'models'"),
    "plugin that is not there": ((*TRAIN, "--plugin", "none.py"), "none.py"),
    "plugin that is no Python": (("list", "models", "--plugin", "mine/mine.txt"), "ends in .py"),
    "plugin that raises": (("list", "models", "--plugin", "raises.py"), "raises.py, line 2: raised KeyError"),
    "plugin that does not parse": (("list", "models", "--plugin", "broken.py"), "broken.py, line 1"),
    "misspelt entry": ((*COMPARE, "--models", "mlp,hetero_gta"), "Did you mean 'hetero_gat'"),
    "misspelt override in an entry": ((*COMPARE, "--models", "hetero_gat[edgs=none]"), "edges"),
    "baseline for another task": ((*COMPARE, "--models", "ridge"), "logistic_regression"),
    "no entry": ((*COMPARE, "--models", ","), "at least one"),
    "trial number that is none": ((*TUNE, "--trials", "many"), "--trials"),
    "no minutes": ((*TUNE, "--minutes", "0"), "--minutes: got 0"),
    "misspelt search space": ((*TUNE, "--space", "mlpp"), "Did you mean 'mlp'"),
    "search space of another model": (
        (*TUNE, "--model", "co_attention", "--space", "mlp"),
        "the model 'co_attention' has no option 'aggr'",
    ),
    "study over other files": ((*TUNE[:-1], "mine", "--resume"), "not mmgraph's to replace"),
    "controls that are none": ((*COMPARE, "--controls", "some"), "wanted none, few or all"),
    "subject that takes no part": ((*COMPARE, "--models", "mlp", "--subject", "mpl"), "Did you mean 'mlp'"),
    "splits of no dataset": ((*COMPARE, "--models", "mlp", "--splits", "2"), "--dataset"),
    "modality that is not there": (
        (*COMPARE, "--models", "mlp[without.modalities=sens]"),
        "Did you mean 'sans'",
    ),
    "no seed": (("compare", "GRAPH", "--task", "script", "--seeds", "0"), "--seeds"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_one_error_and_nothing_left(
    name: str, call: Call, graph: str, trained: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.txt").write_text("mine")
    (tmp_path / "taken.npy").write_text("mine")
    (tmp_path / "raises.py").write_text("import mmgraph\n{}['missing']\n")
    (tmp_path / "broken.py").write_text("def f(:\n")
    before = sorted(tmp_path.rglob("*"))
    arguments, words = FAULTS[name]
    places = {"GRAPH": graph, "RUN": trained}
    result = call(*(places.get(argument, argument) for argument in arguments), *_quiet(arguments))
    assert result.code == 2, result.err
    assert result.out == ""
    assert words in result.err
    assert [line for line in result.err.splitlines() if line.startswith("error: ")] == [
        result.err.splitlines()[0]
    ]
    assert "Traceback" not in result.err
    assert sorted(tmp_path.rglob("*")) == before


def _quiet(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Progress before an error is no second error; a command that cannot be read takes no option."""
    return () if arguments[0] == "trian" or arguments[-1] == "--model" else ("--quiet",)


def test_validate_lists_all_faults_at_once(call: Call, house: Path, tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text(
        "format: 1\nname: broken\nentities: {thing: {table: none.csv, colour: red}}\nsplitz: {}\n"
    )
    result = call("validate", str(tmp_path))
    assert result.code == 2
    assert "2 faults" in result.err
    assert "splitz" in result.err
    assert "colour" in result.err
