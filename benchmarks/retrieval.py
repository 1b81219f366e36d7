"""How well one modality finds another: both directions on the shipped tasks, over seeds of split and weights.

Every entry gets the same features and splits. ``chance``, ``cca``, ``linear_map`` (ridge regression, both
ways), ``kernel_map`` (with a kernel, where that is better on training pairs left out) and ``closed_form``
(that and canonical correlations together) read the two modalities alone, and so does ``mlp``, a pair of
towers; graph models hear of neighbours through relations that were made from the side at hand. Trained
entries begin with what ``closed_form`` is, unless they say no. No entry sees anything of the answer (see
docs/how_to/retrieval.md). Test entities are unseen, and the gallery is all of them.

    python benchmarks/retrieval.py --source emoji=DIR --source countries=DIR \\
        --json retrieval.json --page docs/retrieval_results.md

A run that was stopped goes on where it was: what the file of ``--json`` holds is not run again, so that with
``--only`` a case at a time goes into it. The cases with MiniLM need ``mmgraph[minilm]``.
``--quick`` runs one seed, few epochs and few entries of the smallest case, unless ``--only`` names others;
``--check`` prints a line for each goal that falls short and exits with 1 if any does.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kept import Kept, add_keeping, refuse_quick
from prepared import prepared
from retrieval_page import judged, opponents, render_page, verdict
from seeded import make_parser, mean_and_spread, told
from seeded_page import against, is_ahead

ENTRIES = {
    "chance": "chance",
    "cca": "cca",
    "ridge": "linear_map",
    "kernel ridge": "kernel_map",
    "closed form": "closed_form",
    "two towers": "mlp",
    "cross_modal_transformer": "cross_modal_transformer",
    "hetero_gat": "hetero_gat",
    "hetero_gat, graph-aware": "hetero_gat[contrastive.related=ignored,contrastive.hard_negatives=2]",
    "hetero_gat, no ridge": "hetero_gat[contrastive.ridge=false]",
}
_QUICK = ("chance", "cca", "ridge", "kernel ridge", "closed form", "two towers", "hetero_gat")
_RIVALS = ("chance", "ridge", "cca")
"""What ours are compared with, and chance; they are always run."""
_CLOSED = ("kernel ridge", "closed form")
"""Those of ours that are fitted in closed form, without a graph; what is trained begins with the last."""
_LEARNT = ("two towers", "cross_modal_transformer", "hetero_gat", "hetero_gat, graph-aware")
_SHOWN = ("mrr", "recall@1", "recall@10", "median_rank")


@dataclass(frozen=True)
class Case:
    """A retrieval on a shipped dataset.

    Args:
        key: Its name.
        dataset: The name of the dataset.
        task: The name of the task.
        split: The split whose seed varies.
        directions: From which modality to which, both ways.
        goal: What the graph model that validation chose should reach as the MRR of the first direction.
        times_ridge: How many times that of ridge regression each that is judged should reach, beside being
            ahead of it.
        settings: Settings of every training.
        overrides: Overrides of ``dataset.yaml``.
        about: What a reader of the page should know.
        first_seed: The first of the seeds of splits and weights.
    """

    key: str
    dataset: str
    task: str
    split: str
    directions: tuple[str, str]
    goal: float | None = None
    times_ridge: float | None = None
    settings: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    about: str = ""
    first_seed: int = 0


_SHORT = ("max_epochs=60",)
CASES = [
    Case(
        "emoji: picture and name",
        "emoji",
        "picture_to_name",
        "by_family",
        ("picture_to_name", "name_to_picture"),
        goal=0.060,
        times_ridge=2.0,
        settings=_SHORT,
        about="A simpler ridge regression, on principal components and TF-IDF and a random split, has an MRR "
        "of .060 from picture to name.",
    ),
    Case(
        "emoji: picture and name by MiniLM",
        "emoji",
        "picture_to_name",
        "by_family",
        ("picture_to_name", "name_to_picture"),
        settings=_SHORT,
        overrides=("entities.emoji.modalities.name.encoder=sentence_transformer",),
        about="A sentence transformer makes the vectors of the names, for all entries alike.",
    ),
    Case(
        "emoji: picture by texture and name by MiniLM",
        "emoji",
        "picture_to_name",
        "by_family",
        ("picture_to_name", "name_to_picture"),
        times_ridge=2.0,
        settings=_SHORT,
        overrides=(
            "entities.emoji.modalities.name.encoder=sentence_transformer",
            "entities.emoji.modalities.picture.encoder={name: lbp, components: 256}",
        ),
        about="As before, and `lbp` describes the pictures: of `hog`, finer `hog`, `lbp`, `dct` and several "
        "side by side, what was best on training pairs of the first split that were left out of the fit.",
    ),
    Case(
        "countries: flag and its description",
        "countries",
        "flag_to_description",
        "by_region",
        ("flag_to_flag_description", "flag_description_to_flag"),
        settings=_SHORT,
    ),
    Case(
        "countries: flag and its description, new splits",
        "countries",
        "flag_to_description",
        "by_region",
        ("flag_to_flag_description", "flag_description_to_flag"),
        settings=_SHORT,
        about="Splits that had no part in how *closed form* was made.",
        first_seed=5,
    ),
    Case(
        "countries: flag by finer hog and its description by three words, new splits",
        "countries",
        "flag_to_description",
        "by_region",
        ("flag_to_flag_description", "flag_description_to_flag"),
        settings=_SHORT,
        overrides=(
            "entities.country.modalities.flag.encoder={name: hog, size: 64, cells: 8, components: 256}",
            "entities.country.modalities.flag_description.encoder={name: tfidf, characters: 0, words: 3}",
        ),
        about="Finer `hog` and TF-IDF of up to three words: of `hog`, finer `hog`, `lbp` and `dct`, each "
        "with TF-IDF of up to one, two or three words or of runs of characters too, and with MiniLM, those "
        "by which *closed form* was best on training pairs of the first five splits that were left out of "
        "the fit. Run once, on splits that no other case has; their countries are the same, so that those of "
        "test had a part in the choice where they train in the first five.",
        first_seed=15,
    ),
    Case(
        "glyphs: picture and name",
        "glyphs",
        "picture_to_name",
        "by_script",
        ("sans_to_name_for_script", "name_for_script_to_sans"),
        settings=_SHORT,
    ),
]
_SMALLEST = "countries: flag and its description"


def main() -> int:
    """Run the cases that were asked for; return the exit code."""
    options = _options()
    names = options.only or ([_SMALLEST] if options.quick else [case.key for case in CASES])
    cases = [case for case in CASES if case.key in names]
    seeds = 1 if options.quick else options.seeds
    asked = options.entry or (_QUICK if options.quick else ENTRIES)
    entries = [name for name in ENTRIES if name in (*asked, *_RIVALS)]
    folders = prepared({case.dataset for case in cases}, options.source, options.data)
    kept = Kept(options.json, ("mmgraph", "torch", "torch-geometric", "scikit-learn"))
    for case in cases:
        settings = (*case.settings, *(("max_epochs=10",) if options.quick else ()))
        kept.begin(case.key, {"settings": settings, "overrides": case.overrides})
        for seed in range(case.first_seed, case.first_seed + seeds):
            _try_split(case, folders[case.dataset], seed, entries, settings, kept)
        _print_case(case, kept.found(case.key, entries))
    results = {case.key: found for case in CASES if (found := kept.found(case.key, ENTRIES))}
    if options.page:
        options.page.write_text(_page(results), encoding="utf-8")
    return told(_shortfalls(results) if options.check else [])


def _page(results: dict[str, Any]) -> str:
    return render_page(
        results,
        directions={case.key: case.directions for case in CASES},
        about={case.key: case.about for case in CASES},
        rivals=_RIVALS,
        closed=_CLOSED,
        entries=list(ENTRIES),
    )


def _options() -> argparse.Namespace:
    parser = make_parser(__doc__, [case.key for case in CASES], quick="one seed, few epochs, few entries")
    add_keeping(parser)
    ours = [name for name in ENTRIES if name not in _RIVALS]
    parser.add_argument("--entry", action="append", choices=ours, help=f"beside {', '.join(_RIVALS)}; repeat")
    options = parser.parse_args()
    refuse_quick(options)
    return options


def _try_split(
    case: Case, folder: Path, seed: int, entries: list[str], settings: tuple[str, ...], kept: Kept
) -> None:
    """Keep the test metrics of each entry on one split, and the one by which validation judges it."""
    import torch

    import mmgraph as mg

    missing = kept.missing(case.key, entries, seed)
    if not missing:
        return
    torch.set_num_threads(1)
    dataset = mg.load_dataset(folder, overrides=[f"splits.{case.split}.seed={seed}", *case.overrides])
    graph = mg.build_graph(dataset, previews=False)
    for name in missing:
        model = ENTRIES[name]
        comparison = mg.compare(
            graph, task=case.task, models=[model], seeds=[seed], controls="none", overrides=settings
        )
        if comparison.failures:
            raise comparison.failures[0].error
        metrics = comparison.of(model)[0].metrics
        found = metrics["test"] | {"validation_mrr": metrics["validation"]["mrr"]}
        kept.put(case.key, name, seed, found)


def _print_case(case: Case, found: dict[str, list[dict[str, float]]]) -> None:
    trials = next(iter(found.values()))
    sizes = sorted({int(trial["gallery_size"]) for trial in trials})
    gallery = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    print(f"\n{case.key}: test, a gallery of {gallery}, {len(trials)} seeds")
    for direction in case.directions:
        print(f"  {direction:28s}" + "".join(f"{name:>16s}" for name in _SHOWN))
        for name, of_seeds in found.items():
            cells = [_cell([trial[f"{direction}_{metric}"] for trial in of_seeds]) for metric in _SHOWN]
            print(f"    {name:26s}" + "".join(f"{cell:>16s}" for cell in cells), flush=True)
    others = [name for name in (*_RIVALS, *_CLOSED) if name != "chance"]
    for who, way, *answers in verdict(found, case.directions, _RIVALS, _CLOSED):
        told = [f"{name} {text}" for name, text in zip(others, answers, strict=True) if text]
        print(f"  {who}{f', {way}, ahead of: ' if told else ''}{'; '.join(told)}", flush=True)


def _cell(values: list[float]) -> str:
    return mean_and_spread(values, 1 if statistics.fmean(values) >= 1.5 else 3)


def _shortfalls(results: dict[str, Any]) -> list[str]:
    """Return a line for each goal missed, and for each learnt entry that is not far above chance."""
    lines = []
    for case in (case for case in CASES if case.key in results):
        found, metric = results[case.key], f"{case.directions[0]}_mrr"
        means = {name: statistics.fmean(trial[metric] for trial in trials) for name, trials in found.items()}
        graph_models = {name: trials for name, trials in found.items() if name.startswith("hetero_gat")}
        for name in judged(graph_models, _RIVALS, _CLOSED):
            if case.goal is not None and means[name] < case.goal:
                lines.append(f"{case.key}: {name} reaches {means[name]:.3f}; goal {case.goal}")
        lines += [
            f"{case.key}: {name} reaches {means[name]:.3f}, chance {means['chance']:.3f}; goal: twice that"
            for name in _LEARNT
            if name in means and means[name] < 2 * means["chance"]
        ]
        for name in judged(found, _RIVALS, _CLOSED):
            for rival in opponents(found, name, _RIVALS, _CLOSED):
                lines += _behind(case, found, metric, name, rival)
    return lines


def _behind(case: Case, found: dict[str, Any], metric: str, name: str, rival: str) -> list[str]:
    """Return a line where an entry is not ahead of another by more than the spread, or not far enough."""
    ahead, times = against(found, name, rival, metric)
    means = [statistics.fmean(trial[metric] for trial in found[entry]) for entry in (name, rival)]
    reached = f"{case.key}: {name} reaches {means[0]:.3f}, {rival} {means[1]:.3f}"
    lines = []
    if not is_ahead(ahead):
        lines.append(f"{reached}, ahead by {_cell(ahead)}; goal: by more than the spread")
    if rival == "ridge" and case.times_ridge is not None and times < case.times_ridge:
        lines.append(f"{reached}; goal: {case.times_ridge:g} times that")
    return lines


if __name__ == "__main__":
    sys.exit(main())
