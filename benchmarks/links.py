"""How well missing edges are found: the link tasks of the shipped datasets, over seeds of split and weights.

Every entry is asked for the same held-out edges, each among all that its source is not known to have.
``popularity``, ``common_neighbours``, ``adamic_adar`` and ``matrix_factorisation`` read the training edges of
the relation alone, ``mlp`` the modalities of both ends alone, and ``hetero_sage`` all of the graph but what
is asked for (docs/how_to/links.md).

    python benchmarks/links.py --source emoji=DIR --source countries=DIR \\
        --json links.json --page docs/links_results.md

A run that was stopped goes on where it was: what the file of ``--json`` holds is not run again.
``--quick`` runs one seed, few epochs and few entries of the smallest case, unless ``--only`` names others;
``--check`` prints a line for each goal that falls short and exits with 1 if any does.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
from pathlib import Path
from typing import Any

from kept import Kept, add_keeping, refuse_quick
from links_page import chosen, render_page
from prepared import prepared
from seeded import make_parser, mean_and_spread, told

ENTRIES = {
    "popularity": "popularity",
    "common neighbours": "common_neighbours",
    "Adamic-Adar": "adamic_adar",
    "matrix factorisation": "matrix_factorisation",
    "mlp": "mlp",
    "hetero_sage": "hetero_sage",
    "hetero_sage, mlp decoder": "hetero_sage[links.decoder=mlp]",
    "hetero_sage, structure": "hetero_sage[links.structure=true]",
    "hetero_sage, shuffled edges": "hetero_sage[edges=shuffled]",
}
_BASELINES = ("popularity", "common neighbours", "Adamic-Adar", "matrix factorisation", "mlp")
_UNTRAINED = _BASELINES[:-1]
"""Those that train nothing, which are always run."""
_OURS = ("hetero_sage", "hetero_sage, mlp decoder", "hetero_sage, structure")
_CONTROLS = {"hetero_sage": "hetero_sage, shuffled edges"}
_QUICK = ("popularity", "common neighbours", "Adamic-Adar", "matrix factorisation", "hetero_sage")
_SHOWN = ("mrr", "hits@1", "hits@10", "ndcg@10", "auroc", "cold_start_mrr")


@dataclasses.dataclass(frozen=True)
class Case:
    """Links of a shipped dataset.

    Args:
        dataset: The name of the dataset.
        task: The name of the task.
        settings: Settings of every training.
    """

    dataset: str
    task: str
    settings: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name."""
        return f"{self.dataset}/{self.task}"


CASES = [
    Case("countries", "borders"),
    Case("countries", "trade"),
    Case("emoji", "shared_tags"),
    Case("glyphs", "decomposition", settings=("max_epochs=100",)),
]
_SMALLEST = "countries/borders"


def main() -> int:
    """Run the cases that were asked for; return the exit code."""
    options = _options()
    names = options.only or ([_SMALLEST] if options.quick else [case.key for case in CASES])
    cases = [case for case in CASES if case.key in names]
    asked = options.entry or (_QUICK if options.quick else ENTRIES)
    entries = [name for name in ENTRIES if name in (*asked, *_UNTRAINED)]
    folders = prepared({case.dataset for case in cases}, options.source, options.data)
    kept = Kept(options.json, ("mmgraph", "torch", "torch-geometric", "scikit-learn"))
    for case in cases:
        settings = (*case.settings, *(("max_epochs=80",) if options.quick else ()))
        seeds = 1 if options.quick else options.seeds
        kept.begin(case.key, {"settings": settings})
        _try_seeds(case, folders[case.dataset], seeds, entries, settings, kept)
        _print_case(case, kept.found(case.key, entries))
    results = {case.key: found for case in CASES if (found := kept.found(case.key, ENTRIES))}
    if options.page:
        options.page.write_text(_page(results), encoding="utf-8")
    return told(_shortfalls(results) if options.check else [])


def _page(results: dict[str, Any]) -> str:
    return render_page(
        results,
        [case.key for case in CASES],
        baselines=_BASELINES,
        ours=_OURS,
        controls=_CONTROLS,
        trained=[name for name in ENTRIES if name not in _UNTRAINED],
    )


def _options() -> argparse.Namespace:
    parser = make_parser(__doc__, [case.key for case in CASES], quick="one seed, few epochs, few entries")
    add_keeping(parser)
    trained = [name for name in ENTRIES if name not in _UNTRAINED]
    beside = f"beside {', '.join(_UNTRAINED)}; repeat"
    parser.add_argument("--entry", action="append", choices=trained, help=beside)
    options = parser.parse_args()
    refuse_quick(options)
    return options


def _try_seeds(
    case: Case, folder: Path, seeds: int, entries: list[str], settings: tuple[str, ...], kept: Kept
) -> None:
    """Keep the metrics of each entry for each seed, which holds out other edges."""
    import torch

    import mmgraph as mg
    from mmgraph.data.split_spec import HoldOut

    missing = {seed: names for seed in range(seeds) if (names := kept.missing(case.key, entries, seed))}
    if not missing:
        return
    torch.set_num_threads(1)
    graph = mg.build_graph(mg.load_dataset(folder), previews=False)
    for seed, names in missing.items():
        spec = graph.tasks[case.task].model_copy(update={"hold_out": HoldOut(seed=seed)})
        for name in names:
            comparison = mg.compare(
                dataclasses.replace(graph, tasks=graph.tasks | {case.task: spec}),
                task=case.task,
                models=[ENTRIES[name]],
                seeds=[seed],
                controls="none",
                overrides=settings,
            )
            if comparison.failures:
                raise comparison.failures[0].error
            metrics = comparison.of(ENTRIES[name])[0].metrics
            found = metrics["test"] | {"validation_mrr": metrics["validation"]["mrr"]}
            kept.put(case.key, name, seed, found)


def _print_case(case: Case, found: dict[str, list[dict[str, float]]]) -> None:
    print(f"\n{case.key}: test, {len(next(iter(found.values())))} seeds")
    print(" " * 28 + "".join(f"{name:>16s}" for name in _SHOWN))
    for name, trials in found.items():
        cells = [_cell([trial[metric] for trial in trials if metric in trial]) for metric in _SHOWN]
        print(f"{name:28s}" + "".join(f"{cell:>16s}" for cell in cells), flush=True)


def _cell(values: list[float]) -> str:
    """Return mean and spread; of no values nothing, as where a split has no cold start."""
    return mean_and_spread(values) if values else ""


def _shortfalls(results: dict[str, Any]) -> list[str]:
    """Return a line for each baseline that the graph model which validation chose is not ahead of."""
    lines = []
    for case in (case for case in CASES if case.key in results):
        found = results[case.key]
        means = {name: statistics.fmean(trial["mrr"] for trial in trials) for name, trials in found.items()}
        lines += [
            f"{case.key}: {ours} reaches an MRR of {means[ours]:.3f}, {name} {means[name]:.3f}; goal: ahead"
            for ours in chosen(found, _OURS)
            for name in _BASELINES
            if name in means and means[ours] <= means[name]
        ]
    return lines


if __name__ == "__main__":
    sys.exit(main())
