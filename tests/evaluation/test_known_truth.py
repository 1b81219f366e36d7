"""A comparison from end to end on data whose truth is known: splits, all controls, verdict and report."""

from __future__ import annotations

import html
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import mmgraph as mg
from mmgraph.evaluation.contrasts import contrasts
from mmgraph.evaluation.verdict import judge

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(("case", "missed"), [("graph carries all", {"at"}), ("one modality", {"sound"})])
def test_the_verdict_is_right(case: str, missed: set[str], tmp_path: Path) -> None:
    truths: dict[str, Any] = runpy.run_path(str(BENCHMARKS / "known_truths.py"))
    dataset = truths["write_truth"](tmp_path / "data", truths["TRUTHS"][case], 0)
    mg.build_graph(dataset, out=tmp_path / "graph")
    found = mg.compare(
        tmp_path / "graph",
        task="kind",
        models=["hetero_gat"],
        controls="all",
        splits=5,
        dataset=dataset,
        seeds=1,
        overrides=truths["SHORT"],
        out=tmp_path / "out",
    )
    assert found.failures == ()
    assert len(found.trials) == 5 * len(found.entries)
    verdict = judge(found)
    assert (verdict.answer == "yes") == ("at" in missed), verdict.sentences
    assert verdict.answer in {"yes", "no", "not_shown"}
    signs = {c.role.left_out: c.sign for c in contrasts(found, "hetero_gat") if c.role.left_out}
    # Places are told apart without their view too, by how many things are at them.
    assert {name for name, sign in signs.items() if sign > 0 and name != "view"} == missed
    assert set(signs) == {"at", "meets", "sound", "sight", "view"}
    page = re.sub("</?code>", "`", html.unescape((tmp_path / "out" / "report.html").read_text()))
    for sentence in verdict.sentences:
        assert sentence.split(" (")[0] in page
    # Runs of other splits open with the graph that they were trained on.
    run = mg.load_run(tmp_path / "out" / "runs" / "hetero_gat" / "split-2" / "0")
    assert run.evaluate("test") == found.of("hetero_gat")[2].metrics["test"]
