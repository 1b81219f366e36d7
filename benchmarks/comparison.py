"""Whether ``mmgraph compare`` is right: its verdicts on data whose truth is known, again and again.

Five cases: the graph carries all of the signal, some of it or nothing; one modality carries it; two
modalities carry it together alone. In each, the verdict on the graph must be right, what is missed must be
found, and what is not there must be found no more often than the level of the tests allows.

    python benchmarks/comparison.py --folder DIR --json comparison.json --page docs/comparison_results.md

Trainings are kept in the folder, so that it goes on where it was stopped, and verdicts are made anew from
them. ``--quick`` repeats each case once with fewer splits; ``--check`` prints a line for each goal that falls
short and exits with 1 if any does.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from comparison_page import POWER, render_page, summarise
from known_truths import SHORT, TRUTHS, write_truth
from scipy import stats
from seeded import told, write_results

import mmgraph as mg
from mmgraph.evaluation.compare import carry_out
from mmgraph.evaluation.contrasts import SIGNIFICANCE, contrasts
from mmgraph.evaluation.plan import Request, plan_comparison
from mmgraph.evaluation.verdict import judge
from mmgraph.progress import Progress

_ENTRIES = (
    "hetero_gat",
    "logistic_regression",
    "hetero_gat[edges=none]",
    "hetero_gat[without.relations=at]",
    "hetero_gat[without.relations=meets]",
    "hetero_gat[without.modalities=sound]",
    "hetero_gat[without.modalities=sight]",
)


def run_case(case: str, repetition: int, *, splits: int, folder: Path) -> dict[str, Any]:
    """Compare on one data set, and return what was said of it.

    Args:
        case: The name of a truth.
        repetition: Its number, the seed of the data.
        splits: How many random splits.
        folder: Where data and trainings go; what is there already is not done again.
    """
    data, trials = folder / "data", folder / "comparison"
    if not (data / "dataset.yaml").exists():
        # The spec is written last: without it, the rest was cut off.
        shutil.rmtree(data, ignore_errors=True)
        write_truth(data, TRUTHS[case], repetition)
    settings = (*SHORT, f"max_epochs={TRUTHS[case].epochs}")
    request = Request(_ENTRIES, seeds=1, controls="none", overrides=settings, splits=splits, dataset=data)
    plan = plan_comparison(mg.build_graph(data, previews=False), "kind", request)
    trials.mkdir(parents=True, exist_ok=True)
    comparison = carry_out(plan, trials, Progress(quiet=True))
    verdict = judge(comparison)
    tests = [
        {
            "entry": contrast.entry,
            "left_out": contrast.role.left_out,
            "gain": contrast.gain.mean,
            "p": contrast.gain.p,
            "p_holm": contrast.p_holm,
        }
        for contrast in contrasts(comparison, "hetero_gat")
    ]
    failed = [str(failure) for failure in comparison.failures]
    return {"answer": verdict.answer, "text": " ".join(verdict.sentences), "tests": tests, "failed": failed}


def _shortfalls(results: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return a line for each goal that is missed."""
    lines = []
    for case, row in summarise(results).items():
        goals = [("the graph is said to help", row.helps, TRUTHS[case].helps == "yes")]
        goals += [("what is missed is found", row.found, True)] if row.found.of else []
        goals += [("a comparison says of something else that it is missed", row.false, False)]
        for what, rate, wanted in goals:
            if wanted and rate.share < POWER:
                lines.append(f"{case}: {what} in {rate}; goal: at least {POWER:.0%}")
            if not wanted and stats.binom.sf(rate.count - 1, rate.of, SIGNIFICANCE) < SIGNIFICANCE:
                lines.append(f"{case}: {what} in {rate}; goal: at most {SIGNIFICANCE:.0%}")
    failed = [f"{case}: {line}" for case, runs in results.items() for run in runs for line in run["failed"]]
    return [*lines, *failed]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(TRUTHS), help="a case; repeat")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to keep what is done (default: temporary)")
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--page", type=Path, help="where to write them as a page of the documentation")
    parser.add_argument("--quick", action="store_true", help="one repetition, on 3 splits")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    return parser.parse_args()


def main() -> int:
    """Run the cases, print the table, write the results."""
    arguments = _parse()
    repetitions, splits = (1, 3) if arguments.quick else (arguments.repetitions, arguments.splits)
    results: dict[str, list[dict[str, Any]]] = {case: [] for case in arguments.only or TRUTHS}
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.folder or Path(temporary)
        for repetition in range(repetitions):
            for case, runs in results.items():
                began = time.monotonic()
                folder = root / f"{case.replace(' ', '_')}-{splits}-{repetition}"
                runs.append(run_case(case, repetition, splits=splits, folder=folder))
                took = f"{time.monotonic() - began:.0f} s"
                print(f"{case}, {repetition}: {runs[-1]['answer']} ({took})", file=sys.stderr)
            if arguments.json:
                packages = ("mmgraph", "torch", "torch-geometric", "scikit-learn", "scipy")
                write_results(arguments.json, results, packages, quick=arguments.quick)
    page = render_page(results, splits=splits)
    if arguments.page:
        arguments.page.write_text(page, encoding="utf-8")
    print(page)
    return told(_shortfalls(results)) if arguments.check and not arguments.quick else 0


if __name__ == "__main__":
    sys.exit(main())
