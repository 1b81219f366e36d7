"""Edges from everything that is near enough to a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.counted import counted
from mmgraph.data.choice import Choice
from mmgraph.errors import GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder
from mmgraph.progress import Progress
from mmgraph.registry import RELATIONS
from mmgraph.relations.modality_features import (
    check_encoder,
    fitted_features,
    known_features,
    tied_by,
    usable_nodes,
    with_direction,
)
from mmgraph.relations.vector_space import Metric, VectorSpace
from mmgraph.relations.within import within

_FLOOR = 1e-6
# Features are of single precision: what is as near as that can tell is near enough.
_ROUNDING = 1e-6


@RELATIONS.register("radius")
@dataclass(frozen=True)
class Radius(RelationBuilder):
    """Edges to a node from all nodes within a distance, or above a similarity, by the features of a modality.

    Unlike k nearest neighbours, nodes in sparse regions get few edges or none, and those in dense ones many:
    ``max_neighbors`` bounds these. The search is exact. A new entity hears from the known ones near enough.

    Args:
        on: The modality's node type, e.g. ``glyph/sans``.
        metric: ``cosine`` or ``euclidean``.
        min_similarity: By the cosine: the least similarity, from -1 to 1.
        max_distance: By the Euclidean distance: the largest one, in the unit of the features.
        max_neighbors: How many neighbours a node hears from: the nearest. What goes beyond is counted.
        connect: ``modality`` ties the nodes of the modality, ``entity`` their entities.
        weight: ``similarity`` weighs an edge by ``(1 + cosine) / 2`` or by ``1 / (1 + distance / r)``, where
            r is ``max_distance``; ``none`` leaves the edges without weights.
        encoder: An encoder, or its name and parameters, whose features say what is near, for this relation
            alone; nothing for the modality's own features.

    Example:
        >>> Radius("glyph/sans", min_similarity=0.9).default_name
        'radius_sans'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    uses_features: ClassVar[bool] = True
    inductive: ClassVar[bool] = True

    on: Annotated[str, Field(description="The modality's node type, e.g. glyph/sans.")]
    metric: Annotated[Metric, Field(description="How near is measured.")] = "cosine"
    min_similarity: Annotated[
        float | None, Field(ge=-1, le=1, description="By the cosine: the least similarity.")
    ] = None
    max_distance: Annotated[
        float | None,
        Field(gt=0, allow_inf_nan=False, description="By the Euclidean distance: the largest one."),
    ] = None
    max_neighbors: Annotated[int, Field(ge=1, description="How many neighbours a node hears from.")] = 100
    connect: Annotated[
        Literal["modality", "entity"], Field(description="Tie the modality's nodes, or their entities.")
    ] = "modality"
    weight: Annotated[Literal["none", "similarity"], Field(description="Weigh edges by similarity.")] = "none"
    encoder: Annotated[
        Choice | None, Field(description="Another encoder of the modality, for this relation alone.")
    ] = None

    @property
    def default_name(self) -> str:
        """``radius_`` and the name of the modality."""
        return f"radius_{self.on.rpartition('/')[2]}"

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the node type of the modality, or its entity type, twice."""
        return tied_by(self.on, self.connect, context)

    def made_from(self, context: BuildContext) -> tuple[str, ...]:  # noqa: ARG002
        """Return the modality, also where the edges tie entities."""
        return (self.on,)

    def check(self, context: BuildContext) -> None:
        """Refuse a limit that is missing or the other metric's, and an encoder that cannot be used.

        Raises:
            GraphError: If the limit is missing or wrong.
            ConfigError: If the encoder cannot read the modality, or has wrong parameters.
        """
        check_encoder(self.encoder, self.on, context)
        own, other = ("min_similarity", "max_distance")[:: 1 if self.metric == "cosine" else -1]
        if getattr(self, other) is not None:
            raise GraphError(
                f"got {getattr(self, other):g}, but near is measured by metric: {self.metric}",
                where=context.at(other),
                fix=f"Give {own}, or the other metric.",
            )
        if getattr(self, own) is None:
            raise GraphError(
                f"is not given; wanted how near is near enough by metric: {self.metric}",
                where=context.at(own),
                fix="Give it, e.g. 0.9." if self.metric == "cosine" else "Give it, in the features' unit.",
            )

    def fit(self, context: BuildContext) -> Fitted:
        """Return the features of an encoder of its own."""
        return fitted_features(self.encoder, self.on, context)

    def build(self, context: BuildContext) -> Edges:
        """Return the edges from all that is near enough."""
        features = known_features(self.encoder, self.on, context)
        targets = usable_nodes(features, self.metric, self.on, context)
        sources = targets[context.permitted(self.on)[targets]]
        own = np.full(len(features), -1, dtype=np.int64)
        own[sources] = np.arange(len(sources))
        edges = self._edges(features, features, sources, targets, own[targets], context)
        if self.connect == "entity":
            rows = context.entity_index(self.on)
            return Edges(rows[edges.source], rows[edges.target], edges.weight)
        return edges

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges from known nodes that are near enough to new ones."""
        known, new = known_features(self.encoder, self.on, context), context.features(self.on, self.encoder)
        sources = np.flatnonzero(context.permitted(self.on) & with_direction(known, self.metric))
        targets = usable_nodes(new, self.metric, self.on, context)
        nobody = np.full(len(targets), -1, dtype=np.int64)
        edges = self._edges(known, new, sources, targets, nobody, context)
        if self.connect == "entity":
            known_rows, new_rows = context.known_entity_index(self.on), context.entity_index(self.on)
            edges = Edges(known_rows[edges.source], new_rows[edges.target], edges.weight)
        return Attached(edges)

    def why_empty(self, context: BuildContext) -> str:  # noqa: ARG002
        """Return that nothing is near enough."""
        limit = self.min_similarity if self.metric == "cosine" else self.max_distance
        word = "above the similarity" if self.metric == "cosine" else "within the distance"
        return f"no two nodes of {self.on} are {word} {limit:g}"

    def _edges(
        self,
        known: NDArray[np.float32],
        asking: NDArray[np.float32],
        sources: NDArray[np.int64],
        targets: NDArray[np.int64],
        own: NDArray[np.int64],
        context: BuildContext | AttachContext,
    ) -> Edges:
        """Return the edges from some known nodes to some of those that ask."""
        space = VectorSpace.of(known, self.metric)
        progress = context.progress if isinstance(context, BuildContext) else Progress(quiet=True)
        with progress.job(f"{context.name}: near enough", total=len(targets)) as advance:
            found = within(
                space.place(known[sources]),
                self._least(space),
                self.metric,
                queries=space.place(asking[targets]),
                own=own,
                most=self.max_neighbors,
                advance=advance,
            )
        if found.cut:
            context.count("beyond_max_neighbors", found.cut)
            context.warn(
                f"{counted(found.cut, 'edge was', 'edges were')} left out, as nodes have more than "
                f"max_neighbors={self.max_neighbors} that are near enough"
            )
        weight = None if self.weight == "none" else self._weights(found.similarity, space)
        return Edges(sources[found.source], targets[found.query], weight)

    def _least(self, space: VectorSpace) -> float:
        if self.max_distance is not None:
            return -((self.max_distance * (1 + _ROUNDING) / space.unit) ** 2)
        assert self.min_similarity is not None
        return self.min_similarity - _ROUNDING

    def _weights(self, similarity: NDArray[np.float64], space: VectorSpace) -> NDArray[np.float32]:
        """Return weights from above 0 to 1."""
        if self.max_distance is None:
            weight = (1 + similarity) / 2
        else:
            weight = 1 / (1 + space.distance(similarity) / self.max_distance)
        return np.clip(weight, _FLOOR, 1).astype(np.float32)
