"""Edges between neighbouring cells of a grid: patches of an image, squares of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.errors import Faults, GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder
from mmgraph.registry import RELATIONS
from mmgraph.relations.entity_columns import Context, labels, read_by
from mmgraph.relations.numeric_columns import numeric_columns
from mmgraph.relations.spans import Positions, write_out

_STRAIGHT = ((0, 1), (1, 0), (0, -1), (-1, 0))
_OBLIQUE = ((1, 1), (1, -1), (-1, 1), (-1, -1))
_LARGEST = 2**40


@RELATIONS.register("spatial_grid")
@dataclass(frozen=True)
class SpatialGrid(RelationBuilder):
    """Edges between entities in neighbouring cells of a grid, in both directions.

    Several entities may share a cell; they have no edges among each other. An entity without a cell or a
    group has none at all.

    Args:
        entity: The entity type.
        row: The column with the row in the grid, a whole number.
        column: The column with the column in the grid, a whole number.
        neighbours: ``4`` for cells that share a side, ``8`` also for those that share a corner.
        within: A column, such as the image's id; only entities with the same value have edges.

    Example:
        >>> SpatialGrid("patch", "row", "column", within="image").default_name
        'grid'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    inductive: ClassVar[bool] = True

    entity: Annotated[str, Field(description="The entity type.")]
    row: Annotated[str, Field(description="The column with the row in the grid.")] = "row"
    column: Annotated[str, Field(description="The column with the column in the grid.")] = "column"
    neighbours: Annotated[Literal[4, 8], Field(description="Sides alone, or corners too.")] = 4
    within: Annotated[
        str | None, Field(description="A column; only entities with the same value have edges.")
    ] = None

    @property
    def default_name(self) -> str:
        """``grid``."""
        return "grid"

    @property
    def symmetric(self) -> bool:
        """Neighbours are so both ways."""
        return True

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the entity type twice."""
        entity = context.entity(self.entity, parameter="entity")
        return entity, entity

    def made_from(self, context: BuildContext) -> tuple[str, ...]:
        """Return the modalities that are read from the same columns."""
        return read_by(context, self.entity, (self.row, self.column, self.within))

    def check(self, context: BuildContext) -> None:
        """Refuse a column that a task predicts.

        Raises:
            GraphError: If there is one.
        """
        for parameter in ("row", "column", "within"):
            context.refuse_target(self.entity, getattr(self, parameter), parameter=parameter)

    def fit(self, context: BuildContext) -> Fitted:
        """Return cells and groups, by which new entities find their neighbours."""
        cell, group = self._cells(context)
        return {"cell": cell, "group": group}

    def build(self, context: BuildContext) -> Edges:
        """Return the edges between neighbours."""
        cell, group = context.fitted["cell"], context.fitted["group"]
        context.count("without_cell_or_group", int((np.isnan(cell).any(axis=1) | (group == "")).sum()))
        return Edges(*self._neighbours(cell, group, cell, group))

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges from known neighbours to new entities."""
        known = context.fitted["cell"], context.fitted["group"]
        return Attached(Edges(*self._neighbours(*known, *self._cells(context))))

    def why_empty(self, context: BuildContext) -> str:  # noqa: ARG002
        """Return why no two entities are neighbours."""
        return "no two entities are in neighbouring cells" + (
            f" of one {self.within!r}" if self.within else ""
        )

    def _cells(self, context: Context) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
        """Return rows and columns in the grid, [N, 2], NaN where there are none, and groups."""
        columns = numeric_columns(context, self.entity, (self.row, self.column), parameters=("row", "column"))
        faults = Faults()
        for column in columns:
            wrong = (column.numbers % 1 != 0) & ~np.isnan(column.numbers) | (abs(column.numbers) > _LARGEST)
            column.refuse(wrong, "a whole number that is not huge", faults)
        faults.raise_if_any(GraphError)
        cell = np.stack([column.numbers for column in columns], axis=1)
        return cell, labels(context, self.entity, self.within, parameter="within")

    def _neighbours(
        self,
        cell: NDArray[np.float64],
        group: NDArray[np.str_],
        asked_cell: NDArray[np.float64],
        asked_group: NDArray[np.str_],
    ) -> tuple[Positions, Positions]:
        """Return the pairs of an entity and one that is asked about in a neighbouring cell."""
        rows = np.flatnonzero(~np.isnan(cell).any(axis=1) & (group != ""))
        asked = np.flatnonzero(~np.isnan(asked_cell).any(axis=1) & (asked_group != ""))
        code = pd.factorize(np.concatenate([group[rows], asked_group[asked]]))[0]
        known = np.column_stack([code[: len(rows)], cell[rows]]).astype(np.int64)
        wanted = np.column_stack([code[len(rows) :], asked_cell[asked]]).astype(np.int64)
        index = _CellIndex(known)
        sources, targets = [], []
        for step in (*_STRAIGHT, *(_OBLIQUE if self.neighbours == 8 else ())):
            position, owner = index.find(wanted + np.array([0, *step]))
            sources.append(rows[position])
            targets.append(asked[owner])
        return np.concatenate(sources), np.concatenate(targets)


class _CellIndex:
    """Finds the entities in cells.

    Args:
        cells: Group, row and column of each entity, int64 [N, 3].
    """

    def __init__(self, cells: NDArray[np.int64]) -> None:
        self._cells, inverse = np.unique(cells, axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
        self._order = np.argsort(inverse, kind="stable")
        self._first = np.searchsorted(inverse[self._order], np.arange(len(self._cells) + 1))
        self._index = pd.MultiIndex.from_arrays(list(self._cells.T)) if len(self._cells) else None

    def find(self, cells: NDArray[np.int64]) -> tuple[Positions, Positions]:
        """Return the entities in each of some cells, and the position of their cell."""
        if self._index is None or not len(cells):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        found = self._index.get_indexer(pd.MultiIndex.from_arrays(list(cells.T)))
        there = np.flatnonzero(found >= 0)
        position, owner = write_out(self._first[found[there]], self._first[found[there] + 1])
        return self._order[position], there[owner]
