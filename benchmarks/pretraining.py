"""What pre-training gives where labels are few: test metrics at 1 %, 10 % and 100 % of the training labels.

A model is pre-trained on the entities of each split without their labels; then it is trained on a share of
the labels from fresh weights (``scratch``), from those that were learnt (``full``), with these held fast
(``linear_probe``), and with fresh weights held fast, as a control (``random probe``).

    python benchmarks/pretraining.py --source emoji=DIR --source countries=DIR --json pretraining.json

``--quick`` runs one seed, few epochs and two shares of the smallest case, unless ``--only`` names others;
``--check`` prints a line for each goal that falls short and exits with 1 if any does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import machine, versions
from prepared import prepared

MODEL = "hetero_gat"
SHARES = (0.01, 0.1, 1.0)
_QUICK_SHARES = (0.1, 1.0)
_UNTRAINED = ("max_epochs=1", "optimiser.lr=1e-12", "optimiser.weight_decay=0")


@dataclass(frozen=True)
class Case:
    """A task with labels on a shipped dataset.

    Args:
        dataset: The name of the dataset.
        task: The name of the task.
        split: The split whose seed varies.
        before: The pre-training, which must not see what the task must not.
    """

    dataset: str
    task: str
    split: str
    before: str = "pretrain"

    @property
    def key(self) -> str:
        """Its name."""
        return f"{self.dataset}/{self.task}"


CASES = [
    Case("emoji", "group", "by_family"),
    Case("countries", "region", "by_region"),
    Case("glyphs", "script", "by_script", before="pretrain_for_script"),
]
_SMALLEST = "countries/region"


def main() -> int:
    """Run the cases that were asked for; return the exit code."""
    options = _options()
    names = options.only or ([_SMALLEST] if options.quick else [case.key for case in CASES])
    cases = [case for case in CASES if case.key in names]
    folders = prepared({case.dataset for case in cases}, options.source, options.data)
    shares, epochs = (_QUICK_SHARES, 10) if options.quick else (SHARES, 200)
    results: dict[str, Any] = {}
    for case in cases:
        trials = [
            _trial(case, folders[case.dataset], seed, shares, epochs)
            for seed in range(1 if options.quick else options.seeds)
        ]
        results[case.key] = {
            way: {share: [trial[way][share] for trial in trials] for share in trials[0][way]}
            for way in trials[0]
        }
        _print_case(case, results[case.key])
    if options.json:
        document = {
            "quick": options.quick,
            "machine": machine(),
            "versions": versions(("mmgraph", "torch", "torch-geometric")),
            "results": results,
        }
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    shortfalls = _shortfalls(results) if options.check else []
    for line in shortfalls:
        print(line)
    return 1 if shortfalls else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", action="append", choices=[case.key for case in CASES], help="a case; repeat"
    )
    parser.add_argument("--source", action="append", default=[], help="NAME=DIR: source files of a dataset")
    parser.add_argument("--data", type=Path, help="where to keep the prepared datasets (default: temporary)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="one seed, few epochs, two shares")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    return parser.parse_args()


def _trial(
    case: Case, folder: Path, seed: int, shares: tuple[float, ...], epochs: int
) -> dict[str, dict[str, float]]:
    """Return the headline test metric of each way of training, by share."""
    import torch

    import mmgraph as mg

    torch.set_num_threads(1)
    dataset = mg.load_dataset(folder, overrides=[f"splits.{case.split}.seed={seed}"])
    graph = mg.build_graph(dataset, previews=False)
    always = [f"max_epochs={epochs}"]
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="mmgraph-pretraining-") as temporary:
        begun = {"learnt": Path(temporary) / "learnt", "random": Path(temporary) / "random"}
        for name, more in (("learnt", always), ("random", list(_UNTRAINED))):
            mg.train(graph, task=case.before, model=MODEL, overrides=more, seed=seed, out=begun[name])
        ways: dict[str, tuple[Path | None, str]] = {
            "scratch": (None, "full"),
            "full": (begun["learnt"], "full"),
            "linear_probe": (begun["learnt"], "linear_probe"),
            "random probe": (begun["random"], "linear_probe"),
        }
        for way, (run, finetune) in ways.items():
            for share in shares:
                trained = mg.train(
                    graph,
                    task=case.task,
                    model=MODEL,
                    overrides=[*always, f"label_share={share}", f"finetune={finetune}"],
                    seed=seed,
                    init_from=run,
                )
                metrics = trained.evaluate("test")
                found.setdefault(way, {})[f"{share:.0%}"] = next(iter(metrics.values()))
    return found


def _print_case(case: Case, found: dict[str, dict[str, list[float]]]) -> None:
    shares = list(next(iter(found.values())))
    seeds = len(found["scratch"][shares[0]])
    print(f"\n{case.key}: test accuracy of {MODEL} by the share of training labels, {seeds} seeds")
    print(f"  {'':16s}" + "".join(f"{share:>18s}" for share in shares))
    for way, by_share in found.items():
        cells = []
        for values in by_share.values():
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.fmean(values):.3f} ± {spread:.3f}")
        print(f"  {way:16s}" + "".join(f"{cell:>18s}" for cell in cells), flush=True)


def _shortfalls(results: dict[str, Any]) -> list[str]:
    """Return a line for each case where what was learnt is no better than what was not."""
    lines = []
    for key, found in results.items():
        means = {
            way: {share: statistics.fmean(values) for share, values in by_share.items()}
            for way, by_share in found.items()
        }
        fewest = next(iter(means["scratch"]))
        for way, rival in (("linear_probe", "random probe"), ("full", "scratch")):
            one, other = means[way][fewest], means[rival][fewest]
            if one <= other:
                lines.append(f"{key}: with {fewest} of the labels, {way} {one:.3f} and {rival} {other:.3f}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
