"""Edges between entities that share a value of a column: a tag, a language, a maker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
import scipy.sparse
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.counted import agreed, counted
from mmgraph.data.cell_values import cell_values
from mmgraph.errors import GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder
from mmgraph.registry import RELATIONS
from mmgraph.relations.entity_columns import Context, entity_column


@RELATIONS.register("shared_attribute")
@dataclass(frozen=True)
class SharedAttribute(RelationBuilder):
    """Edges between entities that share a value of a column, in both directions, or from them to the value.

    A cell holds one value, a list of values (JSONL, Parquet), or text that a separator cuts into values. A
    value that many entities share says little and ties them all to each other, so that values are weighed by
    their rarity and very common ones are left out. By ``scope: training`` training entities alone count.

    A new entity shares values with known ones; a value that none of them has makes no edge, and is counted.

    Args:
        entity: The entity type.
        column: A column of its table, which no task may predict.
        separator: What stands between the values in a cell of text.
        to: An entity type that consists of the column's values (``values_of`` in ``dataset.yaml``): every
            entity has an edge to each of its values. Nothing for edges between the entities themselves.
        weight: ``idf`` sums over the shared values ``log(1 + N / n)``, for a value that n of N entities have;
            ``none`` leaves the edges without weights.
        max_group: A value that more entities than this have makes no edges.

    Example:
        >>> SharedAttribute("emoji", "tags", separator=" ").default_name
        'shared_tags'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    inductive: ClassVar[bool] = True

    entity: Annotated[str, Field(description="The entity type.")]
    column: Annotated[str, Field(description="A column of its table, which no task may predict.")]
    separator: Annotated[
        str | None, Field(min_length=1, description="What stands between the values in a cell of text.")
    ] = None
    to: Annotated[
        str | None, Field(description="The entity type of the column's values, for edges to these.")
    ] = None
    weight: Annotated[
        Literal["idf", "none"], Field(description="Weigh shared values by their rarity, or not.")
    ] = "idf"
    max_group: Annotated[
        int, Field(ge=2, description="A value that more entities than this have makes no edges.")
    ] = 50

    @property
    def default_name(self) -> str:
        """``shared_`` or ``has_`` and the name of the column."""
        return f"{'has' if self.to else 'shared'}_{self.column}"

    @property
    def symmetric(self) -> bool:
        """Sharing goes both ways; having does not."""
        return self.to is None

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the entity type twice, or it and that of its values."""
        entity = context.entity(self.entity, parameter="entity")
        return entity, entity if self.to is None else context.entity(self.to, parameter="to")

    def made_from(self, context: BuildContext) -> tuple[str, ...]:
        """Return the modalities that are read from the same column."""
        return tuple(context.readers(self.entity, self.column))

    def check(self, context: BuildContext) -> None:
        """Refuse a column that a task predicts, and values of another column.

        Raises:
            GraphError: If the column is the target of a task, or ``to`` does not consist of its values.
            DataError: If there is no such column.
        """
        entity_column(context, self.entity, self.column, parameter="column")
        if self.to is None:
            return
        values_of = context.dataset.spec.entities[self.to].values_of
        wanted = {"entity": self.entity, "column": self.column, "separator": self.separator}
        if values_of is None or values_of.model_dump() != wanted:
            came = "its own table" if values_of is None else f"other values: {values_of.model_dump()}"
            raise GraphError(
                f"got {self.to!r}, which has {came}",
                where=context.at("to"),
                fix=f"Write in dataset.yaml: entities.{self.to}.values_of: {wanted}.",
            )

    def fit(self, context: BuildContext) -> Fitted:
        """Return the values that permitted entities have: their text, how many have each, and who."""
        permitted = context.permitted(self.entity)
        rows, texts = self._values(context)
        rows, texts = rows[permitted[rows]], texts[permitted[rows]]
        codes, labels = pd.factorize(texts, sort=True)
        return {
            "values": np.array(labels.tolist(), dtype=np.str_),
            "holders": np.bincount(codes, minlength=len(labels)),
            "entity": rows,
            "value": codes.astype(np.int64),
            "entities": np.array(int(permitted.sum())),
        }

    def build(self, context: BuildContext) -> Edges:
        """Return an edge for every ordered pair of entities that share a value, or for every value."""
        fitted = context.fitted
        rows, texts = self._values(context)
        codes = _positions(texts, fitted["values"])
        holders = fitted["holders"]
        context.counts["values"] = len(holders)
        context.counts["values_shared"] = int((holders > 1).sum())
        self._note_hubs(fitted, context)
        if self.to is not None:
            return self._to_values(rows, texts, context.dataset.entity_ids(self.to), fitted)
        size = context.num_nodes(self.entity)
        edges = self._shared(rows, codes, (size, size), fitted)
        return edges.take(edges.source != edges.target)

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges from known entities to new ones that share a value, or from those to values."""
        rows, texts = self._values(context)
        fitted = context.fitted
        codes = _positions(texts, fitted["values"])
        context.count("values_unseen", len(set(texts[codes < 0])))
        if self.to is not None:
            outgoing = self._to_values(rows, texts, context.known_ids(self.to).tolist(), fitted)
            return Attached(outgoing.take(np.empty(0, dtype=np.int64)), outgoing)
        sizes = len(context.known_ids(self.entity)), context.num_nodes(self.entity)
        return Attached(self._shared(rows, codes, sizes, fitted))

    def why_empty(self, context: BuildContext) -> str:
        """Return why no two entities share a value."""
        shared = context.counts["values_shared"]
        if self.to is not None:
            return f"each of the {context.counts['values']} values is had by more than max_group entities"
        if shared:
            return f"each of the {shared} values that entities share is shared by more than max_group of them"
        hint = "" if self.separator else "; if a cell holds several, name their separator"
        return f"no two of the {context.counts['values']} values in {self.column!r} are the same{hint}"

    def _values(self, context: Context) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
        """Return the row and the text of each distinct value of each cell."""
        cells = entity_column(context, self.entity, self.column, parameter="column").values
        return cell_values(cells, self.separator)

    def _note_hubs(self, fitted: Fitted, context: BuildContext) -> None:
        holders, labels = fitted["holders"], fitted["values"]
        hubs = np.flatnonzero(holders > self.max_group)
        if not len(hubs):
            return
        largest = hubs[np.argsort(-holders[hubs], kind="stable")][:3]
        examples = ", ".join(f"{str(labels[hub])!r} ({holders[hub]})" for hub in largest)
        context.count("values_over_max_group", len(hubs))
        context.warn(
            f"{counted(len(hubs), 'value')} that more than max_group={self.max_group} entities share "
            f"{agreed(len(hubs), 'makes', 'make')} no edges, "
            f"e.g. {examples}"
        )

    def _shared(
        self, rows: NDArray[np.int64], codes: NDArray[np.int64], shape: tuple[int, int], fitted: Fitted
    ) -> Edges:
        """Return an edge from every known entity to every other that shares a value of few holders.

        Args:
            rows: The target of each value, int64 [V].
            codes: The values, -1 for unknown ones, int64 [V].
            shape: The number of sources and of targets.
            fitted: What :meth:`fit` gave.
        """
        few = fitted["holders"] <= self.max_group
        rarity = _rarity(fitted)
        kept = codes >= 0
        kept[kept] = few[codes[kept]]
        sender = few[fitted["value"]]
        # Sources by values; its product with the transpose of the targets' says how much any two share.
        weighed = (rarity[fitted["value"][sender]], (fitted["entity"][sender], fitted["value"][sender]))
        has = (np.ones(int(kept.sum())), (rows[kept], codes[kept]))
        sources = scipy.sparse.csr_array(weighed, shape=(shape[0], len(few)))
        targets = scipy.sparse.csr_array(has, shape=(shape[1], len(few)))
        shared = (sources @ targets.T).tocoo()
        source, target = (ends.astype(np.int64) for ends in shared.coords)
        return Edges(source, target, shared.data.astype(np.float32) if self.weight == "idf" else None)

    def _to_values(
        self, rows: NDArray[np.int64], texts: NDArray[np.object_], nodes: list[str], fitted: Fitted
    ) -> Edges:
        """Return an edge from every entity to each of its values that few enough have.

        Args:
            rows: The entity of each value, int64 [V].
            texts: The values, text [V].
            nodes: The values that are nodes.
            fitted: What :meth:`fit` gave.
        """
        codes = _positions(texts, fitted["values"])
        target = _positions(texts, np.array(nodes, dtype=object))
        kept = (codes >= 0) & (target >= 0)
        kept[kept] = fitted["holders"][codes[kept]] <= self.max_group
        weight = _rarity(fitted)[codes[kept]].astype(np.float32) if self.weight == "idf" else None
        return Edges(rows[kept], target[kept], weight)


def _rarity(fitted: Fitted) -> NDArray[np.float64]:
    rarity: NDArray[np.float64] = np.log1p(fitted["entities"].item() / fitted["holders"])
    return rarity


def _positions(texts: NDArray[np.object_], among: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return where each text stands among others, -1 where it does not, int64 [V]."""
    known = pd.Index(among.astype(object), dtype=object)
    result: NDArray[np.int64] = known.get_indexer(pd.Index(texts, dtype=object))
    return result
