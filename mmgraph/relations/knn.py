"""Edges from every node's nearest neighbours to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.counted import counted
from mmgraph.data.choice import Choice
from mmgraph.errors import GraphError
from mmgraph.evenly import evenly
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder
from mmgraph.registry import RELATIONS
from mmgraph.relations.candidates import Neighbours
from mmgraph.relations.copies import Distinct
from mmgraph.relations.modality_features import (
    check_encoder,
    fitted_features,
    known_features,
    tied_by,
    usable_nodes,
    with_direction,
)
from mmgraph.relations.nearest import exact_neighbours
from mmgraph.relations.search import Method, nearest_neighbours
from mmgraph.relations.vector_space import Metric, VectorSpace

_FLOOR = 1e-6
_SAMPLE = 512


class _Known(NamedTuple):
    """Known nodes among which neighbours are sought."""

    nodes: NDArray[np.int64]
    space: VectorSpace
    vectors: NDArray[np.float32]
    distinct: Distinct


@RELATIONS.register("knn")
@dataclass(frozen=True)
class KNN(RelationBuilder):
    """Edges from the k nearest neighbours of a node, by the features of a modality, to that node.

    So every node hears from k others. Labels take no part, and the features come from an encoder that was
    fitted on training entities. By ``scope: training`` neighbours are sought among training entities alone.

    A new entity hears from its k nearest among the known ones. So it is for mutual neighbours too: whether it
    would be among the neighbours of those is not asked, as their own neighbours stay what they are.

    Args:
        on: The modality's node type, e.g. ``glyph/sans``.
        k: The number of neighbours, less than the number of nodes.
        metric: ``cosine`` or ``euclidean``. By the cosine a vector of zeros is near to nothing: its node gets
            no edge, and is counted.
        connect: ``modality`` ties the nodes of the modality, ``entity`` their entities.
        mutual: Keep an edge only if each end is among the other's neighbours. The relation is symmetric then.
        weight: ``similarity`` weighs an edge by ``(1 + cosine) / 2`` or by ``1 / (1 + distance / s)``, where
            s is the mean distance of training nodes (a sample of at most 512) to their neighbours; ``none``
            leaves the edges without weights.
        method: ``exact``; ``approximate`` for a search by clusters; ``auto`` is exact up to 50,000 nodes.
        recall: The share of the nearest neighbours that an approximate search must find. It is measured on a
            sample and kept in the manifest; a search that finds too little looks further, and becomes exact
            where that takes no longer.
        encoder: An encoder, or its name and parameters, whose features say what is near, for this relation
            alone; nothing for the modality's own features.

    Example:
        >>> KNN("glyph/sans", k=5, connect="entity").default_name
        'knn_sans'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    uses_features: ClassVar[bool] = True
    inductive: ClassVar[bool] = True

    on: Annotated[str, Field(description="The modality's node type, e.g. glyph/sans.")]
    k: Annotated[int, Field(ge=1, description="The number of neighbours.")] = 10
    metric: Annotated[Metric, Field(description="How near is measured.")] = "cosine"
    connect: Annotated[
        Literal["modality", "entity"], Field(description="Tie the modality's nodes, or their entities.")
    ] = "modality"
    mutual: Annotated[bool, Field(description="Keep only edges between neighbours of each other.")] = False
    weight: Annotated[Literal["none", "similarity"], Field(description="Weigh edges by similarity.")] = "none"
    method: Annotated[Method, Field(description="How neighbours are sought.")] = "auto"
    recall: Annotated[
        float, Field(gt=0, le=1, description="What share an approximate search must find of them.")
    ] = 0.95
    encoder: Annotated[
        Choice | None, Field(description="Another encoder of the modality, for this relation alone.")
    ] = None

    @property
    def default_name(self) -> str:
        """``knn_`` and the name of the modality."""
        return f"knn_{self.on.rpartition('/')[2]}"

    @property
    def symmetric(self) -> bool:
        """Only mutual neighbours are neighbours both ways."""
        return self.mutual

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the node type of the modality, or its entity type, twice."""
        return tied_by(self.on, self.connect, context)

    def made_from(self, context: BuildContext) -> tuple[str, ...]:  # noqa: ARG002
        """Return the modality, also where the edges tie entities."""
        return (self.on,)

    def check(self, context: BuildContext) -> None:
        """Refuse more neighbours than there are, mutual ones that may send one way only, and an encoder that
        cannot be used.

        Raises:
            GraphError: If k is not less than the number of nodes, or if ``mutual`` meets ``scope: training``.
            ConfigError: If the encoder cannot read the modality, or has wrong parameters.
        """
        check_encoder(self.encoder, self.on, context)
        if self.mutual and self.scope == "training":
            raise GraphError(
                "got true, but by scope: training a held-out node is nobody's neighbour",
                where=context.at("mutual"),
                fix="Leave `mutual` out, or set scope to all.",
            )
        self._check_k(int(context.permitted(self.on).sum()), "", context)

    def fit(self, context: BuildContext) -> Fitted:
        """Return the unit of distance that weights are measured in, and features of an encoder of its own."""
        fitted = fitted_features(self.encoder, self.on, context)
        if self.weight == "similarity" and self.metric == "euclidean":
            features = fitted["features"] if fitted else context.features(self.on)
            fitted["typical_distance"] = np.array(self._typical_distance(features, context))
        return fitted

    def estimate(self, context: BuildContext) -> int:
        """Return k for each node."""
        return self.k * context.num_nodes(self.on)

    def build(self, context: BuildContext) -> Edges:
        """Return the edges from neighbours to their nodes."""
        features = known_features(self.encoder, self.on, context)
        usable = usable_nodes(features, self.metric, self.on, context)
        permitted = context.permitted(self.on)[usable]
        if len(usable) < len(features):
            self._check_k(int(permitted.sum()), " whose scaled vectors are not all zeros", context)
        space = VectorSpace.of(features, self.metric)
        vectors = space.place(features[usable])
        if permitted.all():
            found = self._search(vectors, context)
        else:
            own = np.where(permitted, np.cumsum(permitted) - 1, -1)
            found = self._search(vectors[permitted], context, vectors, own)
        edges = self._edges(found, usable[permitted], usable, space, context)
        if self.mutual:
            edges = edges.take(_mutual(edges.source, edges.target, len(features)))
        if self.connect == "entity":
            rows = context.entity_index(self.on)
            return Edges(rows[edges.source], rows[edges.target], edges.weight)
        return edges

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges from the nearest known nodes to new ones."""
        known, new = context.once(lambda: self._known(context)), context.features(self.on, self.encoder)
        targets = usable_nodes(new, self.metric, self.on, context)
        placed = known.space.place(new[targets])
        found = self._search(known.vectors, context, placed, distinct=known.distinct)
        edges = self._edges(found, known.nodes, targets, known.space, context)
        if self.connect == "entity":
            known_rows, new_rows = context.known_entity_index(self.on), context.entity_index(self.on)
            edges = Edges(known_rows[edges.source], new_rows[edges.target], edges.weight)
        return Attached(edges)

    def _known(self, context: AttachContext) -> _Known:
        """Return the known nodes as new ones look for their neighbours among them."""
        features = known_features(self.encoder, self.on, context)
        nodes = np.flatnonzero(context.permitted(self.on) & with_direction(features, self.metric))
        space = VectorSpace.of(features, self.metric)
        vectors = space.place(features[nodes])
        return _Known(nodes, space, vectors, Distinct.of(vectors))

    def _search(
        self,
        sources: NDArray[np.float32],
        context: BuildContext | AttachContext,
        queries: NDArray[np.float32] | None = None,
        own: NDArray[np.int64] | None = None,
        distinct: Distinct | None = None,
    ) -> Neighbours:
        return nearest_neighbours(
            sources,
            self.k,
            self.metric,
            context=context,
            method=self.method,
            recall=self.recall,
            queries=queries,
            own=own,
            distinct=distinct,
        )

    def _edges(
        self,
        found: Neighbours,
        sources: NDArray[np.int64],
        targets: NDArray[np.int64],
        space: VectorSpace,
        context: BuildContext | AttachContext,
    ) -> Edges:
        """Return neighbours as edges between nodes, weighed."""
        there = found.source >= 0
        weight = None
        if self.weight == "similarity":
            weight = self._weights(found.similarity[there], space, context.fitted)
        return Edges(sources[found.source[there]], targets[np.nonzero(there)[0]], weight)

    def _weights(
        self, similarity: NDArray[np.float64], space: VectorSpace, fitted: Fitted
    ) -> NDArray[np.float32]:
        """Return weights from above 0 to 1."""
        if self.metric == "cosine":
            weight = (1 + similarity) / 2
        else:
            weight = 1 / (1 + space.distance(similarity) / fitted["typical_distance"].item())
        return np.clip(weight, _FLOOR, 1).astype(np.float32)

    def _typical_distance(self, features: NDArray[np.float32], context: BuildContext) -> float:
        """Return the mean distance of training nodes to their neighbours among each other."""
        space = VectorSpace.of(features, self.metric)
        training = space.place(features[context.training(self.on)])
        sample = evenly(len(training), _SAMPLE)
        found = exact_neighbours(training, self.k, self.metric, queries=training[sample], own=sample)
        distance = space.distance(found.similarity[found.source >= 0])
        return float(distance.mean()) if distance.any() else 1.0

    def _check_k(self, num_nodes: int, which: str, context: BuildContext) -> None:
        if self.k > num_nodes - 1:
            may_send = " of training entities" if self.scope == "training" else ""
            raise GraphError(
                f"got {self.k}; {self.on} has {counted(num_nodes, 'node')}{may_send}{which}, so that a node "
                f"has {counted(max(num_nodes - 1, 0), 'other')}",
                where=context.at("k"),
                fix=f"Set k to at most {num_nodes - 1}." if num_nodes > 1 else "Leave the relation out.",
            )


def _mutual(source: NDArray[np.int64], target: NDArray[np.int64], num_nodes: int) -> NDArray[np.bool_]:
    """Return which edges have their reverse among the edges."""
    return np.isin(source * num_nodes + target, target * num_nodes + source)
