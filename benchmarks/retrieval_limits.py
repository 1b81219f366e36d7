"""What holds a retrieval back: how pictures and texts are described, and how many pairs there are.

All but the last figure is of training entities alone: of pairs that were left out of the fit. On emoji they
are found by kernel ridge regression on MiniLM's vectors of the names, on countries by the closed form. It
chose how ``retrieval.py`` describes what it says it chose.

    python benchmarks/retrieval_limits.py --source emoji=DIR --source countries=DIR --json limits.json

``--only`` names what to measure. ``--quick`` tries two descriptions, and few pairs once.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from pathlib import Path

import torch
from machine import machine, versions
from prepared import prepared
from torch import Tensor

from mmgraph.tasks.closed_form import fit_closed_form
from mmgraph.tasks.content import Content
from mmgraph.tasks.fold_maps import deal
from mmgraph.tasks.gallery import rank_own
from mmgraph.tasks.ridge_maps import Kernel, fit_ridge

DESCRIPTIONS = {
    "hog": "hog",
    "hog, 256 components": "{name: hog, components: 256}",
    "hog, finer": "{name: hog, size: 64, cells: 8, components: 256}",
    "lbp": "{name: lbp, components: 256}",
    "dct": "{name: dct, components: 256}",
}
TOGETHER = (("hog, finer", "lbp"), ("hog, finer", "dct"), ("hog, finer", "lbp", "dct"))
BEST = "lbp"
FLAGS = {name: DESCRIPTIONS[name] for name in ("hog", "hog, finer", "lbp", "dct")}
WORDS = {
    "tfidf": "tfidf",
    "tfidf of two words": "{name: tfidf, characters: 0}",
    "tfidf of one word": "{name: tfidf, characters: 0, words: 1}",
    "tfidf of three words": "{name: tfidf, characters: 0, words: 3}",
    "MiniLM": "sentence_transformer",
}
SPLITS = 5
"""Of the splits of countries, the first, on which the closed form was made as well."""
LEFT_OUT = 240
PAIRS = (90, 180, 360, 720)
KERNELS: dict[str, tuple[Kernel, ...]] = {"ridge": ("linear",), "kernel ridge": ("linear", "gaussian")}


def main() -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", action="append", default=[], help="NAME=DIR: source files of a dataset")
    parser.add_argument("--data", type=Path, help="where to keep the prepared datasets (default: temporary)")
    parser.add_argument("--only", action="append", choices=("emoji", "countries"), help="a dataset; repeat")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="two descriptions, and few pairs once")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folders = prepared(options.only or ("emoji", "countries"), options.source, options.data)
    measures = {"emoji": _of_emoji, "countries": _of_countries}
    results = {}
    for name, folder in folders.items():
        results |= measures[name](folder, quick=options.quick)
    for key, found in results.items():
        print(f"\n{key}")
        for name, value in found.items():
            print(f"  {name:32s}" + "".join(f"{value_:8.3f}" for value_ in value))
    if options.json:
        document = {"machine": machine(), "versions": versions(("mmgraph", "torch")), "results": results}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


def _of_emoji(folder: Path, *, quick: bool) -> dict[str, dict[str, list[float]]]:
    names = [BEST, "hog"] if quick else list(DESCRIPTIONS)
    sides = {name: _sides(folder, DESCRIPTIONS[name]) for name in names}
    pairs, times = (PAIRS[:2], 1) if quick else (PAIRS, 3)
    return {
        "descriptions": _descriptions({name: each[:2] for name, each in sides.items()}),
        "pairs": _pairs(*sides[BEST][:2], pairs=pairs, times=times),
        "tags": _tags(*sides[BEST], times=times),
        "subgroup": _subgroup(folder),
    }


def _of_countries(folder: Path, *, quick: bool) -> dict[str, dict[str, list[float]]]:
    """Return the mean reciprocal rank within folds by closed forms that do not know them, split by split."""
    splits = range(1 if quick else SPLITS)
    found: dict[str, list[float]] = {}
    for flag, words in itertools.product(FLAGS, WORDS if not quick else ["tfidf"]):
        modalities = {"flag": FLAGS[flag], "flag_description": WORDS[words]}
        found[f"{flag} and {words}"] = []
        for seed in splits:
            query, answer = _training_pairs(
                folder, "country", modalities, "flag_to_description", [f"splits.by_region.seed={seed}"]
            )
            fold = deal(len(answer))
            one, other = fit_closed_form(query, answer, fold)[0](query, answer, fold)
            found[f"{flag} and {words}"].append(_within_folds(one, other, fold))
    return {"countries, by split": found}


def _sides(folder: Path, picture: str) -> list[Tensor]:
    """Return picture, name and tags of the training entities that have all three."""
    modalities = {"picture": picture, "name": "sentence_transformer", "tags": "sentence_transformer"}
    return _training_pairs(folder, "emoji", modalities, "picture_to_name", [])


def _training_pairs(
    folder: Path, entity: str, modalities: dict[str, str], task: str, overrides: list[str]
) -> list[Tensor]:
    """Return modalities, by encoders of theirs, of the training entities that have all of them."""
    import mmgraph as mg
    from mmgraph.tasks import Task

    encoders = [f"entities.{entity}.modalities.{name}.encoder={value}" for name, value in modalities.items()]
    dataset = mg.load_dataset(folder, overrides=[*encoders, *overrides])
    graph = mg.build_graph(dataset, relations=["of"], previews=False)
    rows = Task.from_graph(graph, task).rows("train")
    content = Content.in_graph(graph, entity, set(modalities))
    for name in modalities:
        rows = rows[content[name].has[rows]]
    return [content[name].of(rows) for name in modalities]


def _descriptions(sides: dict[str, tuple[Tensor, Tensor]]) -> dict[str, list[float]]:
    """Return the mean reciprocal rank within folds by maps that do not know them, by each kernel."""
    tried = {name: query for name, (query, _) in sides.items()}
    for names in TOGETHER:
        if set(names) <= set(tried):
            tried[" + ".join(names)] = torch.cat([_even(tried[name]) for name in names], dim=1)
    answer = next(iter(sides.values()))[1]
    fold = deal(len(answer))
    found = {}
    for name, query in tried.items():
        found[name] = []
        for kernels in KERNELS.values():
            one, other = fit_ridge(query, answer, fold, kernels)[0](query, answer, fold)
            found[name].append(_within_folds(one, other, fold))
    return found


def _within_folds(one: Tensor, other: Tensor, fold: Tensor) -> float:
    """Return the mean reciprocal rank, both ways, of pairs among those of their fold."""
    parts = [fold == number for number in range(1, int(fold.max()) + 1)]
    return statistics.fmean(_mrr(one[part], other[part]) for part in parts)


def _pairs(query: Tensor, answer: Tensor, *, pairs: tuple[int, ...], times: int) -> dict[str, list[float]]:
    """Return the mean reciprocal rank of pairs that are left out, by how many are not."""
    found: dict[str, list[float]] = {}
    for count in pairs:
        trials = []
        for order in _orders(len(query), times):
            known, new = order[LEFT_OUT:][:count], order[:LEFT_OUT]
            trials.append(
                [
                    _left_out(query[known], answer[known], deal(count), (query[new], answer[new]), kernels)
                    for kernels in KERNELS.values()
                ]
            )
        found[f"{count} training pairs"] = [statistics.fmean(column) for column in zip(*trials, strict=True)]
    return found


def _tags(query: Tensor, answer: Tensor, tags: Tensor, *, times: int) -> dict[str, list[float]]:
    """Return the same with names alone, and with the tags of training entities as names of theirs as well."""
    alone, both = [], []
    for order in _orders(len(query), times):
        known, new = order[LEFT_OUT:], order[:LEFT_OUT]
        fold, asked = deal(len(known)), (query[new], answer[new])
        alone.append(_left_out(query[known], answer[known], fold, asked, KERNELS["kernel ridge"]))
        twice = torch.cat([query[known]] * 2), torch.cat([answer[known], tags[known]]), torch.cat([fold] * 2)
        both.append(_left_out(*twice, asked, KERNELS["kernel ridge"]))
    return {"names": [statistics.fmean(alone)], "names and tags": [statistics.fmean(both)]}


def _subgroup(folder: Path) -> dict[str, list[float]]:
    """Return what who knew the subgroup of each test picture without fault, and nothing else, would have."""
    import mmgraph as mg

    dataset = mg.load_dataset(folder)
    graph = mg.build_graph(dataset, relations=["of"], previews=False)
    nodes = graph.nodes["emoji"]
    test = nodes.loc[nodes["split:picture_to_name"] == "test", "id"]
    subgroup = dataset.frame("emoji").set_index("id").loc[test, "subgroup"].fillna("none")
    sizes = subgroup.map(subgroup.value_counts())
    guessed = [statistics.fmean(1 / place for place in range(1, int(size) + 1)) for size in sizes]
    return {"mean reciprocal rank": [statistics.fmean(guessed)]}


def _left_out(
    query: Tensor, answer: Tensor, fold: Tensor, new: tuple[Tensor, Tensor], kernels: tuple[Kernel, ...]
) -> float:
    fitted = fit_ridge(query, answer, fold, kernels)[0]
    return _mrr(*fitted(*new, torch.zeros(len(new[0]), dtype=torch.int64)))


def _mrr(one: Tensor, other: Tensor) -> float:
    """Return the mean of both directions."""
    return (rank_own(one, other)[0].mrr() + rank_own(other, one)[0].mrr()) / 2


def _orders(count: int, times: int) -> list[Tensor]:
    return [torch.randperm(count, generator=torch.Generator().manual_seed(seed)) for seed in range(times)]


def _even(x: Tensor) -> Tensor:
    """Return features less their mean, of a mean square length of 1."""
    centred = x - x.mean(dim=0)
    return centred / centred.square().sum(dim=1).mean().sqrt()


if __name__ == "__main__":
    sys.exit(main())
