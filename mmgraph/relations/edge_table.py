"""The rows of a table of edges, read block by block and checked, by whatever reads such a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmgraph.data.columns import row_name, row_numbers, shorten
from mmgraph.data.id_index import IdIndex
from mmgraph.data.stream import Block, EntityRows, Wanted
from mmgraph.errors import DataError, Faults, did_you_mean
from mmgraph.graph.relation import Edges
from mmgraph.relations.entity_columns import Context
from mmgraph.relations.id_columns import Unknown
from mmgraph.relations.spans import Positions

_LAST_MOMENT = 2.0**53


@dataclass(frozen=True, eq=False)
class EdgeEnd:
    """One end of the edges of a table.

    Args:
        entity: The entity type.
        column: The column with its ids.
        ids: Returns the ids of the entities, in the order of their positions, for messages.
        index: Finds them.
    """

    entity: str
    column: str
    ids: Callable[[], Sequence[str]]
    index: IdIndex


@dataclass(frozen=True)
class EdgeColumns:
    """Which columns of a table hold what the edges carry.

    Args:
        weight: The column with the weights, or nothing.
        features: The columns with edge features.
        time: The column with the times, or nothing.
    """

    weight: str | None = None
    features: tuple[str, ...] = ()
    time: str | None = None


@dataclass(frozen=True, eq=False)
class EdgeRows:
    """What the rows of a table say.

    Args:
        edges: The edges of the rows whose ids are known, in the order of the table.
        row: Where each stands in the table, int64 [E]; nothing where each row has become one.
        total: The number of all rows.
        skipped: The ends of the other rows, -1 where an id is empty or unknown, [2, S].
        first: Where the first such id stands and what it is, for messages; nothing if all are known.
    """

    edges: Edges
    row: Positions | None
    total: int
    skipped: NDArray[np.integer[Any]] = field(default_factory=lambda: np.empty((2, 0), dtype=np.int64))
    first: str | None = None

    def rows_of(self, edges: NDArray[Any]) -> NDArray[Any]:
        """Return where some of the edges, by their positions [K], stand in the table."""
        return edges if self.row is None else self.row[edges]


def read_edge_table(
    context: Context, path: str, source: EdgeEnd, target: EdgeEnd, columns: EdgeColumns, *, unknown: Unknown
) -> EdgeRows:
    """Return the rows of a table of edges.

    Args:
        context: The surroundings of the relation, whose parameters the columns are.
        path: The table, relative to the dataset folder.
        source: Where edges come from.
        target: Where they go to.
        columns: What they carry.
        unknown: What to do with a row whose id is empty or nobody's.

    Raises:
        DataError: With all faults of the table.
    """
    faults = Faults()
    file, moments = context.file(path), _Moments()
    ends = {
        "source_column": (source, EntityRows(source.index)),
        "target_column": (target, EntityRows(target.index)),
    }
    wanted = [Wanted(end.column, context.at(parameter), rows) for parameter, (end, rows) in ends.items()]
    carried: list[tuple[str, str, Callable[[Block], NDArray[Any]]]] = []
    if columns.weight is not None:
        carried.append((columns.weight, "weight_column", _weights))
    if columns.time is not None:
        carried.append((columns.time, "time_column", moments))
    carried += [(name, f"feature_columns[{n}]", _filled) for n, name in enumerate(columns.features)]
    wanted += [Wanted(name, context.at(parameter), read) for name, parameter, read in carried]
    found = context.columns(path, wanted, faults)
    for rows, (end, reader) in zip(found, ends.values(), strict=False):
        if unknown == "error" and rows is not None and reader.unknown is not None:
            _note_unknown(rows, end, reader.unknown, faults)
    weight, time = (_taken(found[2:], carried, p) for p in ("weight_column", "time_column"))
    if weight is not None:
        _note_weightless(weight, f"{file}: column {columns.weight!r}", faults)
    if time is not None:
        _note_timeless(time, moments, f"{file}: column {columns.time!r}", faults)
    faults.raise_if_any(DataError)
    features = found[len(found) - len(columns.features) :]
    # Whatever column was not read has told its fault.
    attr = np.stack([part for part in features if part is not None], axis=1) if features else None
    sources, targets = found[0], found[1]
    assert sources is not None
    assert targets is not None
    known = (sources >= 0) & (targets >= 0)
    whole = None if time is None else np.floor(time).astype(np.int64)
    edges = Edges(sources, targets, weight, attr, columns.features, whole)
    if known.all():
        return EdgeRows(edges, None, len(sources))
    row = np.flatnonzero(known)
    skipped = np.stack([sources[~known], targets[~known]])
    return EdgeRows(edges.take(row), row, len(sources), skipped, _first_unknown(ends.values(), file))


def _first_unknown(ends: Iterable[tuple[EdgeEnd, EntityRows]], file: str) -> str:
    """Return where the first id that is empty or unknown stands, and what it is."""
    place, name = next(reader.unknown for _, reader in ends if reader.unknown is not None)
    return f"{place.removeprefix(f'{file}: ')}: got {_came(name)}"


def _came(name: str | None) -> str:
    return "an empty cell" if name is None else shorten(name)


def _taken(
    arrays: Sequence[NDArray[Any] | None], carried: Sequence[tuple[str, str, object]], parameter: str
) -> NDArray[Any] | None:
    """Return the array of a column that may not have been asked for."""
    return next((a for a, (_, own, _) in zip(arrays, carried, strict=True) if own == parameter), None)


def _weights(block: Block) -> NDArray[np.float32]:
    return block.column().numbers().astype(np.float32)


def _filled(block: Block) -> NDArray[np.float32]:
    return block.column().filled_numbers().astype(np.float32)


class _Moments:
    """Reads times, and remembers whether they are dates or numbers: they may not be both.

    Attributes:
        dated: Whether they are dates; nothing while no cell has told.
    """

    def __init__(self) -> None:
        self.dated: bool | None = None

    def __call__(self, block: Block) -> NDArray[np.float64]:
        """Return seconds since 1970 for dates, else the numbers; NaN for an empty cell."""
        column = block.column()
        time, dated = column.moments()
        if np.isnan(time).all():
            return time
        if self.dated is None:
            self.dated = dated
        if dated != self.dated:
            raise DataError(
                "dates and numbers stand in one column; wanted one of the two",
                where=column.place(0),
                fix="Write all times alike.",
            )
        return time


def _note_unknown(
    rows: NDArray[np.int64], end: EdgeEnd, first: tuple[str, str | None], faults: Faults
) -> None:
    place, name = first
    near = "" if name is None else did_you_mean(name, end.ids())
    # Where nothing is near, did_you_mean lists all that there is: no help with thousands of ids.
    near = f"{near} " if near.startswith("Did you mean") else ""
    faults.add(
        place,
        f"got {_came(name)}; wanted an id of the type {end.entity!r}{_also(np.flatnonzero(rows < 0))}",
        f"{near}Mend the rows, or set unknown to skip.",
    )


def _note_weightless(weight: NDArray[np.float32], column: str, faults: Faults) -> None:
    wrong = np.flatnonzero(~(weight > 0))
    if len(wrong):
        first = int(wrong[0])
        came = "an empty cell" if np.isnan(weight[first]) else f"{weight[first]:g}"
        faults.add(
            f"{column}, {row_name(first)}",
            f"got {came}; wanted a weight greater than 0{_also(wrong)}",
            "Mend or remove the row: an edge without weight is no edge.",
        )


def _note_timeless(time: NDArray[np.float64], moments: _Moments, column: str, faults: Faults) -> None:
    # Beyond that, whole numbers are no longer told apart.
    far = np.abs(time) > _LAST_MOMENT
    wrong = np.flatnonzero(np.isnan(time) | far | ((time % 1 != 0) & (not moments.dated)))
    if len(wrong):
        first = int(wrong[0])
        came = "an empty cell" if np.isnan(time[first]) else f"{time[first]:g}"
        faults.add(
            f"{column}, {row_name(first)}",
            f"got {came}; wanted a date or a whole number of at most 2^53 in size{_also(wrong)}",
            "Mend or remove the row: every edge of the relation has a time. Give nanoseconds as seconds.",
        )


def _also(rows: NDArray[np.int64]) -> str:
    return f" (also in {row_numbers(rows[1:])})" if len(rows) > 1 else ""
