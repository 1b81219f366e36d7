"""What `mmgraph audit` prints, and its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mmgraph.evaluation.audit.checks import checks_on

Call = Callable[..., Any]
COUNT = len(checks_on("targets"))
KEYS = {"check", "severity", "where", "what", "count", "of", "sure", "fix", "figure", "chance", "at_least"}


def test_findings_are_told_and_end_with_1(call: Call, graph: str) -> None:
    result = call("audit", graph, "--task", "script")
    assert result.code == 1
    assert "same_content: modality glyph/name" in result.out
    assert "How sure: counted." in result.out
    assert "Not looked at: telling_column" in result.out
    assert f"audit: {COUNT}/{COUNT}" in result.err


def test_json_is_one_document_of_a_stable_shape(call: Call, graph: str) -> None:
    result = call("audit", graph, "--task", "script", "--dataset", "glyphs", "--json", "--quiet")
    document = json.loads(result.out)
    assert result.code == 1
    assert result.err == ""
    assert document["format"] == 1
    assert document["split"] == ["validation", "test"]
    assert document["dataset"] is True
    assert document["clean"] is False
    assert all(set(finding) == KEYS | {"examples"} for finding in document["findings"])
    assert [set(check) for check in document["checks"]] == [
        {"check", "question", "findings", "skipped"} for _ in range(COUNT)
    ]
    found = sum(check["findings"] for check in document["checks"])
    assert found == len(document["findings"]) > 0


def test_a_graph_without_findings_ends_with_0(call: Call, graph: str) -> None:
    found = json.loads(call("audit", graph, "--task", "script", "--json", "-q").out)["findings"]
    skipped = [f"--skip={finding['check']}" for finding in found]
    result = call("audit", graph, "--task", "script", "--quiet", *skipped)
    assert result.code == 0, result.out
    assert "no findings" in result.out
    assert f"Not looked at: {found[0]['check']} (left out by --skip)." in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--task", "scrpt"), "Did you mean 'script'"),
        (("--task", "script", "--split", "tset"), "Did you mean 'test'"),
        (("--task", "script", "--skip", "row_ordr"), "Did you mean 'row_order'"),
        (("--task", "script", "--group", "case_pare"), "Did you mean 'case_pair'"),
        (("--task", "script", "--dataset", "glpyhs"), "Did you mean 'glyphs'"),
    ],
)
def test_faults(call: Call, graph: str, arguments: tuple[str, ...], words: str) -> None:
    result = call("audit", graph, "--quiet", *arguments)
    assert result.code == 2
    assert words in result.err
    assert result.out == ""


def test_another_dataset_is_refused(call: Call, graph: str, tmp_path: Any) -> None:
    (tmp_path / "glyphs.csv").write_text("id\ng1\ng2\n")
    (tmp_path / "dataset.yaml").write_text("name: other\nentities: {glyph: {table: glyphs.csv}}\n")
    result = call("audit", graph, "--quiet", "--task", "script", "--dataset", str(tmp_path))
    assert result.code == 2
    assert "was not built from it as it is now" in result.err
