"""What pre-training gives where labels are few: test metrics at 1 %, 10 % and 100 % of the training labels.

A model is pre-trained on the entities of each split without their labels; then it is trained on a share of
the labels from fresh weights (``scratch``), from those that were learnt (``full``), with these held fast
(``frozen``, and without dropout ``linear_probe``), and with fresh weights held fast, as a control (``random
probe``).

    python benchmarks/pretraining.py --source emoji=DIR --source countries=DIR \\
        --json pretraining.json --page docs/pretraining_results.md

A run that was stopped goes on where it was: what the file of ``--json`` holds is not run again.
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

from kept import Kept, add_keeping, refuse_quick
from prepared import prepared
from pretraining_page import render_page, shares_of
from seeded import make_parser, mean_and_spread, told
from seeded_page import Found

MODEL = "hetero_gat"
WAYS = {
    "scratch": ("", "full"),
    "full": ("learnt", "full"),
    "frozen": ("learnt", "frozen"),
    "linear_probe": ("learnt", "linear_probe"),
    "random probe": ("random", "linear_probe"),
}
"""By name, which run a training begins with, if any, and what it trains."""
_RIVALS = {"full": "scratch", "frozen": "scratch", "linear_probe": "random probe"}
_PACKAGES = ("mmgraph", "torch", "torch-geometric")
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
    kept = Kept(options.json, _PACKAGES)
    for case in cases:
        kept.begin(case.key, {"max_epochs": epochs})
        for seed in range(1 if options.quick else options.seeds):
            _try_split(case, folders[case.dataset], seed, shares, epochs, kept)
        _print_case(case, kept.found(case.key, WAYS))
    results = {case.key: found for case in CASES if (found := kept.found(case.key, WAYS))}
    if options.page:
        options.page.write_text(
            render_page(results, [case.key for case in CASES], MODEL, _RIVALS, _PACKAGES), encoding="utf-8"
        )
    return told(_shortfalls(results) if options.check else [])


def _options() -> argparse.Namespace:
    parser = make_parser(__doc__, [case.key for case in CASES], quick="one seed, few epochs, two shares")
    add_keeping(parser)
    options = parser.parse_args()
    refuse_quick(options)
    return options


def _try_split(
    case: Case, folder: Path, seed: int, shares: tuple[float, ...], epochs: int, kept: Kept
) -> None:
    """Keep the headline test metric of each way of training by share, and how many labels a share is."""
    import torch

    import mmgraph as mg
    from mmgraph.tasks.few_labels import FewLabels
    from mmgraph.tasks.labels import read_labels

    missing = kept.missing(case.key, WAYS, seed)
    if not missing:
        return
    torch.set_num_threads(1)
    dataset = mg.load_dataset(folder, overrides=[f"splits.{case.split}.seed={seed}"])
    graph = mg.build_graph(dataset, previews=False)
    labels = read_labels(graph, case.task)
    always = [f"max_epochs={epochs}"]
    with tempfile.TemporaryDirectory(prefix="mmgraph-pretraining-") as temporary:
        begun = {name: Path(temporary) / name for name in {WAYS[way][0] for way in missing} - {""}}
        for name, run in begun.items():
            more = always if name == "learnt" else _UNTRAINED
            mg.train(graph, task=case.before, model=MODEL, overrides=more, seed=seed, out=run)
        for way in missing:
            start, finetune = WAYS[way]
            found: dict[str, float] = {}
            for share in shares:
                trained = mg.train(
                    graph,
                    task=case.task,
                    model=MODEL,
                    overrides=[*always, f"label_share={share}", f"finetune={finetune}"],
                    seed=seed,
                    init_from=begun.get(start),
                )
                found[f"{share:.0%}"] = next(iter(trained.evaluate("test").values()))
                read = FewLabels(share, seed).of(labels)
                found[f"{share:.0%} labels"] = int(read.values.iloc[read.rows("train")].notna().sum())
            kept.put(case.key, way, seed, found)


def _print_case(case: Case, found: Found) -> None:
    shares = shares_of(found)
    seeds = len(found["scratch"])
    print(f"\n{case.key}: test accuracy of {MODEL} by the share of training labels, {seeds} seeds")
    print(f"  {'':16s}" + "".join(f"{share:>18s}" for share in shares))
    for way, trials in found.items():
        cells = [mean_and_spread([trial[share] for trial in trials]) for share in shares]
        print(f"  {way:16s}" + "".join(f"{cell:>18s}" for cell in cells), flush=True)


def _shortfalls(results: dict[str, Any]) -> list[str]:
    """Return a line for each case where what was learnt is no better than what was not."""
    lines = []
    for key, found in results.items():
        fewest = shares_of(found)[0]
        for way, rival in _RIVALS.items():
            one, other = (statistics.fmean(trial[fewest] for trial in found[name]) for name in (way, rival))
            if one <= other:
                lines.append(f"{key}: with {fewest} of the labels, {way} {one:.3f} and {rival} {other:.3f}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
