"""Links from the command line: any relation can be asked for, and baselines take part."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def linked(call: Call, graph: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that asks for pairs of cases."""
    out = tmp_path_factory.mktemp("links") / "run"
    result = call(
        *("train", graph, "--task", "link:case_pair", "--out", str(out), "--quiet", "--json"),
        *("--set", "links.decoder=complex", "--set", "links.negatives=degree"),
    )
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert (document["task"], document["split"]) == ("link:case_pair", "test")
    assert list(document["metrics"])[:5] == ["mrr", "hits@1", "hits@3", "hits@5", "hits@10"]
    return out


def test_evaluate_measures_the_saved_run(call: Call, linked: Path) -> None:
    kept = json.loads((linked / "metrics.json").read_text())
    assert set(kept) == {"validation", "test"}
    for split, metrics in kept.items():
        result = call("evaluate", str(linked), "--split", split, "--json")
        assert json.loads(result.out)["metrics"] == metrics
    notes = json.loads((linked / "run.json").read_text())["notes"]
    assert any("ranked among the 47 other 'glyph' entities" in note for note in notes)


def test_predictions_are_the_best_new_targets(linked: Path) -> None:
    table = pd.read_parquet(linked / "predictions.parquet")
    assert (table.groupby("source").size() == 10).all()
    assert table["source"].nunique() == 48


def test_a_run_of_links_embeds_but_says_nothing_of_single_entities(
    call: Call, linked: Path, tmp_path: Path
) -> None:
    assert call("embed", str(linked), "--out", str(tmp_path / "vectors.parquet"), "--quiet").code == 0
    table = tmp_path / "new.csv"
    table.write_text("id,title,name\nn1,One,letter with stem 1\n")
    result = call("predict", str(linked), "--input", str(table), "--quiet")
    assert result.code == 2
    assert "says nothing of a single entity" in result.err


def test_a_link_is_explained_by_both_ends(call: Call, linked: Path, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    asked = ("explain", str(linked), "--entity", "U+0041", "--answer", "U+0042", "--orders", "4")
    shown = call(*asked, "--page", str(page), "--quiet")
    assert (shown.code, shown.err) == (0, "")
    for part in ("targets of", "U+0042", "score ", "source ", "target ", "what each added", "rank"):
        assert part in shown.out
    assert "The target" in page.read_text(encoding="utf-8")
    document = json.loads(call(*asked, "--json").out)
    assert [end["id"] for end in document["pair"]["ends"]] == ["U+0041", "U+0042"]
    assert (document["role"], document["other"]["role"]) == ("source", "target")
    for side in (document, document["other"]):
        assert sum(part["added"] for part in side["parts"]) == pytest.approx(side["value"] - side["nothing"])
    wrong = call("explain", str(linked), "--entity", "U+0041", "--answer", "nobody")
    assert (wrong.code, wrong.out) == (2, "")
    assert "--answer: there is no glyph with the id 'nobody'" in wrong.err
    assert "pairs of test" in call("explain", str(linked), "--sample", "2", "--quiet").out


def test_a_report_counts_the_links(call: Call, linked: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    result = call("report", str(linked), "--out", str(out), "--quiet")
    assert result.code == 0, result.err
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "edges of case_pair in training" in page
    assert "test links" in page
    assert '<section id="map"' in page


def test_compare_takes_baselines_of_links(call: Call, graph: str, tmp_path: Path) -> None:
    out = tmp_path / "cmp"
    result = call(
        *("compare", graph, "--task", "link:case_pair", "--models", "popularity,mlp", "--seeds", "1"),
        *("--out", str(out), "--quiet", "--json"),
    )
    assert result.code == 0, result.err
    assert [entry["model"] for entry in json.loads(result.out)["results"]] == ["popularity", "mlp"]
    assert (out / "report.html").is_file()


def test_links_are_audited(call: Call, graph: str) -> None:
    result = call("audit", graph, "--task", "link:case_pair")
    assert result.code == 0
    assert "task link:case_pair: no findings; 2 of 2 checks found nothing" in result.out


def test_a_misspelt_relation_is_answered_with_the_nearest(call: Call, graph: str) -> None:
    result = call("train", graph, "--task", "link:case_pairs", "--quiet")
    assert result.code == 2
    assert "has no relation 'case_pairs'. Did you mean 'case_pair'" in result.err
