"""``mmgraph compare`` over random splits, from its options to what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

Call = Callable[..., Any]
BASELINES = "logistic_regression,gradient_boosting,label_propagation"


def test_splits_of_the_data_set_that_the_graph_was_built_from(call: Call, graph: str, tmp_path: Path) -> None:
    out = tmp_path / "cmp"
    command = (
        "compare",
        graph,
        "--task",
        "script",
        "--models",
        BASELINES,
        "--splits",
        "3",
        "--dataset",
        "glyphs",
    )
    command = (*command, "--subject", "logistic_regression", "--seeds", "1", "--out", str(out), "--quiet")
    told = call(*command, "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert found["draws"] == [0, 1, 2]
    assert all(result["draws"] == [0, 1, 2] for result in found["results"])
    assert {c["model"] for c in found["contrasts"]} == {"gradient_boosting", "label_propagation"}
    assert all(c["interval"][0] <= c["gain"] <= c["interval"][1] for c in found["contrasts"])
    assert found["verdict"]["question"].startswith("Does logistic_regression beat")
    runs = out / "runs" / "logistic_regression"
    parts = [
        pd.read_parquet(runs / name / "predictions.parquet")["split"].tolist() for name in ("0", "split-1/0")
    ]
    assert parts[0] != parts[1]
    assert sorted(path.name for path in (out / "graphs").iterdir()) == ["1", "2"]

    shown = call(*command, "--resume")
    assert shown.code == 0, shown.err
    assert "logistic_regression, difference of accuracy" in shown.out
    assert found["verdict"]["text"] in shown.out
    assert call(*command).code == 2


def test_controls_of_the_subject_are_added_unless_nobody_wants_them(
    call: Call, graph: str, tmp_path: Path
) -> None:
    told = call(
        *("compare", graph, "--task", "script", "--models", "mlp", "--subject", "mlp"),
        *("--seeds", "1", "--out", str(tmp_path / "cmp"), "--json"),
    )
    assert told.code == 0, told.err
    assert told.err.startswith("6 runs, 5 of them controls of mlp (--controls few: 4, --controls none: 1)\n")
    roles = {result["model"]: result["role"] for result in json.loads(told.out)["results"]}
    assert roles["gradient_boosting"] == "without_relations"
    assert roles["label_propagation"] == "without_features"
    assert [name for name, role in roles.items() if role == "modality"] == [
        name for name in roles if "without.modalities" in name
    ]


def test_groups_are_asked_for_before_anything_is_trained(call: Call, graph: str, tmp_path: Path) -> None:
    out = tmp_path / "cmp"
    asked = ("compare", graph, "--task", "script", "--models", "logistic_regression,mlp", "--out", str(out))
    wrong = call(*asked, "--group", "scrip", "--quiet")
    assert (wrong.code, wrong.out) == (2, "")
    assert "--group: there is no column 'scrip'" in wrong.err
    assert not out.exists()
    alone = call(*asked, "--table", "x.csv")
    assert "--table: got a table, but no column of it" in alone.err
    told = call(*asked, "--group", "script", "--seeds", "1", "--quiet")
    assert told.code == 0, told.err
    assert "By script" in (out / "report.html").read_text(encoding="utf-8")
    lines = (out / "paper" / "by-script.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "| group | entities | logistic\\_regression | mlp |"
    assert [line.split()[1] for line in lines[2:5]] == ["greek", "latin", "thai"]
