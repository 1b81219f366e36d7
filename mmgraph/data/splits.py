"""Splits: which entities train, validate and test, as ``dataset.yaml`` asks for it."""

from __future__ import annotations

from typing import assert_never

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.counted import counted
from mmgraph.data.columns import Column, shorten
from mmgraph.data.entity_table import EntityTable
from mmgraph.data.partition import Ints, divide, divide_groups, divide_times, lots
from mmgraph.data.split_spec import (
    ColumnSplit,
    EntitySplit,
    Fractions,
    GroupedSplit,
    RandomSplit,
    StratifiedSplit,
    TimeSplit,
)
from mmgraph.errors import DataError, did_you_mean

PARTS = ("train", "validation", "test")
"""The parts of a split; an entity that takes no part has the empty text instead."""


def assign(split: EntitySplit, table: EntityTable, *, where: str) -> npt.NDArray[np.str_]:
    """Return the part of each entity, [N]: ``train``, ``validation``, ``test`` or nothing.

    It depends on the ids, on the columns that the split names and on the seed, never on the order of rows.

    Args:
        split: The split.
        table: The table of its entity type.
        where: The place of ``split``, e.g. ``dataset.yaml: splits.fixed``.

    Raises:
        DataError: If a column cannot be used, or a part would hold no entity.
    """
    match split:
        case ColumnSplit():
            parts = _by_column(table.column(split.column, where=f"{where}.column"))
        case RandomSplit():
            strata = np.zeros(len(table), dtype=np.int64)
            parts = divide(strata, _id_lots(table, split.seed), shares_of(split.fractions))
        case StratifiedSplit():
            strata = _codes(table.column(split.by, where=f"{where}.by"))
            parts = divide(strata, _id_lots(table, split.seed), shares_of(split.fractions))
        case GroupedSplit():
            parts = _by_groups(split, table, where)
        case TimeSplit():
            parts = _by_time(split, table.column(split.column, where=f"{where}.column"), where)
        case _:
            assert_never(split)
    _refuse_empty_part(parts, split, where)
    return np.array([*PARTS, ""], dtype="<U10")[parts]


def shares_of(fractions: Fractions) -> list[float]:
    """Return the fractions so that they add up to 1 exactly."""
    shares = [fractions.train, fractions.validation, fractions.test]
    return [share / sum(shares) for share in shares]


def _id_lots(table: EntityTable, seed: int) -> npt.NDArray[np.uint64]:
    return lots(np.array(table.ids, dtype=object), seed)


def _codes(column: Column) -> Ints:
    """Return a number for the value of each cell, [N]; empty cells have a value of their own."""
    return pd.factorize(pd.Series(column.text(), dtype=object), sort=True, use_na_sentinel=False)[0].astype(
        np.int64
    )


def _by_column(column: Column) -> Ints:
    cells = column.text()
    cells[column.missing] = ""
    parts = pd.Index([*PARTS, ""]).get_indexer(pd.Index(cells))
    unknown = np.flatnonzero(parts < 0)
    if len(unknown):
        unknown = column.in_file(unknown)
        value = str(cells[unknown[0]])
        raise DataError(
            f"got {shorten(value)}; wanted train, validation, test or nothing{column.also(unknown)}",
            where=column.place(int(unknown[0])),
            fix=did_you_mean(value, PARTS),
        )
    return parts.astype(np.int64)


def _by_groups(split: GroupedSplit, table: EntityTable, where: str) -> Ints:
    names = table.column(split.group, where=f"{where}.group").text()
    # The two kinds of name cannot meet: a value of the column gets another prefix than an entity's id.
    keys = np.array(
        [f"id {i}" if name is None else f"group {name}" for name, i in zip(names, table.ids, strict=True)],
        dtype=object,
    )
    groups, distinct = pd.factorize(keys, sort=True)
    if split.by is None:
        classes = np.zeros(len(groups), dtype=np.int64)
    else:
        classes = _codes(table.column(split.by, where=f"{where}.by"))
    lot = lots(np.asarray(distinct, dtype=object), split.seed)
    return divide_groups(groups.astype(np.int64), classes, lot, shares_of(split.fractions))[groups]


def _by_time(split: TimeSplit, column: Column, where: str) -> Ints:
    times = column.times()
    parts = divide_times(times, shares_of(split.fractions))
    if parts is None:
        raise DataError(
            f"{column.file}: column {column.name!r} has {counted(len(np.unique(times)), 'different time')}; "
            "wanted at least 3, because entities of one time stay together",
            where=where,
            fix="Take a finer column, or another kind of split.",
        )
    return parts


def _refuse_empty_part(parts: Ints, split: EntitySplit, where: str) -> None:
    counts = dict(zip(PARTS, np.bincount(parts, minlength=len(PARTS)), strict=False))
    empty = [part for part, count in counts.items() if not count]
    if not empty:
        return
    have = ", ".join(f"{part} {count}" for part, count in counts.items())
    if isinstance(split, ColumnSplit):
        fix = f"Write {empty[0]!r} for some entities in the column {split.column!r}."
    else:
        fix = f"Raise the fraction of {empty[0]!r}, or give the dataset more entities or smaller groups."
    raise DataError(
        f"no entity is in {' or in '.join(empty)} ({have}); wanted at least one in each part",
        where=where,
        fix=fix,
    )
