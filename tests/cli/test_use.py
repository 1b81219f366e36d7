"""What a run says of new entities, and what it finds."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mmgraph as mg

Call = Callable[..., Any]


@pytest.fixture
def newcomers(tmp_path: Path) -> Path:
    """A table of two new characters that have a name alone."""
    file = tmp_path / "new.csv"
    file.write_text("id,title,name\nn2,Two,sign of sound 1\nn1,One,letter with stem 1\n")
    return file


def test_predict_prints_and_writes_the_same_answers(call: Call, trained: str, newcomers: Path) -> None:
    out = newcomers.parent / "answers.csv"
    result = call("predict", trained, "--input", str(newcomers), "--out", str(out), "--json")
    document = json.loads(result.out)
    answers = document["predictions"]
    assert [answer["id"] for answer in answers] == ["n2", "n1"]
    assert {answer["notes"] for answer in answers} == {"no sans"}
    assert document["target"]["classes"] == ["greek", "latin", "thai"]
    for answer in answers:
        assert max(answer["probabilities"]) == pytest.approx(answer["probability"])
        position = answer["probabilities"].index(max(answer["probabilities"]))
        assert answer["prediction"] == document["target"]["classes"][position]
    table = pd.read_csv(out)
    assert table["prediction"].tolist() == [answer["prediction"] for answer in answers]
    shown = call("predict", trained, "--input", str(newcomers), "--quiet")
    assert "no sans" in shown.out
    assert shown.err == ""


def test_search_prints_one_document_and_writes_a_page(call: Call, trained: str, tmp_path: Path) -> None:
    page = tmp_path / "found.html"
    result = call(
        *("search", trained, "--text", "letter with stem 1", "-k", "3", "--where", "script=latin"),
        *("--page", str(page), "--json"),
    )
    document = json.loads(result.out)
    assert [list(one) for one in document["results"]] == [["id", "title", "similarity"]] * 3
    assert (document["entity"], document["candidates"], document["notes"]) == ("glyph", 16, ["no sans"])
    assert document["index"] == {"kind": "flat", "vectors": 48, "recall": 1.0}
    assert all((int(one["id"][2:], 16) - 0x41) % 3 == 0 for one in document["results"])
    assert "letter with stem 1" in page.read_text(encoding="utf-8")
    beside = ("search", trained, "U+0041", "--text", "letter with stem 1", "-k", "60", "--json")
    answers = [json.loads(call(*beside, *more).out)["results"] for more in ((), ("--weight", "id=9"))]
    assert answers[0] != answers[1]
    assert all("U+0041" not in [row["id"] for row in rows] for rows in answers)
    shown = call("search", trained, "U+0041", "-k", "2", "--quiet")
    assert "among 47 entities of the type glyph; flat index, exact" in shown.out
    assert "U+0041" not in shown.out


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate",),
        ("embed", "--out", "{}/v.npy"),
        ("predict", "--input", "{}/new.csv"),
        ("search", "U+0041"),
        ("cluster", "--clusters", "3"),
        ("anomalies", "-k", "3"),
    ],
)
def test_every_use_of_a_run_can_measure_in_parts(
    call: Call, trained: str, newcomers: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    name, *rest = [part.format(newcomers.parent) for part in command]
    seen = []
    loaded = mg.load_run
    monkeypatch.setattr(
        mg, "load_run", lambda *args, **options: seen.append(options) or loaded(*args, **options)
    )
    assert call(name, trained, *rest, "--eval-batch-size", "7", "--quiet").code == 0
    assert seen == [{"graph": None, "eval_batch_size": 7}]


def test_cluster_prints_one_document_and_writes_a_table(call: Call, trained: str, tmp_path: Path) -> None:
    out = tmp_path / "clusters.csv"
    command = ("cluster", trained, "--clusters", "3", "--against", "script")
    document = json.loads(call(*command, "--out", str(out), "--json").out)
    assert sum(one["size"] for one in document["clusters"]) == document["entities"] == 48
    assert document["against"]["column"] == "script"
    table = pd.read_csv(out)
    assert list(table) == ["id", "title", "cluster", "similarity"]
    assert table["cluster"].value_counts().tolist() == [one["size"] for one in document["clusters"]]
    shown = call(*command, "--quiet")
    assert "adjusted Rand index" in shown.out
    assert shown.err == ""


def test_anomalies_shows_the_least_usual_and_writes_all(call: Call, trained: str, tmp_path: Path) -> None:
    out = tmp_path / "scores.jsonl"
    command = ("anomalies", trained, "-k", "4", "--top", "2")
    document = json.loads(call(*command, "--out", str(out), "--json").out)
    scores = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert document["anomalies"] == scores[:2]
    assert len(scores) == 48
    assert document["training_entities"] == sum(one["split"] == "train" for one in scores)
    shown = call(*command, "--quiet")
    assert scores[0]["title"] in shown.out


def test_robustness_prints_tables_and_one_document(call: Call, trained: str, tmp_path: Path) -> None:
    out = tmp_path / "robustness"
    asked = ("evaluate", trained, "--robustness", "--repeats", "1", "--group", "script", "--quiet")
    shown = call(*asked, "--out", str(out))
    assert (shown.code, shown.err) == (0, "")
    for part in ("by the share of the entities that lack a modality", "by script", "calibration", str(out)):
        assert part in shown.out
    assert (out / "missing.png").is_file()
    document = json.loads(call(*asked, "--json").out)
    plain = json.loads(call("evaluate", trained, "--json").out)
    assert document["metrics"] == plain["metrics"]
    assert {point["aspect"] for point in document["curves"]} >= {"missing", "noise"}
    again = call("evaluate", trained, "--robustness", "--out", str(out))
    assert (again.code, again.out) == (2, "")
    assert "is there already" in again.err


def test_options_of_robustness_ask_for_it(call: Call, trained: str) -> None:
    result = call("evaluate", trained, "--repeats", "2")
    assert (result.code, result.out) == (2, "")
    assert "--repeats: says something of --robustness, which is not asked for" in result.err
    result = call("evaluate", trained, "--seed", "0")
    assert (result.code, result.out) == (2, "")
    assert "--seed: says something of --robustness, which is not asked for" in result.err
    result = call("evaluate", trained, "--robustness", "--table", "x.csv")
    assert "--table: got a table, but no column of it" in result.err


def test_predict_uses_the_temperature_that_was_kept(
    call: Call, trained: str, newcomers: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    graph = str(Path(trained).parent / "graph")
    asked = ("predict", str(folder), "--graph", graph, "--input", str(newcomers), "--json")
    before = json.loads(call(*asked).out)["predictions"]
    result = call("evaluate", str(folder), "--graph", graph, "--calibrate", "--quiet")
    assert result.code == 0, result.err
    temperature = float(result.out.split()[2].rstrip(","))
    assert re.search(r"negative log likelihood on test: \d\.\d{4} before, \d\.\d{4} now", result.out)
    after = json.loads(call(*asked).out)["predictions"]
    for one, other in zip(before, after, strict=True):
        assert one["prediction"] == other["prediction"]
        scaled = np.array(one["probabilities"]) ** (1 / temperature)
        assert other["probabilities"] == pytest.approx(scaled / scaled.sum(), rel=1e-2)


def test_explain_prints_tables_one_document_and_a_page(call: Call, trained: str, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    shown = call("explain", trained, "--entity", "U+0041", "--page", str(page), "--quiet")
    assert (shown.code, shown.err) == (0, "")
    for part in ("mlp says that", "what each added", "fidelity+", "integrated gradients", str(page)):
        assert part in shown.out
    assert "Shapley values" in page.read_text(encoding="utf-8")
    document = json.loads(call("explain", trained, "--entity", "U+0041", "--json").out)
    assert document["id"] == "U+0041"
    gained = sum(part["added"] for part in document["parts"])
    assert gained == pytest.approx(document["value"] - document["nothing"])
    again = call("explain", trained, "--entity", "U+0041", "--page", str(page))
    assert (again.code, again.out) == (2, "")
    assert "is there already" in again.err


def test_report_writes_a_page_and_what_a_paper_takes(call: Call, trained: str, tmp_path: Path) -> None:
    out = tmp_path / "report"
    asked = ("report", trained, "--group", "script", "--explain", "U+0041", "--out", str(out))
    shown = call(*asked, "--quiet")
    assert (shown.code, shown.err) == (0, "")
    assert str(out / "report.html") in shown.out
    page = (out / "report.html").read_text(encoding="utf-8")
    for part in ("By script", "What answers rest on", "By class"):
        assert part in page
    assert (out / "paper" / "by-script.tex").is_file()
    again = call(*asked)
    assert (again.code, again.out) == (2, "")
    assert "is there already" in again.err
    told = json.loads(call(*asked, "--overwrite", "--json").out)
    assert told == {"run": trained, "folder": str(out), "page": str(out / "report.html")}
    wrong = call("report", trained, "--group", "scrip", "--out", str(tmp_path / "other"))
    assert (wrong.code, wrong.out) == (2, "")
    assert "--group: there is no column 'scrip'" in wrong.err


def test_explain_takes_a_class_or_the_whole_task(call: Call, trained: str) -> None:
    shown = call("explain", trained, "--sample", "3", "--quiet")
    assert (shown.code, shown.err) == (0, "")
    assert "mlp on script: 3 of 12 entities of test" in shown.out
    document = json.loads(call("explain", trained, "--class", "latin", "--sample", "2", "--json").out)
    assert (document["answer"], document["entities"]) == ("latin", 2)
    result = call("explain", trained, "--page", "x.html")
    assert (result.code, result.out) == (2, "")
    assert "--page: goes with --entity" in result.err
    result = call("explain", trained, "--entity", "U+0041", "--sample", "3")
    assert "--sample: goes with a whole class or task" in result.err
