"""The rows of a table of edges, checked. Whatever reads such a table reads it here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.data.columns import Column, pick, row_numbers
from mmgraph.errors import DataError, Faults, MMGraphError
from mmgraph.graph.relation import Edges
from mmgraph.relations.entity_columns import Context
from mmgraph.relations.id_columns import Unknown, positions_of
from mmgraph.relations.spans import Positions

Ids = Sequence[str] | NDArray[np.object_]


@dataclass(frozen=True)
class EdgeColumns:
    """Which columns of a table hold what.

    Args:
        source: The entity type of sources, and the column with their ids.
        target: The entity type of targets, and the column with their ids.
        weight: The column with the weights, or nothing.
        features: The columns with edge features.
        time: The column with the times, or nothing.
    """

    source: tuple[str, str]
    target: tuple[str, str]
    weight: str | None = None
    features: tuple[str, ...] = ()
    time: str | None = None


@dataclass(frozen=True, eq=False)
class EdgeRows:
    """What the rows of a table say.

    Args:
        edges: The edges of the rows whose ids are known, in the order of the table, int64 [E] and so on.
        row: Where each stands in the table, int64 [E].
        total: The number of all rows.
    """

    edges: Edges
    row: Positions
    total: int


def read_edge_table(
    context: Context, path: str, columns: EdgeColumns, sources: Ids, targets: Ids, *, unknown: Unknown
) -> EdgeRows:
    """Return the rows of a table of edges.

    Args:
        context: The surroundings of the relation.
        path: The table, relative to the dataset folder.
        columns: What to read.
        sources: The ids of the sources, in the order of their positions.
        targets: The ids of the targets.
        unknown: What to do with a row whose id is empty or nobody's.

    Raises:
        DataError: With all faults of the table.
    """
    reader = _Reader(context, context.table(path), path)
    source = reader.ends(*columns.source, "source_column", sources, unknown)
    target = reader.ends(*columns.target, "target_column", targets, unknown)
    weight = reader.weights(columns.weight)
    attr = reader.features(columns.features)
    time = reader.times(columns.time)
    reader.faults.raise_if_any(DataError)
    row = np.flatnonzero((source >= 0) & (target >= 0))
    edges = Edges(source, target, weight, attr, columns.features if attr is not None else (), time)
    return EdgeRows(edges.take(row), row, len(reader.frame))


class _Reader:
    """Reads columns, and notes what is wrong with them."""

    def __init__(self, context: Context, frame: pd.DataFrame, path: str) -> None:
        self.faults = Faults()
        self.frame = frame
        self._context = context
        self._path = path

    def ends(self, entity: str, name: str, parameter: str, ids: Ids, unknown: Unknown) -> Positions:
        """Return the node of each row, -1 where its id is empty or unknown."""
        try:
            column = self._column(name, parameter)
            return positions_of(column, ids, entity=entity, unknown=unknown, faults=self.faults)
        except MMGraphError as error:
            self.faults.extend(error)
            return np.full(len(self.frame), -1, dtype=np.int64)

    def weights(self, name: str | None) -> NDArray[np.float32] | None:
        """Return weights above 0."""
        if name is None:
            return None
        try:
            column = self._column(name, "weight_column")
            weight = column.numbers()
        except MMGraphError as error:
            self.faults.extend(error)
            return None
        wrong = np.flatnonzero(~(weight > 0))
        if len(wrong):
            first = wrong[0]
            came = "an empty cell" if np.isnan(weight[first]) else f"{weight[first]:g}"
            also = f" (also in {row_numbers(wrong[1:])})" if len(wrong) > 1 else ""
            self.faults.add(
                column.place(int(first)),
                f"got {came}; wanted a weight greater than 0{also}",
                "Mend or remove the row: an edge without weight is no edge.",
            )
        return weight.astype(np.float32)

    def features(self, names: Sequence[str]) -> NDArray[np.float32] | None:
        """Return edge features, one column a name."""
        found = []
        for position, name in enumerate(names):
            try:
                found.append(self._column(name, f"feature_columns[{position}]").filled_numbers())
            except MMGraphError as error:
                self.faults.extend(error)
        if not names or len(found) < len(names):
            return None
        return np.stack(found, axis=1).astype(np.float32)

    def times(self, name: str | None) -> Positions | None:
        """Return times: seconds since 1970 for dates, else whole numbers."""
        if name is None:
            return None
        try:
            column = self._column(name, "time_column")
            time, dated = column.moments()
        except MMGraphError as error:
            self.faults.extend(error)
            return None
        wrong = np.flatnonzero(np.isnan(time) | ((time % 1 != 0) & (not dated)))
        if len(wrong):
            first = wrong[0]
            came = "an empty cell" if np.isnan(time[first]) else f"{time[first]:g}"
            also = f" (also in {row_numbers(wrong[1:])})" if len(wrong) > 1 else ""
            self.faults.add(
                column.place(int(first)),
                f"got {came}; wanted a date or a whole number{also}",
                "Mend or remove the row: an edge of this relation has a time.",
            )
            return None
        return np.floor(time).astype(np.int64)

    def _column(self, name: str, parameter: str) -> Column:
        # The columns carry no ids: a row of edges is known by its number.
        file = self._context.file(self._path)
        return pick(self.frame, name, file=file, where=self._context.at(parameter))
