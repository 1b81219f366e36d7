"""Edges between entities that share a value of a column: a tag, a language, a maker."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
import scipy.sparse
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Edges, RelationBuilder
from mmgraph.registry import RELATIONS


@RELATIONS.register("shared_attribute")
@dataclass(frozen=True)
class SharedAttribute(RelationBuilder):
    """Edges between entities that share a value of a column, in both directions.

    A cell holds one value, a list of values (JSONL, Parquet), or text that a separator cuts into values. A
    value that many entities share says little and ties them all to each other, so that values are weighed by
    their rarity and very common ones are left out.

    Args:
        entity: The entity type.
        column: A column of its table, which no task may predict.
        separator: What stands between the values in a cell of text.
        weight: ``idf`` sums over the shared values ``log(1 + N / n)``, for a value that n of N entities have;
            ``none`` leaves the edges without weights.
        max_group: A value that more entities than this have makes no edges.

    Example:
        >>> SharedAttribute("emoji", "tags", separator=" ").default_name
        'shared_tags'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"

    entity: Annotated[str, Field(description="The entity type.")]
    column: Annotated[str, Field(description="A column of its table, which no task may predict.")]
    separator: Annotated[
        str | None, Field(min_length=1, description="What stands between the values in a cell of text.")
    ] = None
    weight: Annotated[
        Literal["idf", "none"], Field(description="Weigh shared values by their rarity, or not.")
    ] = "idf"
    max_group: Annotated[
        int, Field(ge=2, description="A value that more entities than this have makes no edges.")
    ] = 50

    @property
    def default_name(self) -> str:
        """``shared_`` and the name of the column."""
        return f"shared_{self.column}"

    @property
    def symmetric(self) -> bool:
        """Sharing goes both ways."""
        return True

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the entity type twice."""
        entity = context.entity(self.entity, parameter="entity")
        return entity, entity

    def made_from(self, context: BuildContext) -> tuple[str, ...]:
        """Return the modalities that are read from the same column."""
        return tuple(context.readers(self.entity, self.column))

    def check(self, context: BuildContext) -> None:
        """Refuse a column that a task predicts.

        Raises:
            GraphError: If the column is the target of a task.
            DataError: If there is no such column.
        """
        context.refuse_target(self.entity, self.column, parameter="column")
        context.dataset.entity_table(self.entity).column(self.column, where=context.at("column"))

    def build(self, context: BuildContext) -> Edges:
        """Return an edge for every ordered pair of entities that share a value."""
        frame = context.dataset.frame(self.entity)
        rows, values = self._values(frame[self.column])
        codes, labels = pd.factorize(values, sort=True)
        sizes = np.bincount(codes, minlength=len(labels))
        context.counts["values"] = len(labels)
        context.counts["values_shared"] = int((sizes > 1).sum())
        self._note_hubs(labels, sizes, context)
        usable = (sizes > 1) & (sizes <= self.max_group)
        kept = usable[codes]
        return self._pairs(rows[kept], codes[kept], sizes, len(frame))

    def why_empty(self, context: BuildContext) -> str:
        """Return why no two entities share a value."""
        shared = context.counts["values_shared"]
        if shared:
            return f"each of the {shared} values that entities share is shared by more than max_group of them"
        hint = "" if self.separator else "; if a cell holds several, name their separator"
        return f"no two of the {context.counts['values']} values in {self.column!r} are the same{hint}"

    def _values(self, cells: pd.Series[Any]) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
        """Return the row and the value of every distinct value of every cell."""
        lists = pd.Series([self._split(cell) for cell in cells.astype(object)], dtype=object)
        exploded = lists.explode().dropna()
        pairs = pd.DataFrame({"row": exploded.index.to_numpy(np.int64), "value": exploded.to_numpy(object)})
        pairs = pairs.drop_duplicates()
        return pairs["row"].to_numpy(), pairs["value"].to_numpy(object)

    def _split(self, cell: Any) -> list[str]:
        if isinstance(cell, str):
            parts: Collection[Any] = cell.split(self.separator) if self.separator else [cell]
        elif isinstance(cell, (list, tuple, np.ndarray)):
            parts = list(cell)
        else:
            parts = [cell]
        texts = (str(part).strip() for part in parts if not (pd.api.types.is_scalar(part) and pd.isna(part)))
        return [text for text in texts if text]

    def _note_hubs(
        self, labels: NDArray[np.object_], sizes: NDArray[np.int64], context: BuildContext
    ) -> None:
        hubs = np.flatnonzero(sizes > self.max_group)
        if not len(hubs):
            return
        largest = hubs[np.argsort(-sizes[hubs], kind="stable")][:3]
        examples = ", ".join(f"{labels[hub]!r} ({sizes[hub]})" for hub in largest)
        context.count("values_over_max_group", len(hubs))
        context.warn(
            f"{len(hubs)} values that more than max_group={self.max_group} entities share make no edges, "
            f"e.g. {examples}"
        )

    def _pairs(
        self, rows: NDArray[np.int64], codes: NDArray[np.int64], sizes: NDArray[np.int64], num_entities: int
    ) -> Edges:
        # Entities by values; its product with its transpose says how much any two share.
        rarity = np.log1p(num_entities / np.maximum(sizes, 1))[codes]
        shape = (num_entities, len(sizes))
        has = scipy.sparse.csr_array((np.ones(len(rows)), (rows, codes)), shape=shape)
        weighed = scipy.sparse.csr_array((rarity, (rows, codes)), shape=shape)
        shared = (weighed @ has.T).tocoo()
        source, target = shared.coords
        apart = source != target
        weight = shared.data[apart].astype(np.float32) if self.weight == "idf" else None
        return Edges(source[apart].astype(np.int64), target[apart].astype(np.int64), weight)
