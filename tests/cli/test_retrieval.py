"""Retrieval and pre-training from the command line: no graph need be told of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def retrieved(call: Call, graph: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that finds names by pictures."""
    out = tmp_path_factory.mktemp("retrieval") / "run"
    result = call(
        *("train", graph, "--task", "retrieval:sans,name", "--out", str(out), "--quiet", "--json"),
        *("--set", "contrastive.loss=sigmoid", "--set", "contrastive.related=ignored"),
    )
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert (document["task"], document["split"]) == ("retrieval:sans,name", "test")
    assert list(document["metrics"])[:3] == ["mrr", "sans_to_name_mrr", "sans_to_name_recall@1"]
    return out


def test_evaluate_measures_the_saved_run(call: Call, retrieved: Path) -> None:
    kept = json.loads((retrieved / "metrics.json").read_text())
    assert set(kept) == {"train", "validation", "test"}
    for split, metrics in kept.items():
        result = call("evaluate", str(retrieved), "--split", split, "--json")
        assert json.loads(result.out)["metrics"] == metrics
    table = pd.read_parquet(retrieved / "predictions.parquet")
    asked = table[(table["split"] == "test") & table["rank"].notna()]
    assert len(asked) == kept["test"]["gallery_size"]


def test_pictures_are_found_by_words(call: Call, retrieved: Path, tmp_path: Path) -> None:
    asked = ("search", str(retrieved), "--text", "letter with stem 1", "-k", "3")
    page = tmp_path / "found.html"
    document = json.loads(call(*asked, "--for", "sans", "--page", str(page), "--json").out)
    assert document["for"] == "sans"
    assert [list(one) for one in document["results"]] == [["id", "title", "similarity"]] * 3
    assert ", by sans" in page.read_text(encoding="utf-8")
    assert json.loads(call(*asked, "--json").out)["results"] == document["results"]
    first = document["results"][0]["id"]
    shown = call("search", str(retrieved), first, "--for", "name", "-k", "50", "--quiet").out
    assert "among 48 entities of the type glyph, by name; flat index, exact" in shown
    assert first in shown
    refused = call("search", str(retrieved), first)
    assert refused.code == 2
    assert "Say it: --for sans or --for name." in refused.err


def test_a_report_shows_what_is_found(call: Call, retrieved: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    result = call("report", str(retrieved), "--out", str(out), "--quiet")
    assert result.code == 0, result.err
    page = (out / "report.html").read_text(encoding="utf-8")
    table = pd.read_parquet(retrieved / "predictions.parquet")
    test = table[(table["split"] == "test") & table["target"].notna()]
    first = int((test["rank"] == 1).sum())
    assert f"the right one comes first for {first}, and for half" in page
    shown = page[page.index('<section id="retrieval"') :]
    # From the best to the worst: each an entity and what came first for it.
    worst = test.sort_values(["rank", "id"], kind="stable").iloc[-1]
    last = shown[shown.rindex("its own answer: rank") : shown.index("</section>")]
    assert f"rank {int(worst['rank'])}<" in last
    assert last.index(f">{worst['id']}<") < last.rindex(f">{worst['prediction']}<")
    grouped = call("report", str(retrieved), "--group", "script", "--out", str(tmp_path / "other"))
    assert grouped.code == 0, grouped.err
    page = (tmp_path / "other" / "report.html").read_text(encoding="utf-8")
    assert "By script" in page
    assert "reciprocal rank of the own answer, among all" in page


def test_one_side_is_embedded(call: Call, retrieved: Path, tmp_path: Path) -> None:
    for side in ("sans", "name"):
        out = tmp_path / f"{side}.parquet"
        document = json.loads(call("embed", str(retrieved), "--side", side, "--out", str(out), "--json").out)
        table = pd.read_parquet(out)
        assert (document["side"], document["entities"]) == (side, len(table))
        assert (table["embedding"].map(lambda vector: vector @ vector) - 1).abs().max() < 1e-5
    refused = call("embed", str(retrieved), "--side", "nme", "--out", str(tmp_path / "v.npy"))
    assert "Did you mean 'name'" in refused.err


def test_the_folder_of_a_run_has_a_name_without_signs(
    call: Call, graph: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("train", graph, "--task", "retrieval:glyph/sans,glyph/name", "--model", "mlp", "--quiet")
    assert result.code == 0, result.err
    assert [folder.name for folder in Path("runs").iterdir()] == [
        "graph-retrieval-glyph-sans-glyph-name-mlp-0"
    ]


def test_a_matching_says_of_each_pair_whether_it_is_one(call: Call, graph: str, tmp_path: Path) -> None:
    result = call(
        *("train", graph, "--task", "matching:sans,name", "--model", "mlp", "--out", str(tmp_path / "run")),
        *("--quiet", "--json", "--set", "matching.num_negatives=2"),
    )
    assert result.code == 0, result.err
    metrics = json.loads(result.out)["metrics"]
    assert list(metrics)[:3] == ["auroc", "average_precision", "accuracy"]
    again = call("evaluate", str(tmp_path / "run"), "--split", "test", "--json")
    assert json.loads(again.out)["metrics"] == metrics
    table = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    assert (table["split"] == "test").sum() == metrics["num_pairs"]
    assert set(table) == {"id", "answer", "drawn", "split", "target", "probability", "prediction"}


def test_an_audit_looks_at_both_sides(call: Call, graph: str) -> None:
    result = call("audit", graph, "--task", "retrieval:sans,name", "--json", "--quiet")
    # Several of the small glyphs have the same name.
    assert result.code == 1
    document = json.loads(result.out)
    assert {finding["where"] for finding in document["findings"]} == {"modality glyph/name"}
    checks = {check["check"]: check for check in document["checks"]}
    assert {"own_answer", "copied_sides", "telling_neighbours", "shared_neighbours"} <= checks.keys()
    assert "telling_modality" not in checks
    assert not checks["own_answer"]["findings"]
    assert checks["own_answer"]["skipped"] is None


def test_an_audit_of_what_asks_for_nothing_is_refused(call: Call, graph: str) -> None:
    result = call("audit", graph, "--task", "pretrain")
    assert result.code == 2
    assert "wanted a task that asks for a target of each entity" in result.err


def test_a_training_goes_on_from_a_pretraining(call: Call, graph: str, tmp_path: Path) -> None:
    begun, gone_on = tmp_path / "pretrained", tmp_path / "finetuned"
    result = call(
        *("train", graph, "--task", "pretrain", "--model", "mlp", "--out", str(begun), "--quiet", "--json"),
        *("--set", "objectives.masked_modality=1", "--set", "model.hidden_channels=24"),
    )
    assert result.code == 0, result.err
    assert list(json.loads(result.out)["metrics"]) == ["weighted_loss", "masked_modality_loss"]
    refused = call("report", str(begun), "--out", str(tmp_path / "report"))
    assert (refused.code, refused.out) == (2, "")
    assert "is a pre-training, which has no answers to report" in refused.err
    result = call(
        *("train", graph, "--task", "script", "--init-from", str(begun), "--out", str(gone_on), "--quiet"),
        *("--set", "finetune=linear_probe"),
    )
    assert result.code == 0, result.err
    record = json.loads((gone_on / "run.json").read_text())
    assert record["model"] == "mlp"
    assert any("of the run pretrain, linear_probe" in note for note in record["notes"])
    assert "hidden_channels: 24" in (gone_on / "config.yaml").read_text()


def test_a_folder_that_is_no_run_is_refused(call: Call, graph: str, tmp_path: Path) -> None:
    result = call("train", graph, "--task", "script", "--init-from", str(tmp_path), "--quiet")
    assert result.code == 2
    assert "there is no run.json, so it is no run folder" in result.err


def test_a_retrieval_that_the_graph_need_not_be_told_of_is_compared(
    call: Call, graph: str, tmp_path: Path
) -> None:
    out = tmp_path / "compared"
    models = ("--models", "chance,linear_map", "--seeds", "1", "--quiet")
    result = call("compare", graph, "--task", "retrieval:sans,name", *models, "--out", str(out))
    assert result.code == 0, result.err
    assert "entities (glyph)" in (out / "report.html").read_text(encoding="utf-8")
    # The metrics of each direction stand in a table of their own, and none is lost.
    tables = result.out.split("retrieval:sans,name (test)")[1:]
    titles = [table.splitlines()[0].strip(", ") for table in tables]
    assert titles == ["", "sans to name", "name to sans"]
    for table in tables[1:]:
        heading = next(line for line in table.splitlines() if "model" in line)
        assert [word in heading for word in ("mrr", "recall@10", "ndcg@10", "median rank")] == [True] * 4
        assert [line.split("│")[1].strip() for line in table.splitlines() if line.startswith("│")][:2] == [
            "chance",
            "linear_map",
        ]
