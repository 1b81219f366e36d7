"""Edges that a table lists: one row for each edge, with the ids of its ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.data.columns import row_name, row_numbers, shorten
from mmgraph.data.stream import Block, EntityRows, Wanted
from mmgraph.errors import DataError, Faults, did_you_mean
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Edges, RelationBuilder
from mmgraph.registry import RELATIONS


@RELATIONS.register("table")
@dataclass(frozen=True)
class Table(RelationBuilder):
    """Edges that a table lists, one in a row. The same edge in several rows becomes one.

    Args:
        source: The entity type that the edges come from.
        target: The entity type that they go to.
        table: CSV, Parquet or JSONL file, relative to the dataset folder.
        source_column: The column with the ids of the sources.
        target_column: The column with the ids of the targets.
        weight_column: The column with the weights, finite and greater than 0. Weights of rows that become one
            edge are summed.
        symmetric: An edge holds in both directions, so that both are stored. A pair that is listed in both
            counts once, with the mean of the two weights.
        unknown: What to do with a row whose id is empty or no entity's: ``error``, or ``skip`` and count it.

    Example:
        >>> Table("country", "country", "borders.csv", symmetric=True).default_name
        'borders'
    """

    kind: ClassVar[Literal["given", "derived"]] = "given"

    source: Annotated[str, Field(description="The entity type that the edges come from.")]
    target: Annotated[str, Field(description="The entity type that they go to.")]
    table: Annotated[str, Field(description="CSV, Parquet or JSONL file, relative to the dataset folder.")]
    source_column: Annotated[str, Field(description="The column with the ids of the sources.")] = "source"
    target_column: Annotated[str, Field(description="The column with the ids of the targets.")] = "target"
    weight_column: Annotated[str | None, Field(description="The column with the weights, above 0.")] = None
    symmetric: Annotated[bool, Field(description="Store every edge in both directions.")] = False
    unknown: Annotated[
        Literal["error", "skip"],
        Field(description="What to do with a row whose id is empty or no entity's."),
    ] = "error"

    @property
    def default_name(self) -> str:
        """The name of the file."""
        return self.table.rpartition("/")[2].partition(".")[0]

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the two entity types."""
        return (
            context.entity(self.source, parameter="source"),
            context.entity(self.target, parameter="target"),
        )

    def check(self, context: BuildContext) -> None:
        """Refuse a column of an entity table that a task predicts: the edges would give the label away.

        Raises:
            GraphError: If source or target is such a column.
        """
        for entity, spec in context.dataset.spec.entities.items():
            if spec.table == self.table:
                for parameter in ("source_column", "target_column", "weight_column"):
                    context.refuse_target(entity, getattr(self, parameter), parameter=parameter)

    def build(self, context: BuildContext) -> Edges:
        """Return the edges.

        Raises:
            DataError: With all faults of the table: columns, ids and weights.
        """
        faults = Faults()
        ends = [EntityRows(context.dataset.id_index(entity)) for entity in (self.source, self.target)]
        wanted = [
            Wanted(getattr(self, parameter), context.at(parameter), end)
            for parameter, end in zip(("source_column", "target_column"), ends, strict=True)
        ]
        if self.weight_column is not None:
            wanted.append(Wanted(self.weight_column, context.at("weight_column"), _weights))
        source, target, weight = (*context.columns(self.table, wanted, faults), None)[:3]
        if self.unknown == "error":
            self._note_unknown(source, self.source, ends[0], context, faults)
            self._note_unknown(target, self.target, ends[1], context, faults)
        if weight is not None:
            self._note_weightless(weight, context, faults)
        faults.raise_if_any(DataError)
        assert source is not None
        assert target is not None
        known = (source >= 0) & (target >= 0)
        skipped = int((~known).sum())
        if not skipped:
            return Edges(source, target, weight)
        context.count("rows_skipped", skipped)
        context.warn(
            f"{skipped} of {len(source)} rows of {self.table} were skipped: an id is empty or unknown"
        )
        return Edges(source[known], target[known], None if weight is None else weight[known])

    def why_empty(self, context: BuildContext) -> str:
        """Return why no row became an edge."""
        if context.counts["rows"] == 0:
            return f"{self.table} has no rows"
        return f"all {context.counts['rows']} rows of {self.table} were skipped, as their ids are unknown"

    def _note_unknown(
        self,
        rows: NDArray[np.int64] | None,
        entity: str,
        reader: EntityRows,
        context: BuildContext,
        faults: Faults,
    ) -> None:
        if rows is None or reader.unknown is None:
            return
        place, first = reader.unknown
        near = "" if first is None else did_you_mean(first, context.dataset.entity_ids(entity))
        # Where nothing is near, did_you_mean lists all that there is: no help with thousands of ids.
        near = f"{near} " if near.startswith("Did you mean") else ""
        came = "an empty cell" if first is None else shorten(first)
        faults.add(
            place,
            f"got {came}; wanted the id of a {entity}{_also(np.flatnonzero(rows < 0))}",
            f"{near}Mend the rows, or set unknown to skip.",
        )

    def _note_weightless(self, weight: NDArray[np.float32], context: BuildContext, faults: Faults) -> None:
        wrong = np.flatnonzero(~(weight > 0))
        if not len(wrong):
            return
        first = int(wrong[0])
        came = "an empty cell" if np.isnan(weight[first]) else f"{weight[first]:g}"
        faults.add(
            f"{context.dataset.folder / self.table}: column {self.weight_column!r}, {row_name(first)}",
            f"got {came}; wanted a weight greater than 0{_also(wrong)}",
            "Mend or remove the row: an edge without weight is no edge.",
        )


def _weights(block: Block) -> NDArray[np.float32]:
    weight: NDArray[np.float32] = block.column().numbers().astype(np.float32)
    return weight


def _also(rows: NDArray[np.int64]) -> str:
    return f" (also in {row_numbers(rows[1:])})" if len(rows) > 1 else ""
