"""The report's tables of slices: how each entry fares with some of the test entities."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mmgraph.data.task_spec import AnyTaskSpec, MultiTaskSpec, PairTaskSpec, TaskSpec
from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.evaluation.comparison import Comparison, Trial
from mmgraph.evaluation.robustness.slices import FEWEST, degree_bins, degrees, group_names
from mmgraph.evaluation.samples import modalities_of
from mmgraph.graph.graph import Graph
from mmgraph.graph.known_columns import known_columns
from mmgraph.readable import readable, with_spread

_MOST_GROUPS = 24

_NUMBERS = re.compile(r"\(?(?P<begin>-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?)(-[0-9]+|, [^\]]*\])?")
"""A number, or a range of numbers: from one to another, or between quartiles."""


@dataclass(frozen=True)
class SliceCell:
    """What an entry reaches in a group: the number as text, and whether no entry is better there."""

    text: str
    best: bool


@dataclass(frozen=True)
class SliceRow:
    """One group of test entities; a cell without a result is nothing."""

    group: str
    entities: int
    few: bool
    cells: tuple[SliceCell | None, ...]


@dataclass(frozen=True)
class SliceTable:
    """The groups that one column makes."""

    title: str
    caption: str
    rows: tuple[SliceRow, ...]


@dataclass(frozen=True)
class Slices:
    """What the section of slices shows."""

    caption: str
    entries: tuple[str, ...]
    tables: tuple[SliceTable, ...]
    fewest: int = FEWEST


@dataclass(frozen=True, eq=False)
class Slicing:
    """By which columns the test entities are made groups of.

    Args:
        groups: The columns: targets, splits and titles that a graph keeps, or columns of ``table``.
        table: A table with further columns, or where it is; rows are found by their ids.
    """

    groups: tuple[str, ...] = ()
    table: str | Path | pd.DataFrame | None = None

    def check(self, graph: Graph, task: str) -> None:
        """Make sure, before long work, that there are such columns.

        Raises:
            ConfigError: If there is no such column, a table without a column of it, or groups are asked for
                of links.
            DataError: If the table cannot be read.
        """
        self._columns(graph, graph.task(task), task)

    def slices(self, comparison: Comparison, graph: Graph) -> Slices | None:
        """Return how each entry fares with entities by what they lack, by their edges, and by columns.

        Args:
            comparison: The comparison, with at least one result.
            graph: The graph as the task sees it.

        Returns:
            Nothing for a link prediction, whose answers are of two entities each.

        Raises:
            ConfigError, DataError: As :meth:`check`.
        """
        entries, tables, measures = tuple(comparison.finished), [], []
        parts = self._columns(graph, comparison.spec, comparison.task)
        for task, (entity, columns) in parts.items():
            begin = f"{task}: " if isinstance(comparison.spec, MultiTaskSpec) else ""
            trials = {
                name: [_of_task(trial, task, entity) if begin else trial for trial in comparison.of(name)]
                for name in entries
            }
            ids = columns["id"].astype(str).tolist()
            scores = {name: [_scores(trial) for trial in trials[name]] for name in entries}
            named = [
                (f"By {name}", group_names(columns[name], most=_MOST_GROUPS), "")
                for name in self.groups
                if name in columns
            ]
            found = [
                SliceTable(f"{begin}{title[:1].lower() if begin else title[:1]}{title[1:]}", caption, rows)
                for title, cells, caption in [*named, *_built_in(graph, entity)]
                if len(rows := _rows(dict(zip(ids, cells, strict=True)), scores, entries)) > 1
            ]
            if found:
                tables += found
                measures.append(f"{begin}{_MEASURES[_kind(trials[entries[0]][0])]}")
        if not tables:
            return None
        several = " Entities are those that any of the splits tests." if len(comparison.draws) > 1 else ""
        return Slices(
            f"{'. '.join(measures)}: the mean over trainings ± its standard deviation; bold is the best of a "
            f"row.{several}",
            entries,
            tuple(tables),
        )

    def _columns(self, graph: Graph, spec: AnyTaskSpec, task: str) -> dict[str, tuple[str, pd.DataFrame]]:
        """Return by task the entity type that it asks about, and the columns that its groups come from."""
        if self.table is not None and not self.groups:
            raise ConfigError(
                "got a table, but no column of it", where="--table", fix="Name one by --group COLUMN."
            )
        names = spec.tasks if isinstance(spec, MultiTaskSpec) else (task,)
        asked = {
            name: one.entity
            for name, one in ((name, graph.task(name)) for name in names)
            if isinstance(one, TaskSpec | PairTaskSpec)
        }
        if self.groups and not asked:
            raise ConfigError(
                f"the answers of {task!r} are not of one entity each, so there are no groups of them",
                where="--group",
                fix="Leave it out.",
            )
        columns = {entity: known_columns(graph, entity, self.table) for entity in asked.values()}
        known = [str(column) for table in columns.values() for column in table]
        for name in self.groups:
            if name not in known:
                raise ConfigError(
                    f"there is no column {name!r}",
                    where="--group",
                    fix=f"{did_you_mean(name, known)} --table FILE brings others, such as "
                    "those of a table that the dataset names.",
                )
        return {name: (entity, columns[entity]) for name, entity in asked.items()}


_MEASURES = {
    "class": "The share of the test entities of a group that is answered rightly",
    "number": "The mean absolute error on the test entities of a group (less is better)",
    "rank": "The reciprocal rank of the own answer, among all, for the test entities of a group",
    "pairs": "The share of the pairs of the test entities of a group that are told rightly",
    "labels": "The overlap of an entity's labels with those told (F1 of each, the mean over the test "
    "entities of a group)",
}


def _built_in(graph: Graph, entity: str) -> list[tuple[str, pd.Series, str]]:
    """Return the groups that any graph has: by the modalities of entities, and by their edges."""
    found = []
    owned = modalities_of(graph, entity)
    count = graph.schema.node_type(entity).num_nodes
    lacking: list[list[str]] = [[] for _ in range(count)]
    for modality, rows in owned.items():
        there = np.zeros(count, dtype=bool)
        there[rows] = True
        for row in np.flatnonzero(~there):
            lacking[row].append(modality)
    names = pd.Series([f"no {', '.join(names)}" if names else "all there" for names in lacking], dtype=object)
    found.append(("By what is missing", group_names(names, most=_MOST_GROUPS), ""))
    if graph.schema.relations:
        bins = pd.Series(degree_bins(degrees(graph, entity)), dtype=object)
        caption = "Edges of relations that lead to the entity or to one of its modalities."
        found.append(("By the number of edges", bins, caption))
    return found


def _rows(
    group_of: dict[str, str], scores: dict[str, list[dict[str, float]]], entries: Sequence[str]
) -> tuple[SliceRow, ...]:
    means: dict[str, dict[str, list[float]]] = defaultdict(dict)
    asked: dict[str, set[str]] = defaultdict(set)
    for name in entries:
        for trial in scores[name]:
            members: dict[str, list[float]] = defaultdict(list)
            for identifier, score in trial.items():
                asked[group_of[identifier]].add(identifier)
                members[group_of[identifier]].append(score)
            for group, values in members.items():
                means[group].setdefault(name, []).append(statistics.fmean(values))
    sizes = {group: len(ids) for group, ids in asked.items()}
    return tuple(
        SliceRow(group, sizes[group], sizes[group] < FEWEST, _cells(means[group], entries))
        for group in sorted(sizes, key=_order)
    )


def _cells(means: dict[str, list[float]], entries: Sequence[str]) -> tuple[SliceCell | None, ...]:
    # Scores are such that more is better.
    best = max(statistics.fmean(values) for values in means.values())
    cells: list[SliceCell | None] = []
    for name in entries:
        if name not in means:
            cells.append(None)
            continue
        values = means[name]
        mean = abs(statistics.fmean(values))
        text = with_spread(mean, statistics.stdev(values)) if len(values) > 1 else readable(mean)
        cells.append(SliceCell(text, statistics.fmean(values) >= best - 1e-12))
    return tuple(cells)


def _order(group: str) -> tuple[int, float, str]:
    """Order numbers and ranges by their beginnings, and all else by name.

    Example:
        >>> sorted(["²", "(10.0, 20.5]", "(-0.5, 10.0]"], key=_order)
        ['(-0.5, 10.0]', '(10.0, 20.5]', '²']
        >>> sorted(["16-31", "2-3", "0"], key=_order)
        ['0', '2-3', '16-31']
    """
    found = _NUMBERS.fullmatch(group)
    return (1, 0.0, group) if found is None else (0, float(found["begin"]), group)


def _of_task(trial: Trial, task: str, entity: str) -> Trial:
    """Return what a training on several tasks says of one of them, as if it were the only one."""
    table = trial.predictions[trial.predictions["entity"] == entity]
    own = table[["id", "split", f"{task}/target", f"{task}/prediction"]]
    return replace(trial, predictions=own.rename(columns=lambda name: name.removeprefix(f"{task}/")))


def _kind(trial: Trial) -> str:
    for column, kind in (("rank", "rank"), ("drawn", "pairs")):
        if column in trial.predictions:
            return kind
    target = trial.predictions["target"]
    if pd.api.types.is_float_dtype(target):
        return "number"
    known = target.dropna()
    return "class" if not len(known) or isinstance(known.iloc[0], str) else "labels"


def _scores(trial: Trial) -> dict[str, float]:
    """Return the score of each test entity by its id; more is better."""
    test, kind = trial.on_test, _kind(trial)
    if kind == "rank":
        return dict(zip(test["id"].astype(str), 1 / test["rank"], strict=True))
    if kind == "pairs":
        right = (test["target"] == test["prediction"]).groupby(test["id"].astype(str)).mean()
        return {str(name): float(share) for name, share in right.items()}
    pairs = zip(test["id"].astype(str), test["target"], test["prediction"], strict=True)
    if kind == "number":
        # No answer is no number either, and is not counted.
        return {name: -abs(float(target) - float(told)) for name, target, told in pairs if not pd.isna(told)}
    if kind == "class":
        return {name: float(str(target) == str(told)) for name, target, told in pairs}
    # No answer, as of an entity whose output is not finite, is none of its labels.
    return {name: _overlap(set(target), set() if told is None else set(told)) for name, target, told in pairs}


def _overlap(has: set[str], told: set[str]) -> float:
    return 2 * len(has & told) / (len(has) + len(told)) if has or told else 1.0
