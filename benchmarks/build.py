"""Measure how a graph is built, opened and built again, side by side with the usual script.

    python benchmarks/build.py [--quick] [--check] [--json FILE] [--case TEXT ...] [--page FILE]

The usual script reads the tables with pandas, looks the ids up in an index, and saves a `HeteroData` with
`torch.save`. Every measurement is a process of its own, and contenders take turns; what a process imports and
compiles first is not counted. Memory is the peak above what the process holds then.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from build_cases import CASES, Case, Goal, measure_step, write_data
from build_page import make_section
from knn_cases import KNN_CASES, KnnCase, measure_knn
from machine import machine, versions
from measure import in_own_process
from performance_page import write_section

ROUNDS = {"quick": 1, "full": 3}
TIMEOUT = 900
_PACKAGES = ("pandas", "pyarrow", "torch", "torch_geometric", "scikit-learn", "faiss-cpu", "numba", "mmgraph")


def main() -> int:
    """Measure, print, and return 1 if a goal is missed and ``--check`` was given."""
    options = _options()
    if options.step:
        case, contender, folder = options.step
        print(json.dumps(measure_step(case, contender, Path(folder))))
        return 0
    if options.knn:
        chosen = next(case for case in KNN_CASES if case.name == options.knn[0])
        print(json.dumps(measure_knn(chosen, options.knn[1])))
        return 0
    size = "quick" if options.quick else "full"
    report: dict[str, Any] = {
        "size": size,
        "machine": machine(),
        "versions": versions(_PACKAGES),
        "cases": [],
    }
    measures = [(case, _measure) for case in CASES] + [(case, _measure_knn) for case in KNN_CASES]
    for case, measure in measures:
        if any(text in case.name for text in options.case or [""]):
            print(f"{case.name} ...", file=sys.stderr)
            result = measure(case, size)
            report["cases"].append(result)
            _print(result, size)
            # After each case, so that an interruption loses none that is done.
            if options.json:
                options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
            if options.page:
                write_section(options.page, "building", make_section(report))
    missed = [f"{r['case']}: {g['text']}" for r in report["cases"] for g in r["goals"] if not g["met"]]
    if options.check:
        for line in missed:
            print(f"missed: {line}")
    return int(options.check and bool(missed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the size, under a minute")
    parser.add_argument(
        "--check", action="store_true", help="print each goal that is missed; exit 1 if any is"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument(
        "--case", action="append", metavar="TEXT", help="only cases whose name has this in it; may come again"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page of the documentation there")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--knn", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure_knn(case: KnnCase, size: str) -> dict[str, Any]:
    found = in_own_process("--knn", case.name, size, timeout=TIMEOUT)
    result: dict[str, Any] = json.loads(found)
    return result


def _measure(case: Case, size: str) -> dict[str, Any]:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in case.steps}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_data(folder, case, size)
        env = {**os.environ, "MMGRAPH_HOME": str(folder / "home")}
        for _ in range(ROUNDS[size]):
            for name in case.steps:
                found[name].append(
                    json.loads(in_own_process("--step", case.name, name, place, env=env, timeout=TIMEOUT))
                )
    figures = {name: _medians(rounds) for name, rounds in found.items()}
    return {
        "case": case.name,
        "rounds": ROUNDS[size],
        "figures": figures,
        "goals": [_judge(goal, figures) for goal in case.goals],
    }


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {what: median(one[what] for one in rounds) for what in rounds[0]}


def _judge(goal: Goal, figures: dict[str, dict[str, float]]) -> dict[str, Any]:
    value = figures[goal.of][goal.what]
    subject = f"{goal.what} of {goal.of}"
    if goal.over is not None:
        value /= max(figures[goal.over][goal.what], 1e-9)
        subject += f" / {goal.over}"
    text = f"{subject} is {value:.2f}, wanted at most {goal.at_most:g}"
    return {"text": text, "value": value, "met": value <= goal.at_most}


def _print(result: dict[str, Any], size: str) -> None:
    print(f"\n{result['case']} ({size}, rounds: {result['rounds']})")
    for name, figures in result["figures"].items():
        memory = f" {figures['megabytes']:8.0f} MB" if "megabytes" in figures else ""
        recall = f"   recall {figures['recall']:.4f}" if "recall" in figures else ""
        print(f"  {name:24s} {figures['seconds']:9.3f} s{memory}{recall}")
    for goal in result["goals"]:
        print(f"  {'ok    ' if goal['met'] else 'MISSED'} {goal['text']}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
