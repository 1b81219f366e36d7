"""Edges that a table lists: one row for each edge, with the ids of its ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.counted import agreed, counted
from mmgraph.data.id_index import IdIndex
from mmgraph.data.open_table import estimate_rows
from mmgraph.errors import DataError, Faults, GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, RelationBuilder, nothing
from mmgraph.registry import RELATIONS
from mmgraph.relations.edge_table import EdgeColumns, EdgeEnd, read_edge_table
from mmgraph.relations.entity_columns import Context
from mmgraph.relations.id_columns import Unknown
from mmgraph.relations.repeated import Repeated, once_each

_COLUMNS = ("source_column", "target_column", "weight_column", "time_column")


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
        weight_column: The column with the weights, finite and greater than 0.
        feature_columns: Columns of numbers that become edge features, under their names.
        time_column: The column that says when each edge came to be: dates, which count by the second, or
            whole numbers. Edges between the same two at different times stay apart.
        duplicates: What becomes of weights and features of rows that list the same edge at the same time:
            ``sum`` adds weights up and takes the mean of features, ``mean`` and ``max`` hold for both,
            ``first`` and ``last`` keep one of the rows, and ``error`` refuses them.
        direction: ``forward`` as listed; ``backward`` from target to source; ``both``, so that an edge holds
            in both directions and both are stored: a pair that is listed in both counts once, with the mean
            of the two weights.
        unknown: What to do with a row whose id is empty or no entity's: ``error``, or ``skip`` and count it.
            A table beside new entities may name others that nobody knows: their rows are skipped and told.

    Example:
        >>> Table("country", "country", "borders.csv", direction="both").default_name
        'borders'
    """

    kind: ClassVar[Literal["given", "derived"]] = "given"
    inductive: ClassVar[bool] = True

    source: Annotated[str, Field(description="The entity type that the edges come from.")]
    target: Annotated[str, Field(description="The entity type that they go to.")]
    table: Annotated[str, Field(description="CSV, Parquet or JSONL file, relative to the dataset folder.")]
    source_column: Annotated[str, Field(description="The column with the ids of the sources.")] = "source"
    target_column: Annotated[str, Field(description="The column with the ids of the targets.")] = "target"
    weight_column: Annotated[str | None, Field(description="The column with the weights, above 0.")] = None
    feature_columns: Annotated[
        tuple[str, ...], Field(description="Columns of numbers that become edge features.")
    ] = ()
    time_column: Annotated[
        str | None, Field(description="The column that says when each edge came to be.")
    ] = None
    duplicates: Annotated[Repeated, Field(description="What becomes of rows that list the same edge.")] = (
        "sum"
    )
    direction: Annotated[
        Literal["forward", "backward", "both"], Field(description="As listed, turned round, or both ways.")
    ] = "forward"
    unknown: Annotated[
        Unknown, Field(description="What to do with a row whose id is empty or no entity's.")
    ] = "error"

    @property
    def default_name(self) -> str:
        """The name of the file."""
        return self.table.rpartition("/")[2].partition(".")[0]

    @property
    def symmetric(self) -> bool:
        """Only where both directions are asked for."""
        return self.direction == "both"

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the two entity types."""
        source = context.entity(self.source, parameter="source")
        target = context.entity(self.target, parameter="target")
        return (target, source) if self.direction == "backward" else (source, target)

    def check(self, context: BuildContext) -> None:
        """Refuse a column of an entity table that a task predicts: the edges would give the label away.

        Raises:
            GraphError: If source or target is such a column, or a feature is named twice.
        """
        if len(set(self.feature_columns)) < len(self.feature_columns):
            raise GraphError(
                f"got {', '.join(self.feature_columns)}; wanted each column once",
                where=context.at("feature_columns"),
                fix="Remove the one that stands twice.",
            )
        named = {parameter: getattr(self, parameter) for parameter in _COLUMNS}
        named |= {f"feature_columns[{n}]": column for n, column in enumerate(self.feature_columns)}
        for entity, spec in context.dataset.spec.entities.items():
            if spec.table == self.table:
                for parameter, column in named.items():
                    context.refuse_target(entity, column, parameter=parameter)

    def estimate(self, context: BuildContext) -> int:
        """Return the number of rows; of a CSV table, as its first ones let expect."""
        return estimate_rows(context.dataset.table_file(self.table, where=context.at("table")))

    def build(self, context: BuildContext) -> Edges:
        """Return the edges.

        Raises:
            DataError: With all faults of the table: columns, ids, weights, features, times, duplicates.
        """
        ends = [
            EdgeEnd(
                entity,
                column,
                partial(context.dataset.entity_ids, entity),
                context.dataset.id_index(entity),
            )
            for entity, column in ((self.source, self.source_column), (self.target, self.target_column))
        ]
        edges, _ = self._read(context, *ends, unknown=self.unknown)
        return edges.reversed() if self.direction == "backward" else edges

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges of the rows, in the table of the new entities, that name one of them.

        A row between two new entities is none: they are strangers to each other.
        """
        if not context.has_table(self.table):
            return nothing()
        ends = []
        for entity, column in ((self.source, self.source_column), (self.target, self.target_column)):
            ids = [*context.known_ids(entity), *context.ids(entity)]
            ends.append(EdgeEnd(entity, column, partial(list, ids), IdIndex(ids)))
        edges, skipped = self._read(context, *ends, unknown="skip")
        known_sources, known_targets = (
            len(context.known_ids(self.source)),
            len(context.known_ids(self.target)),
        )
        for entity, rows, first in zip(
            (self.source, self.target), skipped, (known_sources, known_targets), strict=True
        ):
            context.note_unknown(entity, rows[rows >= first] - first)
        from_new, to_new = edges.source >= known_sources, edges.target >= known_targets
        context.count("rows_between_new", int((from_new & to_new).sum()))
        hearing, telling = edges.take(to_new & ~from_new), edges.take(from_new & ~to_new)
        hearing = replace(hearing, target=hearing.target - known_targets)
        telling = replace(telling, source=telling.source - known_sources)
        if self.direction == "backward":
            return Attached(telling.reversed(), hearing.reversed())
        return Attached(hearing, telling)

    def why_empty(self, context: BuildContext) -> str:
        """Return why no row became an edge."""
        if context.counts["rows"] == 0:
            return f"{self.table} has no rows"
        rows = int(context.counts["rows"])
        return (
            f"{agreed(rows, 'the', 'all')} {counted(rows, 'row')} of {self.table} "
            f"{agreed(rows, 'was', 'were')} skipped, as {agreed(rows, 'its', 'their')} ids are unknown"
        )

    def _read(
        self, context: Context, source: EdgeEnd, target: EdgeEnd, *, unknown: Unknown
    ) -> tuple[Edges, NDArray[np.integer[Any]]]:
        """Return the edges of the table as it lists them, each once, and the ends of skipped rows, [2, S]."""
        carried = EdgeColumns(self.weight_column, self.feature_columns, self.time_column)
        rows = read_edge_table(context, self.table, source, target, carried, unknown=unknown)
        skipped = rows.total - len(rows.edges)
        if skipped:
            context.count("rows_skipped", skipped)
            context.warn(
                f"{skipped:,} of {counted(rows.total, 'row')} of {self.table} "
                f"{agreed(skipped, 'was', 'were')} skipped: an id is empty or unknown, first in {rows.first}"
            )
        faults = Faults()
        edges = once_each(rows, self.duplicates, where=context.file(self.table), faults=faults)
        faults.raise_if_any(DataError)
        context.count("duplicates_merged", len(rows.edges) - len(edges))
        return edges, rows.skipped
