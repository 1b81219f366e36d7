"""Measure how a graph is built, opened and built again, side by side with the usual script.

    python benchmarks/build.py [--quick] [--check] [--json FILE] [--case TEXT ...] [--page FILE]

The usual script reads the tables with pandas, looks the ids up in an index, and saves a `HeteroData` with
`torch.save`. Every measurement is a process of its own, and contenders take turns; what a process imports and
compiles first is not counted. Memory is the peak above what the process holds then.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from build_cases import CASES, Case, Goal, measure_step, write_data
from build_page import COLUMNS, HEAD, TAIL
from case_runner import TIMEOUT, Benchmark, Result
from knn_cases import KNN_CASES, measure_knn
from measure import in_own_process

ROUNDS = {"quick": 1, "full": 3}


def _measure(case: Case, size: str) -> Result:
    """Return what the contenders of a case took, each step in a process of its own."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in case.steps}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_data(folder, case, size)
        env = {**os.environ, "MMGRAPH_HOME": str(folder / "home")}
        for _ in range(ROUNDS[size]):
            for name in case.steps:
                found[name].append(
                    json.loads(in_own_process("--step", _step(case, name), place, env=env, timeout=TIMEOUT))
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


def _step(case: Case, contender: str) -> str:
    return f"{case.name}: {contender}"


BENCHMARK = Benchmark(
    doc=(__doc__ or "").partition("\n")[0],
    section="building",
    head=HEAD,
    tail=TAIL,
    columns=COLUMNS,
    cases={
        **{case.name: partial(_measure, case) for case in CASES},
        **{case.name: partial(measure_knn, case) for case in KNN_CASES},
    },
    steps={_step(case, name): partial(measure_step, case, name) for case in CASES for name in case.steps},
    packages=(
        "pandas",
        "pyarrow",
        "torch",
        "torch_geometric",
        "scikit-learn",
        "faiss-cpu",
        "numba",
        "mmgraph",
    ),
    quick="a twentieth of the size, under a minute",
)

if __name__ == "__main__":
    sys.exit(BENCHMARK.main())
