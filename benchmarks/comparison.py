"""Whether ``mmgraph compare`` is right: its verdicts on data whose truth is known, again and again.

Five cases: the graph carries all of the signal, some of it or nothing; one modality carries it; two
modalities carry it together alone. In each, the verdict on the graph must be right, what is missed must be
found, and what is not there must be found no more often than the level of the tests allows.

    python benchmarks/comparison.py --json comparison.json

``--quick`` repeats each case once with fewer splits; ``--check`` prints a line for each goal that falls
short and exits with 1 if any does.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from known_truths import SHORT, TRUTHS, write_truth
from scipy import stats
from seeded import told, write_results

import mmgraph as mg
from mmgraph.evaluation.contrasts import contrasts
from mmgraph.evaluation.verdict import judge

_ENTRIES = (
    "hetero_gat",
    "mlp",
    "logistic_regression",
    "hetero_gat[edges=none]",
    "hetero_gat[without.relations=at]",
    "hetero_gat[without.relations=meets]",
    "hetero_gat[without.modalities=sound]",
    "hetero_gat[without.modalities=sight]",
)
_LEVEL, _POWER = 0.05, 0.8
"""How often what is not there may be found, and how often what is there must be."""


def run_case(case: str, repetition: int, *, splits: int, folder: Path) -> dict[str, Any]:
    """Compare on one data set, and return what was said of it.

    Args:
        case: The name of a truth.
        repetition: Its number, the seed of the data.
        splits: How many random splits.
        folder: Where the data go.
    """
    truth = TRUTHS[case]
    dataset = write_truth(folder, truth, repetition)
    comparison = mg.compare(
        mg.build_graph(dataset, previews=False),
        task="kind",
        models=_ENTRIES,
        splits=splits,
        dataset=dataset,
        seeds=1,
        overrides=SHORT,
    )
    verdict = judge(comparison)
    found = contrasts(comparison, "hetero_gat")
    parts = {
        kind: {c.role.left_out: c.sign for c in found if c.role.kind == kind}
        for kind in ("relation", "modality")
    }
    return {
        "answer": verdict.answer,
        "text": " ".join(verdict.sentences),
        "relations": parts["relation"],
        "modalities": parts["modality"],
    }


def summarise(results: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """Return for each case how often the answer was right, what is missed was found, and what is not was."""
    table = {}
    for case, runs in results.items():
        truth = TRUTHS[case]
        signs = [
            (name, sign) for run in runs for name, sign in (run["relations"] | run["modalities"]).items()
        ]
        there = [sign > 0 for name, sign in signs if name in truth.missed]
        absent = [sign != 0 for name, sign in signs if name in truth.superfluous]
        table[case] = {
            "runs": len(runs),
            "right": sum(run["answer"] == truth.helps for run in runs) / len(runs),
            "found": sum(there) / len(there) if there else 1.0,
            "false": sum(absent) / len(absent) if absent else 0.0,
            "absent": len(absent),
        }
    return table


def _shortfalls(results: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return a line for each goal that is missed."""
    lines = []
    for case, row in summarise(results).items():
        # A "no" is wrong by chance as often as a test is; a "yes" needs the power to see what is there.
        least = 1 - _LEVEL if TRUTHS[case].helps == "no" else _POWER
        wrong = round((1 - row["right"]) * row["runs"])
        if stats.binom.sf(wrong - 1, row["runs"], 1 - least) < _LEVEL:
            lines.append(f"{case}: the answer is right in {row['right']:.0%}; goal: {least:.0%}")
        if row["found"] < _POWER:
            lines.append(f"{case}: {row['found']:.0%} of what is missed is found; goal: {_POWER:.0%}")
        false = round(row["false"] * row["absent"])
        if stats.binom.sf(false - 1, row["absent"], _LEVEL) < _LEVEL:
            lines.append(
                f"{case}: {row['false']:.0%} of what is not missed is said to be; goal: {_LEVEL:.0%}"
            )
    return lines


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(TRUTHS), help="a case; repeat")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--quick", action="store_true", help="one repetition, on 3 splits")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    return parser.parse_args()


def main() -> int:
    """Run the cases, print the table, write the results."""
    arguments = _parse()
    repetitions, splits = (1, 3) if arguments.quick else (arguments.repetitions, arguments.splits)
    results: dict[str, list[dict[str, Any]]] = {case: [] for case in arguments.only or TRUTHS}
    for repetition in range(repetitions):
        for case, runs in results.items():
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                runs.append(run_case(case, repetition, splits=splits, folder=Path(folder) / "data"))
            print(
                f"{case}, {repetition}: {runs[-1]['answer']} ({time.monotonic() - began:.0f} s)",
                file=sys.stderr,
            )
        if arguments.json:
            packages = ("mmgraph", "torch", "torch-geometric", "scikit-learn", "scipy")
            write_results(arguments.json, results, packages, quick=arguments.quick)
    print("| case | repetitions | answer right | missed parts found | others said to be missed |")
    print("| --- | --- | --- | --- | --- |")
    for case, row in summarise(results).items():
        print(f"| {case} | {row['runs']} | {row['right']:.0%} | {row['found']:.0%} | {row['false']:.0%} |")
    return told(_shortfalls(results)) if arguments.check and not arguments.quick else 0


if __name__ == "__main__":
    sys.exit(main())
