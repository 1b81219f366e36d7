"""What the entities of the report's map are coloured by: label, part of the split, right or wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.evaluation.robustness.slices import degree_bins
from mmgraph.evaluation.samples import shown
from mmgraph.tasks import LinkPrediction, Matching, MultiTask, Retrieval
from mmgraph.tasks.labels import SPLITS
from mmgraph.training.run import Run

_COLOURS = 11


@dataclass(frozen=True, eq=False)
class Coloured:
    """Who is on the map, of one entity type, and what there is to say of each.

    Args:
        what: What the labels are.
        rows: The entities, int64 [P].
        label: The colour of each entity's label, int64 [P].
        labels: What each colour stands for.
        split: The part of the split that each is in, int64 [P]; nothing where entities are in none.
        wrong: Whether its answer is wrong, bool [P]; nothing where answers are near or far.
        said: What there is to say of each beside its title, [P].
    """

    what: str
    rows: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    split: npt.NDArray[np.int64] | None
    wrong: npt.NDArray[np.bool_] | None
    said: tuple[str, ...]


def coloured(run: Run) -> Coloured | None:
    """Return who is on the map of a run and how they are coloured; nothing for a task that predicts nothing.

    Entities with a target have its colour, of several tasks that of the first. Those of a retrieval go by the
    rank of their own answer, those of a matching by whether their own pair is said to belong together, and
    the ends of links by how many links begin at them.
    """
    task = run.task
    if isinstance(task, LinkPrediction):
        return _by_links(task)
    table = run.predictions()
    if isinstance(task, Retrieval):
        return _by_rank(table)
    if isinstance(task, Matching):
        own = table[table["drawn"] == "own"].reset_index(drop=True)
        place = pd.Series(range(len(task.labels.ids)), index=task.labels.ids.astype(object))
        names = own["prediction"].map({True: "said to belong together", False: "said not to"})
        return _coloured(
            "own pair", own, names, ~own["prediction"], np.asarray(place[own["id"]], dtype=np.int64)
        )
    column = ""
    if isinstance(task, MultiTask):
        first = next(iter(task.weights))
        table = table[table["entity"] == task.members[first].labels.entity].reset_index(drop=True)
        column = f"{first}/"
    if not {f"{column}target", f"{column}prediction"} <= set(table):
        return None
    plain = table[["id", "split"]].assign(target=table[f"{column}target"], told=table[f"{column}prediction"])
    known = plain["target"].notna() & plain["split"].isin(SPLITS)
    return _by_target(plain[known], column.rstrip("/") or task.labels.task)


def _by_target(table: pd.DataFrame, what: str) -> Coloured:
    rows = table.index.to_numpy(dtype=np.int64)
    table = table.reset_index(drop=True)
    label, names = _labels(table["target"])
    numbers = pd.api.types.is_float_dtype(table["target"])
    pairs = list(zip(table["target"], table["told"], strict=True))
    wrong = None if numbers else np.array([_is_wrong(*pair) for pair in pairs], dtype=bool)
    said = [
        f"{shown(target)}, {split}, said {shown(told)}"
        for (target, told), split in zip(pairs, table["split"], strict=True)
    ]
    return Coloured(what, rows, label, tuple(names), _parts(table["split"]), wrong, tuple(said))


def _by_rank(table: pd.DataFrame) -> Coloured:
    table = table[table["rank"].notna() & table["split"].isin(SPLITS)]
    bands = np.where(table["rank"] < 2, "first", np.where(table["rank"] <= 10, "2 to 10", "further back"))
    names = pd.Series(bands, index=table.index)
    found = [f"{name} (rank {rank:g})" for name, rank in zip(names, table["rank"], strict=True)]
    rows = table.index.to_numpy(dtype=np.int64)
    return _coloured("rank of the own answer", table, names, names != "first", rows, found)


def _by_links(task: LinkPrediction) -> Coloured:
    degree = np.bincount(task.links.source.numpy(), minlength=task.links.num_source)
    bins = pd.Series(degree_bins(degree))
    order = sorted(set(bins), key=lambda name: int(name.partition("-")[0]))[:_COLOURS]
    code = {name: place for place, name in enumerate(order)}
    label = np.array([code.get(name, len(order) - 1) for name in bins], dtype=np.int64)
    said = tuple(f"{count} links of {task.links.triple[1]}" for count in degree)
    return Coloured("links", np.arange(len(degree)), label, tuple(order), None, None, said)


def _coloured(
    what: str,
    table: pd.DataFrame,
    names: pd.Series,
    wrong: pd.Series,
    rows: npt.NDArray[np.int64],
    found: list[str] | None = None,
) -> Coloured:
    label, labels = _labels(names)
    split = table["split"].tolist()
    said = tuple(f"{one}, {part}" for one, part in zip(found or names.tolist(), split, strict=True))
    bad = wrong.to_numpy(dtype=bool)
    return Coloured(what, rows, label, tuple(labels), _parts(table["split"]), bad, said)


def _parts(split: pd.Series) -> npt.NDArray[np.int64]:
    return np.array([SPLITS.index(part) for part in split], dtype=np.int64)


def _labels(targets: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the colour of each target, and what each colour stands for; the rarest share the last one."""
    if pd.api.types.is_float_dtype(targets):
        cut = pd.qcut(targets, 5, duplicates="drop")
        bands = [f"{part.left:.3g} to {part.right:.3g}" for part in cut.cat.categories]
        return np.array(cut.cat.codes, dtype=np.int64), bands
    first = targets.map(lambda value: shown(value) if isinstance(value, str) else _first_label(value))
    sizes = first.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    names = [str(name) for name in sizes.index[:_COLOURS]]
    code = {name: place for place, name in enumerate(names)}
    if len(sizes) > _COLOURS:
        names.append("others")
    places = [code.get(name, len(names) - 1) for name in first]
    return np.array(places, dtype=np.int64), names


def _first_label(value: Any) -> str:
    """Return what an entity with several labels is coloured by."""
    labels = [str(label) for label in value]
    return labels[0] if labels else "none"


def _is_wrong(target: Any, prediction: Any) -> bool:
    return bool(shown(_plain(target)) != shown(_plain(prediction)))


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else sorted(str(label) for label in value)
