"""The report's tables of slices: how each entry fares with some of the test entities."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmgraph.data.task_spec import AnyTaskSpec, TaskSpec
from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.evaluation.comparison import Comparison, Trial
from mmgraph.evaluation.robustness.slices import FEWEST, degree_bins, degrees, group_names
from mmgraph.evaluation.samples import modalities_of
from mmgraph.graph.graph import Graph
from mmgraph.graph.known_columns import known_columns

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
                of a task that has no target of each entity.
            DataError: If the table cannot be read.
        """
        self._columns(graph, graph.task(task), task)

    def slices(self, comparison: Comparison, graph: Graph) -> Slices | None:
        """Return how each entry fares with entities by what they lack, by their edges, and by columns.

        Args:
            comparison: The comparison, with at least one result.
            graph: The graph as the task sees it.

        Returns:
            Nothing for a task without a target of each entity.

        Raises:
            ConfigError, DataError: As :meth:`check`.
        """
        columns = self._columns(graph, comparison.spec, comparison.task)
        if columns is None:
            return None
        assert isinstance(comparison.spec, TaskSpec)
        named = [(f"By {name}", group_names(columns[name], most=_MOST_GROUPS), "") for name in self.groups]
        named += _built_in(graph, comparison.spec.entity)
        ids = columns["id"].astype(str).tolist()
        entries = tuple(comparison.finished)
        scores = {name: [_scores(trial) for trial in comparison.of(name)] for name in entries}
        tables = [
            SliceTable(title, caption, rows)
            for title, cells, caption in named
            if len(rows := _rows(dict(zip(ids, cells, strict=True)), scores, entries)) > 1
        ]
        if not tables:
            return None
        measure = _MEASURES[_kind(comparison.trials[0])]
        return Slices(
            f"{measure}: the mean over trainings ± its standard deviation; bold is the best of a row.",
            entries,
            tuple(tables),
        )

    def _columns(self, graph: Graph, spec: AnyTaskSpec, task: str) -> pd.DataFrame | None:
        if self.table is not None and not self.groups:
            raise ConfigError(
                "got a table, but no column of it", where="--table", fix="Name one by --group COLUMN."
            )
        if not isinstance(spec, TaskSpec):
            if self.groups:
                raise ConfigError(
                    f"the task {task!r} has no target of each entity, so there are no groups of them",
                    where="--group",
                    fix="Leave it out.",
                )
            return None
        columns = known_columns(graph, spec.entity, self.table)
        for name in self.groups:
            if name not in columns:
                raise ConfigError(
                    f"there is no column {name!r}",
                    where="--group",
                    fix=f"{did_you_mean(name, [str(c) for c in columns])} --table FILE brings others.",
                )
        return columns


_MEASURES = {
    "class": "The share of the test entities of a group that is answered rightly",
    "number": "The mean absolute error on the test entities of a group (less is better)",
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
    sizes: dict[str, int] = {}
    for name in entries:
        for trial in scores[name]:
            members: dict[str, list[float]] = defaultdict(list)
            for identifier, score in trial.items():
                members[group_of[identifier]].append(score)
            for group, values in members.items():
                sizes.setdefault(group, len(values))
                means[group].setdefault(name, []).append(statistics.fmean(values))
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
        text = f"{abs(statistics.fmean(values)):.3f}"
        if len(values) > 1:
            text += f" ± {statistics.stdev(values):.3f}"
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


def _kind(trial: Trial) -> str:
    target = trial.predictions["target"]
    if pd.api.types.is_float_dtype(target):
        return "number"
    known = target.dropna()
    return "class" if not len(known) or isinstance(known.iloc[0], str) else "labels"


def _scores(trial: Trial) -> dict[str, float]:
    """Return the score of each test entity by its id; more is better."""
    test, kind = trial.on_test, _kind(trial)
    pairs = zip(test["id"].astype(str), test["target"], test["prediction"], strict=True)
    if kind == "number":
        return {name: -abs(float(target) - float(told)) for name, target, told in pairs}
    if kind == "class":
        return {name: float(str(target) == str(told)) for name, target, told in pairs}
    return {name: _overlap(set(target), set(told)) for name, target, told in pairs}


def _overlap(has: set[str], told: set[str]) -> float:
    return 2 * len(has & told) / (len(has) + len(told)) if has or told else 1.0
