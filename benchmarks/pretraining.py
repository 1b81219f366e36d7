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
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prepared import prepared
from seeded import make_parser, mean_and_spread, told, write_results

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
        write_results(options.json, results, ("mmgraph", "torch", "torch-geometric"), quick=options.quick)
    return told(_shortfalls(results) if options.check else [])


def _options() -> argparse.Namespace:
    parser = make_parser(__doc__, [case.key for case in CASES], quick="one seed, few epochs, two shares")
    parser.add_argument("--json", type=Path)
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
        cells = [mean_and_spread(values) for values in by_share.values()]
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
