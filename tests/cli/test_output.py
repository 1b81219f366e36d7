"""What commands write, and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mmgraph as mg
from mmgraph.cli.output import write_json, write_table

Call = Callable[..., Any]


def test_train_and_evaluate_print_the_same_document(call: Call, graph: str, tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    trained = call(
        "train", graph, "--task", "script", "--model", "mlp", "--out", out, "--seed", "3", "--json"
    )
    document = json.loads(trained.out)
    assert list(document) == ["task", "model", "split", "metrics"]
    assert (document["task"], document["model"], document["split"]) == ("script", "mlp", "test")
    assert list(document["metrics"]) == ["accuracy", "balanced_accuracy", "f1_score"]
    assert json.loads(call("evaluate", out, "--json").out) == document
    assert json.loads((tmp_path / "run" / "run.json").read_text())["seed"] == 3


def test_flags_and_a_config_train_by_samples(call: Call, graph: str, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(
        "model: {name: hetero_gat, num_layers: 2}\nmax_epochs: 2\nbatch_size: 8\nfanout: [3, 2]\n"
    )
    command = ("train", graph, "--task", "script", "--config", str(tmp_path / "small.yaml"))
    plain = call(*command, "--out", str(tmp_path / "a"), "--json")
    given = call(*command, "--out", str(tmp_path / "b"), "--batch-size", "16", "--fanout", "4,-1", "--json")
    assert "train on mini-batches of 8, fanout 3,2, as the config says" in plain.err
    assert "train on mini-batches of 16, fanout 4,-1, as the config says" in given.err
    for name, result, wanted in (("a", plain, (8, [3, 2])), ("b", given, (16, [4, -1]))):
        record = json.loads((tmp_path / name / "run.json").read_text())
        assert (record["batch_size"], record["fanout"]) == wanted
        assert list(json.loads(result.out)) == ["task", "model", "split", "metrics"]
        assert json.loads(call("evaluate", str(tmp_path / name), "--json").out) == json.loads(result.out)


def test_progress_goes_to_standard_error_and_quiet_silences_it(
    call: Call, graph: str, tmp_path: Path
) -> None:
    arguments = ("compare", graph, "--task", "script", "--models", "mlp", "--seeds", "1", "--json")
    loud = call(*arguments, "--out", str(tmp_path / "a"))
    quiet = call(*arguments, "--out", str(tmp_path / "b"), "--quiet")
    assert "test accuracy" in loud.err
    assert "No model here reads relations, so no controls are added" in loud.err
    assert quiet.err == ""
    first, second = json.loads(loud.out), json.loads(quiet.out)
    assert first["results"] == second["results"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "models"),
        ("list", "datasets"),
        ("list", "configs"),
        ("list", "backends"),
        ("list", "search-spaces"),
        ("tune", "GRAPH", "--task", "script", "--model", "mlp", "--trials", "2", "--out", "study"),
        ("validate", "glyphs"),
        ("inspect", "GRAPH"),
        ("evaluate", "RUN"),
        ("embed", "RUN", "--out", "v.npy"),
        ("prepare", "glyphs", "--out", "prepared"),
        ("build-graph", "glyphs", "--out", "built"),
    ],
)
def test_json_is_one_document(
    call: Call,
    graph: str,
    trained: str,
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"GRAPH": graph, "RUN": trained}
    result = call(*(places.get(argument, argument) for argument in arguments), "--json")
    assert result.code == 0, result.err
    json.loads(result.out)


def test_inspect_tells_what_is_missing_and_alike(call: Call, graph: str) -> None:
    text = call("inspect", graph).out
    assert "16.7%" in text
    assert "looks_like" in text
    assert "homophily" in text
    assert "MiB" in text


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("models", "hetero_gat"),
        ("layers", "late_fusion"),
        ("relations", "knn"),
        ("encoders", "tfidf"),
        ("tasks", "regression"),
        ("datasets", "glyphs"),
        ("configs", "mlp"),
        ("search-spaces", "mlp"),
    ],
)
def test_list_names_and_describes(call: Call, kind: str, name: str) -> None:
    listed = {entry["name"]: entry["description"] for entry in json.loads(call("list", kind, "--json").out)}
    assert listed[name]


@pytest.mark.parametrize("kind", ["models", "layers"])
def test_list_cites_the_paper_of_each(call: Call, kind: str) -> None:
    papers = {entry["name"]: entry["paper"] for entry in json.loads(call("list", kind, "--json").out)}
    assert papers["hgt"] == "Hu et al. 2020, https://arxiv.org/abs/2003.01332"
    assert all("https://arxiv.org/abs/" in paper for paper in papers.values())
    assert "https://arxiv.org/abs/2003.01332" in call("list", kind).out
    assert "paper" not in json.loads(call("list", "tasks", "--json").out)[0]


def test_embed_writes_every_entity(call: Call, trained: str, tmp_path: Path) -> None:
    call("embed", trained, "--out", str(tmp_path / "v.npy"))
    call("embed", trained, "--out", str(tmp_path / "v.parquet"))
    array = np.load(tmp_path / "v.npy", allow_pickle=False)
    table = pd.read_parquet(tmp_path / "v.parquet")
    assert array.shape == (48, 16)
    ids = [f"U+{0x41 + number:04X}" for number in range(48)]
    assert list(pd.read_csv(tmp_path / "v.ids.csv")["id"]) == list(table["id"]) == ids
    np.testing.assert_array_equal(np.stack(table["embedding"].tolist()), array)


def test_embed_writes_new_entities(call: Call, trained: str, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,title,sans,name\nnew1,New,,letter with stem 1\n")
    asked = ("embed", trained, "--input", str(tmp_path / "new.csv"), "--out", str(tmp_path / "v.npy"))
    document = json.loads(call(*asked, "--json").out)
    assert document["entities"] == 1
    assert document["notes"][0].startswith("new1: no sans")
    rows = [{"id": "new1", "title": "New", "name": "letter with stem 1"}]
    wanted = mg.Predictor(mg.load_run(trained)).embed(rows).vectors
    np.testing.assert_allclose(np.load(tmp_path / "v.npy", allow_pickle=False), wanted, atol=1e-6)
    assert "new1: no sans" in call(*asked, "--overwrite").out
    assert "wanted one of both" in call(*asked, "--overwrite", "--modality", "sans").err


def test_embed_writes_the_nodes_of_a_modality(call: Call, trained: str, tmp_path: Path) -> None:
    done = call("embed", trained, "--modality", "sans", "--out", str(tmp_path / "v.parquet"), "--json")
    document, table = json.loads(done.out), pd.read_parquet(tmp_path / "v.parquet")
    assert (document["modality"], document["entities"]) == ("sans", len(table))
    assert (
        "Did you mean 'sans'"
        in call("embed", trained, "--modality", "san", "--out", str(tmp_path / "x.npy")).err
    )


def test_default_folders_are_named_after_what_is_in_them(
    call: Call, graph: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call("build-graph", "glyphs")
    call("train", graph, "--task", "script", "--set", "model.name=mlp", "--seed", "2")
    assert (tmp_path / "graphs" / "glyphs" / "manifest.json").is_file()
    assert (tmp_path / "runs" / "graph-script-mlp-2" / "run.json").is_file()


@pytest.mark.slow
def test_demo_replaces_its_own_folder_only(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    arguments = ("demo", "--out", str(out), "--seeds", "1", "--quiet", "--set", "max_epochs=1")
    assert call(*arguments).code == 0
    (out / "later.txt").write_text("")
    assert call(*arguments).code == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "comparison.json",
        "dataset",
        "demo.json",
        "graph",
        "paper",
        "report.html",
        "results.csv",
        "runs",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert call("evaluate", str(out / "runs" / "hetero_gat" / "0")).code == 0


def test_json_knows_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"a": float("nan"), "b": np.float32(0.5), "c": (np.int64(1),), "d": float("inf")})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": 0.5, "c": [1], "d": None}


def test_table_shows_markup_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(("model", "value"), [("hetero_gat[edges=none]", 0.5), ("[bold]x[/bold]", 12345)])
    text = capsys.readouterr().out
    assert "hetero_gat[edges=none]" in text
    assert "[bold]x[/bold]" in text
    assert "12,345" in text


def test_validate_says_which_relations_it_did_not_build(call: Call) -> None:
    result = call("validate", "glyphs")
    assert "No fault was found" in result.out
    unbuilt = json.loads(call("validate", "glyphs", "--json").out)["not_built"]
    assert unbuilt == ["looks_like"]
    assert "as they need features: looks_like\n" in result.out


def test_a_table_wider_than_the_terminal_comes_in_parts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mmgraph.cli.output._WIDTH_OF_A_PIPE", 60)
    metrics = ["mrr", "average_precision", "hits@10", "seconds"]
    name = "hetero_sage[edges=none]"
    write_table(("model", *metrics), [(name, *["0.123 ± 0.045"] * 3, "4.1")], title="friend")
    printed = capsys.readouterr().out
    assert printed.count("friend") == 1
    # The name in each part; no heading, no number and no name is broken.
    assert printed.count(name) == 3
    assert printed.count("0.123 ± 0.045") == 3
    assert all(printed.count(metric) == 1 for metric in metrics)
    assert max(map(len, printed.splitlines())) <= 60


def test_words_fold_where_numbers_do_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mmgraph.cli.output._WIDTH_OF_A_PIPE", 50)
    write_table(
        ("against", "what it is"),
        [("hetero_gat[edges=none]", "without the modality picture, of which some are")],
    )
    printed = capsys.readouterr().out
    assert "hetero_gat[edges=none]" in printed
    assert {"without", "modality", "picture,"} <= set(printed.split())
    assert max(map(len, printed.splitlines())) <= 50


def test_lists_are_written_as_people_write_them_and_ids_stand_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_table(["id", "labels", "number"], [["7_george_43", ["red", "sale"], 1.0], ["8 by ann", [], 12.5]])
    shown = capsys.readouterr().out
    assert "red, sale" in shown
    assert "│ 8 by ann    │" in shown
    assert "│  1.000 │" in shown
