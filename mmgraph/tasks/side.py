"""One side of an entity: some entities are seen by some of their modalities alone.

Shapes: N entities, M modality nodes, E edges.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from mmgraph.errors import GraphError
from mmgraph.graph.schema import EdgeType, GraphSchema, Triple
from mmgraph.layers.groups import OF
from mmgraph.models.graph_batch import GraphBatch, View


class Side:
    """Hides all of some entities but one side: some modalities, and the relations that were made from these.

    An entity that is looked at from one side keeps no edge that could tell of the others: no ``of`` edge of
    another modality, no relation that another one went into, and none of which nothing is known but that it
    ties the entity, unless it is named. Of all other entities everything is seen.

    Args:
        schema: The node types and edge types of the graph.
        entity: The entity type.
        modalities: The modalities that are seen.
        relations: Relations that are seen whatever they were made from.

    Attributes:
        modalities: The modalities that are seen, by their names.
        relations: The relations that are seen, by their names.
        hidden: The node types of the modalities that are not seen, by their names.
        origins: The modality node types and relations that what is seen goes back to, each with what it is
            seen by: itself, a pair that it is in, or a relation that was made from it.
    """

    def __init__(
        self,
        schema: GraphSchema,
        entity: str,
        *,
        modalities: Collection[str],
        relations: Collection[str] = (),
    ) -> None:
        self._entity, self.modalities = entity, frozenset(modalities)
        self._owned = [t.name for t in schema.node_types if t.entity == entity and t.modality is not None]
        self._seen = {f"{entity}/{name}" for name in modalities}
        self.hidden = frozenset(self._owned) - self._seen
        kept = [t for t in schema.edge_types if self._stays(t, relations)]
        self._kept = {t.triple for t in kept}
        tied = [t for t in kept if t.kind != OF]
        self.relations = frozenset(t.relation for t in tied)
        self.origins = {origin: t.relation for t in tied for origin in (*t.made_of, *t.made_from)}
        near = [*(t.relation for t in tied), *(name for name in self._owned if name in self._seen)]
        self.origins |= {name: name for name in near}
        for pair in (t for t in schema.node_types if t.name in self.origins):
            for part in pair.made_from:
                self.origins.setdefault(part, pair.name)

    def _stays(self, edge_type: EdgeType, relations: Collection[str]) -> bool:
        """Return whether an edge type stays at entities that are looked at from this side."""
        if edge_type.kind == OF:
            return not {edge_type.source, edge_type.target} & self.hidden
        made_from = set(edge_type.made_from)
        return edge_type.relation in relations or (bool(made_from) and made_from <= self._seen)

    def view(self, asked: Tensor) -> View:
        """Return what a model sees where some entities are looked at from this side.

        Args:
            asked: Which entities of the whole graph, bool [N].
        """

        last: list[GraphBatch] = []

        def see(batch: GraphBatch) -> GraphBatch:
            if batch.sample is not None:
                return self._see(batch, asked[batch.sample.numbers[self._entity]])
            # The same tensors for the whole graph each time, with which layers keep what they work out.
            if not last or last[0] is not batch:
                last[:] = [batch, self._see(batch, asked)]
            return last[1]

        return see

    def _see(self, batch: GraphBatch, asked: Tensor) -> GraphBatch:
        return self.without(batch, self._hidden(batch, asked))

    def without(self, batch: GraphBatch, hidden: Mapping[str, Tensor]) -> GraphBatch:
        """Return a graph, or a part of one, where some nodes are those of entities looked at from this side.

        Args:
            batch: The graph.
            hidden: By the entity type and the node types of its modalities, which nodes these are, bool [M].
        """
        keep: dict[Triple, Tensor] = {}
        for triple, index in batch.edge_index_dict.items():
            left = [self._left(triple, end, index, hidden) for end in (0, 1)]
            if (stays := _both(left)) is not None and not bool(stays.all()):
                keep[triple] = stays
        return batch.keeping(keep)

    def _hidden(self, batch: GraphBatch, asked: Tensor) -> dict[str, Tensor]:
        """Return by node type of the entities which nodes are those of entities that are looked at, bool."""
        hidden = {self._entity: asked}
        for name in self._owned:
            nodes, entities = batch.edge_index_dict.get(
                (name, OF, self._entity), asked.new_empty(2, 0).long()
            )
            gone = asked.new_zeros(batch.x_dict[name].shape[0]) if name in batch.x_dict else asked[:0]
            gone[nodes] = True
            # A node that entities share is also one of those of which everything is seen.
            gone[nodes[~asked[entities]]] = False
            hidden[name] = gone
        return hidden

    def _left(self, triple: Triple, end: int, index: Tensor, hidden: Mapping[str, Tensor]) -> Tensor | None:
        """Return which edges may stay as far as one of their ends is concerned, bool [E]; nothing for all."""
        name = triple[0] if end == 0 else triple[2]
        unseen = name in self._owned and name not in self._seen
        if name not in hidden or (triple in self._kept and not unseen):
            return None
        return ~hidden[name][index[end]]


def refuse_shared(query: Side, answer: Side, *, where: str) -> None:
    """Refuse two sides that see the same thing, by which either would know the other without learning.

    Args:
        query: One side.
        answer: The other side.
        where: The place of the task, for messages.

    Raises:
        GraphError: If there is a modality or a relation that what is seen on both sides goes back to.
    """
    shared = query.origins.keys() & answer.origins.keys()
    if not shared:
        return
    # One that the sides see in different ways tells more than a name that stands on both.
    origin = min(shared, key=lambda name: (query.origins[name] == answer.origins[name], name))
    ways = [side.origins[origin] for side in (query, answer)]
    told = ["as it is" if way == origin else f"by {way!r}" for way in ways]
    raise GraphError(
        f"both sides see {origin!r}, the query {told[0]} and the answer {told[1]}, which tells who is who",
        where=where,
        fix="Let one side alone see it (query_with, answer_with), or name the relation in `without`.",
    )


def _both(left: list[Tensor | None]) -> Tensor | None:
    """Return which edges may stay at both ends, bool [E]; nothing for all."""
    said = [each for each in left if each is not None]
    return torch.stack(said).all(dim=0) if said else None
