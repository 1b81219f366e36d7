"""How good the models are: test metrics on the shipped tasks, over seeds that vary split and weights.

Every model gets the same features, the same splits and the same small search: each of ``GRID`` is trained
on the split of the first seed, the best on validation is kept for all seeds. The controls take what was found
for the model they control. Logistic and ridge regression choose their regularisation on validation.

    python benchmarks/quality.py --source emoji=DIR --source countries=DIR \
        --json quality.json --page docs/results.md

It takes about an hour on two cores; with ``--only`` a case at a time goes into the same files.
``--quick`` runs one seed of each case without the search, and of the smallest case alone unless ``--only``
names others; ``--check`` prints a line for each goal that falls short and exits with 1 if any does.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from prepared import prepared
from quality_page import kept_end, render_page
from seeded import make_parser, told

GRID = [
    {"model.dropout": dropout, "optimiser.weight_decay": decay}
    for dropout, decay in product((0.3, 0.5, 0.7), (0.001, 0.1))
]
MODELS = ("mlp", "cross_modal_transformer", "co_attention", "hetero_gat")
CONTROLS = {"hetero_gat, no edges": "edges=none", "hetero_gat, shuffled edges": "edges=shuffled"}


@dataclass(frozen=True)
class Case:
    """One row of the page: a task, on which features, and what is to be reached.

    Args:
        key: Its name on the page.
        dataset: The name of the dataset.
        task: The name of the task.
        split: The split whose seed varies.
        goal: What ``hetero_gat`` should reach, or ``None``.
        beats: Whether it should also beat the linear model and the MLP by more than the spread.
        overrides: Overrides of ``dataset.yaml``.
        settings: Settings of every training, where the defaults take too long.
        search: Settings of the search, where it shall be quicker than the trainings that count.
        remedies: What else ``hetero_gat`` is given, to beat the linear model: settings by name.
    """

    key: str
    dataset: str
    task: str
    split: str
    goal: float | None = None
    beats: bool = False
    overrides: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    remedies: Mapping[str, str] = field(default_factory=dict)


_SMALL = ("model.hidden_channels=64", "max_epochs=100", "patience=20")
_BY_MEANING = tuple(
    f"relations.{relation}.encoder=sentence_transformer" for relation in ("named_alike", "tagged_alike")
)
_SENTENCES = tuple(
    f"entities.emoji.modalities.{name}.encoder=sentence_transformer" for name in ("name", "tags")
)
_REMEDIES = {
    "twice as wide": "model.hidden_channels=256",
    "three layers": "model.num_layers=3",
    "one layer": "model.num_layers=1",
    "label smoothing": "label_smoothing=0.1",
    "read-out of all layers": "model.readout=jk",
    "weight decay of 4": "optimiser.weight_decay=4",
    "features dropped less": "model.input_dropout=0.2",
    "three layers, label smoothing, weight decay of 4": (
        "model.num_layers=3,label_smoothing=0.1,optimiser.weight_decay=4"
    ),
}
CASES = [
    Case("glyphs/script", "glyphs", "script", "by_script", 0.96, beats=True, settings=_SMALL),
    Case("emoji/group", "emoji", "group", "by_family", beats=True, search=_SMALL, remedies=_REMEDIES),
    Case(
        "emoji/group, MiniLM neighbours",
        "emoji",
        "group",
        "by_family",
        0.82,
        beats=True,
        overrides=_BY_MEANING,
        search=_SMALL,
    ),
    Case(
        "emoji/group, MiniLM features",
        "emoji",
        "group",
        "by_family",
        0.85,
        beats=True,
        overrides=_SENTENCES,
        settings=_SMALL,
    ),
    Case("emoji/subgroup", "emoji", "subgroup", "by_family", settings=_SMALL),
    Case("countries/region", "countries", "region", "by_region", 0.94, beats=True),
    Case("countries/log_gdp", "countries", "log_gdp", "by_region"),
]
_SMALLEST = "countries/region"


def main() -> int:
    """Run the cases that were asked for; return the exit code."""
    options = _options()
    if options.quick and (options.json or options.page):
        raise SystemExit("--quick is a look: leave out --json and --page, which keep what counts")
    names = options.only or ([_SMALLEST] if options.quick else [case.key for case in CASES])
    cases = [case for case in CASES if case.key in names]
    if options.quick:
        options.seeds = 1
    datasets = prepared({case.dataset for case in cases}, options.source, options.data)
    results: dict[str, Any] = {}
    if options.json and options.json.is_file():
        results = json.loads(options.json.read_text(encoding="utf-8"))
    with ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as pool:
        for case in cases:
            folder = datasets[case.dataset]
            known = results.get(case.key, {}).get("chosen") if options.keep_search else None
            chosen = {} if options.quick else known or _search(pool, case, folder)
            jobs = [pool.submit(_trial, case, folder, seed, chosen) for seed in range(options.seeds)]
            results[case.key] = {
                "goal": case.goal,
                "overrides": case.overrides,
                "settings": case.settings,
                "search": case.search,
                "chosen": chosen,
                "trials": [job.result() for job in jobs],
                "remedies": _try_remedies(pool, case, folder, options.seeds, chosen),
            }
            _print_case(case.key, results[case.key]["trials"])
            if options.json:
                options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    results = {case.key: results[case.key] for case in CASES if case.key in results}
    seeds = {len(result["trials"]) for result in results.values()}
    if options.page and len(seeds) > 1:
        raise SystemExit(f"the cases have different numbers of seeds ({sorted(seeds)}): run them anew")
    if options.page:
        kept = kept_end(options.page.read_text(encoding="utf-8")) if options.page.is_file() else ""
        page = render_page(results, grid=len(GRID), command=_command())
        options.page.write_text(page + kept, encoding="utf-8")
    return told(_shortfalls(results) if options.check else [])


def _command() -> str:
    """Return the command line that this is, without where this machine keeps its files."""
    shown = [word if not word.startswith("/") else Path(word).name for word in sys.argv[1:]]
    return " ".join(["python benchmarks/quality.py", *shown])


def _options() -> argparse.Namespace:
    parser = make_parser(__doc__, [case.key for case in CASES], quick="one seed, no search")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="the results; cases in it that are not run again are kept")
    parser.add_argument("--keep-search", action="store_true", help="take the settings that --json holds")
    parser.add_argument("--page", type=Path)
    return parser.parse_args()


def _search(pool: ProcessPoolExecutor, case: Case, folder: Path) -> dict[str, dict[str, float]]:
    """Return the best of GRID for each model, by validation on the split of seed 0."""
    quick = replace(case, settings=case.search or case.settings)
    jobs = {
        (model, number): pool.submit(_compare, quick, folder, 0, {"it": _entry(model, options)})
        for model in MODELS
        for number, options in enumerate(GRID)
    }
    scores = {key: job.result()["it"]["validation"] for key, job in jobs.items()}
    return {model: GRID[max(range(len(GRID)), key=lambda number: scores[model, number])] for model in MODELS}


def _trial(case: Case, folder: Path, seed: int, chosen: dict[str, dict[str, float]]) -> dict[str, Any]:
    entries = {"linear": "ridge" if case.task == "log_gdp" else "logistic_regression"}
    entries |= {model: _entry(model, chosen.get(model, {})) for model in MODELS}
    for name, override in CONTROLS.items():
        entries[name] = _entry("hetero_gat", chosen.get("hetero_gat", {}), override)
    return _compare(case, folder, seed, entries)


def _try_remedies(
    pool: ProcessPoolExecutor, case: Case, folder: Path, seeds: int, chosen: dict[str, dict[str, float]]
) -> dict[str, list[float]]:
    """Return the test metric of ``hetero_gat`` with each remedy, by seed."""
    jobs = {
        (name, seed): pool.submit(
            _compare,
            case,
            folder,
            seed,
            {"it": _entry("hetero_gat", chosen.get("hetero_gat", {}) | _settings(remedy))},
        )
        for name, remedy in case.remedies.items()
        for seed in range(seeds)
    }
    return {
        name: [jobs[name, seed].result()["it"]["test"] for seed in range(seeds)] for name in case.remedies
    }


def _settings(text: str) -> dict[str, str]:
    """Return what ``key=value,key=value`` says."""
    return dict(setting.split("=", 1) for setting in text.split(","))


def _entry(model: str, options: Mapping[str, float | str], *more: str) -> str:
    settings = [*(f"{key}={value}" for key, value in options.items()), *more]
    return f"{model}[{','.join(settings)}]" if settings else model


def _compare(case: Case, folder: Path, seed: int, entries: dict[str, str]) -> dict[str, Any]:
    """Return the metrics of each entry on one split."""
    import torch

    import mmgraph as mg

    torch.set_num_threads(1)
    dataset = mg.load_dataset(folder, overrides=[f"splits.{case.split}.seed={seed}", *case.overrides])
    comparison = mg.compare(
        mg.build_graph(dataset, previews=False),
        task=case.task,
        models=list(entries.values()),
        seeds=[seed],
        controls="none",
        overrides=case.settings,
    )
    if comparison.failures:
        raise comparison.failures[0].error
    metric = comparison.headline
    found = {}
    for name, entry in entries.items():
        (trial,) = comparison.of(entry)
        found[name] = {
            "metric": metric,
            "test": trial.metrics["test"][metric],
            "validation": trial.metrics["validation"][metric],
        }
    return found


def _print_case(key: str, trials: list[dict[str, Any]]) -> None:
    print(f"\n{key}: {trials[0]['linear']['metric']} on test, {len(trials)} seeds")
    for name in trials[0]:
        values = [trial[name]["test"] for trial in trials]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(f"  {name:28s} {statistics.fmean(values):.3f} ± {spread:.3f}", flush=True)


def _shortfalls(results: dict[str, Any]) -> list[str]:
    """Return a line for each goal missed and each rival not beaten by more than the spread."""
    lines = []
    for case in CASES:
        if case.key not in results:
            continue
        key, trials = case.key, results[case.key]["trials"]
        own = [trial["hetero_gat"]["test"] for trial in trials]
        if case.goal is not None and statistics.fmean(own) < case.goal:
            lines.append(f"{key}: hetero_gat reaches {statistics.fmean(own):.3f}; goal {case.goal}")
        for rival in ("linear", "mlp") if case.beats else ():
            gains = [trial["hetero_gat"]["test"] - trial[rival]["test"] for trial in trials]
            spread = statistics.stdev(gains) if len(gains) > 1 else 0.0
            if statistics.fmean(gains) <= spread:
                lines.append(
                    f"{key}: hetero_gat is {statistics.fmean(gains):+.3f} ± {spread:.3f} from {rival}; "
                    "goal: more than the spread"
                )
    return lines


if __name__ == "__main__":
    sys.exit(main())
