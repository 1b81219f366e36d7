"""Edges that a table lists: one row for each edge, with the ids of its ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.data.columns import Column, pick, row_numbers, shorten
from mmgraph.errors import DataError, Faults, MMGraphError, did_you_mean
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
        frame = context.table(self.table)
        context.counts["rows"] = len(frame)
        faults = Faults()
        source = self._ends(frame, self.source, "source_column", context, faults)
        target = self._ends(frame, self.target, "target_column", context, faults)
        weight = self._weights(frame, context, faults)
        faults.raise_if_any(DataError)
        known = (source >= 0) & (target >= 0)
        skipped = int((~known).sum())
        if skipped:
            context.count("rows_skipped", skipped)
            context.warn(
                f"{skipped} of {len(frame)} rows of {self.table} were skipped: an id is empty or unknown"
            )
        return Edges(source[known], target[known], None if weight is None else weight[known])

    def why_empty(self, context: BuildContext) -> str:
        """Return why no row became an edge."""
        if context.counts["rows"] == 0:
            return f"{self.table} has no rows"
        return f"all {context.counts['rows']} rows of {self.table} were skipped, as their ids are unknown"

    def _column(self, frame: pd.DataFrame, parameter: str, context: BuildContext) -> Column:
        file = str(context.dataset.folder / self.table)
        return pick(frame, getattr(self, parameter), file=file, where=context.at(parameter))

    def _ends(
        self, frame: pd.DataFrame, entity: str, parameter: str, context: BuildContext, faults: Faults
    ) -> NDArray[np.int64]:
        """Return the node of each row, -1 where its id is empty or unknown."""
        nothing = np.empty(0, dtype=np.int64)
        try:
            column = self._column(frame, parameter, context)
            ids = column.id_texts()
        except MMGraphError as error:
            faults.extend(error)
            return nothing
        known = context.dataset.entity_ids(entity)
        rows: NDArray[np.int64] = pd.Index(known, dtype=object).get_indexer(pd.Index(ids, dtype=object))
        unknown = np.flatnonzero(rows < 0)
        if len(unknown) and self.unknown == "error":
            _note_unknown(column, ids, unknown, entity, known, faults)
        return rows

    def _weights(
        self, frame: pd.DataFrame, context: BuildContext, faults: Faults
    ) -> NDArray[np.float32] | None:
        if self.weight_column is None:
            return None
        try:
            column = self._column(frame, "weight_column", context)
            weight = column.numbers()
        except MMGraphError as error:
            faults.extend(error)
            return None
        wrong = np.flatnonzero(~(weight > 0))
        if len(wrong):
            first = wrong[0]
            came = "an empty cell" if np.isnan(weight[first]) else f"{weight[first]:g}"
            faults.add(
                column.place(int(first)),
                f"got {came}; wanted a weight greater than 0{_also(wrong)}",
                "Mend or remove the row: an edge without weight is no edge.",
            )
        return weight.astype(np.float32)


def _note_unknown(
    column: Column,
    ids: NDArray[np.object_],
    unknown: NDArray[np.int64],
    entity: str,
    known: list[str],
    faults: Faults,
) -> None:
    first = ids[unknown[0]]
    near = "" if first is None else did_you_mean(first, known)
    # Where nothing is near, did_you_mean lists all that there is: no help with thousands of ids.
    near = f"{near} " if near.startswith("Did you mean") else ""
    came = "an empty cell" if first is None else shorten(first)
    faults.add(
        column.place(int(unknown[0])),
        f"got {came}; wanted the id of a {entity}{_also(unknown)}",
        f"{near}Mend the rows, or set unknown to skip.",
    )


def _also(rows: NDArray[np.int64]) -> str:
    return f" (also in {row_numbers(rows[1:])})" if len(rows) > 1 else ""
