"""Edges from every node's nearest neighbours to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.data.spec import Choice
from mmgraph.encoders import build_encoder
from mmgraph.errors import GraphError
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Edges, RelationBuilder
from mmgraph.registry import RELATIONS
from mmgraph.relations.nearest import ApproximateNeighbours, Metric, exact_neighbours, normalise

_EXACT_UP_TO = 50_000
_EFFORTS = (64, 256, 1024)
_ENOUGH = 0.95
_FLOOR = 1e-6


@RELATIONS.register("knn")
@dataclass(frozen=True)
class KNN(RelationBuilder):
    """Edges from the k nearest neighbours of a node, by the features of a modality, to that node.

    So every node hears from k others. The relation is transductive: neighbours are sought among all entities,
    also those of validation and test, by features that were fitted on training entities, without labels.

    Args:
        on: The modality's node type, e.g. ``glyph/sans``.
        k: The number of neighbours, less than the number of nodes.
        metric: ``cosine`` or ``euclidean``. By the cosine a vector of zeros is near to nothing: its node gets
            no edge, and is counted.
        connect: ``modality`` ties the nodes of the modality, ``entity`` their entities.
        mutual: Keep an edge only if each end is among the other's neighbours. The relation is symmetric then.
        weight: ``similarity`` weighs an edge by ``(1 + cosine) / 2`` or by ``1 / (1 + distance / s)``, where
            s is the mean distance of neighbours; ``none`` leaves the edges without weights.
        method: ``exact``; ``faiss`` for an approximate search (HNSW), whose recall is measured and kept in
            the manifest; ``auto`` is exact up to 50,000 nodes and where the approximate one finds too little.
        encoder: An encoder, or its name and parameters, whose features say what is near, for this relation
            alone; nothing for the modality's own features.

    Example:
        >>> KNN("glyph/sans", k=5, connect="entity").default_name
        'knn_sans'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    uses_features: ClassVar[bool] = True

    on: Annotated[str, Field(description="The modality's node type, e.g. glyph/sans.")]
    k: Annotated[int, Field(ge=1, description="The number of neighbours.")] = 10
    metric: Annotated[Metric, Field(description="How near is measured.")] = "cosine"
    connect: Annotated[
        Literal["modality", "entity"], Field(description="Tie the modality's nodes, or their entities.")
    ] = "modality"
    mutual: Annotated[bool, Field(description="Keep only edges between neighbours of each other.")] = False
    weight: Annotated[Literal["none", "similarity"], Field(description="Weigh edges by similarity.")] = "none"
    method: Annotated[Literal["auto", "exact", "faiss"], Field(description="How neighbours are sought.")] = (
        "auto"
    )
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
        entity, _ = context.modality(self.on, parameter="on")
        end = entity if self.connect == "entity" else self.on
        return end, end

    def made_from(self, context: BuildContext) -> tuple[str, ...]:  # noqa: ARG002
        """Return the modality, also where the edges tie entities."""
        return (self.on,)

    def check(self, context: BuildContext) -> None:
        """Refuse more neighbours than there are, and an encoder that cannot be used.

        Raises:
            GraphError: If k is not less than the number of nodes.
            ConfigError: If the encoder cannot read the modality, or has wrong parameters.
        """
        entity, modality = context.modality(self.on, parameter="on")
        if self.encoder is not None:
            kind = context.dataset.spec.entities[entity].modalities[modality].kind
            build_encoder(self.encoder, kind, where=context.at("encoder"))
        self._check_k(context.num_nodes(self.on), "", context)

    def estimate(self, context: BuildContext) -> int:
        """Return k for each node."""
        return self.k * context.num_nodes(self.on)

    def build(self, context: BuildContext) -> Edges:
        """Return the edges from neighbours to their nodes."""
        features = context.features(self.on, self.encoder)
        usable = self._usable(features, context)
        vectors = normalise(features[usable], self.metric)
        index, similarity = self._neighbours(vectors, context)
        found = index >= 0
        source = usable[index[found]]
        target = np.repeat(usable, self.k)[found.ravel()]
        weight = self._weights(similarity[found])
        if self.mutual:
            both = _mutual(source, target, len(features))
            source, target = source[both], target[both]
            weight = None if weight is None else weight[both]
        if self.connect == "entity":
            rows = context.entity_index(self.on)
            source, target = rows[source], rows[target]
        return Edges(source, target, weight)

    def _check_k(self, num_nodes: int, which: str, context: BuildContext) -> None:
        if self.k > num_nodes - 1:
            raise GraphError(
                f"got {self.k}; {self.on} has {num_nodes} nodes{which}, so that a node has "
                f"{max(num_nodes - 1, 0)} others",
                where=context.at("k"),
                fix=f"Set k to at most {num_nodes - 1}." if num_nodes > 1 else "Leave the relation out.",
            )

    def _usable(self, features: NDArray[np.float32], context: BuildContext) -> NDArray[np.int64]:
        """Return the nodes that have a direction, if that is what counts."""
        if self.metric == "euclidean":
            return np.arange(len(features))
        usable = np.flatnonzero(features.any(axis=1))
        zeros = len(features) - len(usable)
        if zeros:
            context.count("zero_vectors", zeros)
            context.warn(
                f"{zeros} of {len(features)} nodes of {self.on} get no neighbours: "
                "their vectors, as scaled by what the training entities show, "
                "are all zeros and have no direction"
            )
            self._check_k(len(usable), " whose scaled vectors are not all zeros", context)
        return usable

    def _neighbours(
        self, vectors: NDArray[np.float64], context: BuildContext
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        if self.method == "faiss" or (self.method == "auto" and len(vectors) > _EXACT_UP_TO):
            result, recall = self._approximate(vectors, context)
            if recall >= _ENOUGH or self.method == "faiss":
                context.count("recall", round(recall, 4))
                if recall < _ENOUGH:
                    context.warn(f"the approximate search finds {recall:.0%} of the nearest neighbours")
                return result
            context.warn(f"an approximate search finds {recall:.0%} of the nearest neighbours; it was exact")
        with context.progress.job(f"{context.name}: nearest neighbours", total=len(vectors)) as advance:
            return exact_neighbours(vectors, self.k, self.metric, advance=advance)

    def _approximate(
        self, vectors: NDArray[np.float64], context: BuildContext
    ) -> tuple[tuple[NDArray[np.int64], NDArray[np.float64]], float]:
        """Return the result of the least effort that finds enough, and the share that it finds."""
        with context.progress.job(f"{context.name}: index", total=len(vectors)) as advance:
            index = ApproximateNeighbours(vectors, self.metric, advance=advance)
        for effort in _EFFORTS:
            with context.progress.job(f"{context.name}: nearest neighbours", total=len(vectors)) as advance:
                result = index.search(self.k, ef_search=effort, advance=advance)
            recall = index.recall(self.k, result[1])
            if recall >= _ENOUGH:
                break
        return result, recall

    def _weights(self, similarity: NDArray[np.float64]) -> NDArray[np.float32] | None:
        """Return weights from above 0 to 1."""
        if self.weight == "none":
            return None
        if self.metric == "cosine":
            weight = (1 + similarity) / 2
        else:
            distance = np.sqrt(-similarity)
            typical = distance.mean() if distance.any() else 1.0
            weight = 1 / (1 + distance / typical)
        return np.clip(weight, _FLOOR, 1).astype(np.float32)


def _mutual(source: NDArray[np.int64], target: NDArray[np.int64], num_nodes: int) -> NDArray[np.bool_]:
    """Return which edges have their reverse among the edges."""
    return np.isin(source * num_nodes + target, target * num_nodes + source)
