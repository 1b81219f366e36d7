"""Edges between two modalities whose features are near to each other in a shared space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.counted import agreed, counted
from mmgraph.errors import GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder
from mmgraph.registry import RELATIONS
from mmgraph.relations.cca import CCA
from mmgraph.relations.modality_features import usable_nodes, with_direction
from mmgraph.relations.search import Method, nearest_neighbours
from mmgraph.relations.vector_space import VectorSpace

_FLOOR = 1e-6
_FEWEST_PAIRS = 10


@RELATIONS.register("cross_modal")
@dataclass(frozen=True)
class CrossModal(RelationBuilder):
    """Edges to a node of one modality from the k nodes of another that are nearest in a shared space.

    Who belongs to whom takes no part in the search: the other modality of the same entity is a neighbour if
    it is near, and else is none. By ``scope: training`` sources are sought among training entities alone.

    New nodes of the target modality hear from their nearest known sources, new nodes of the source modality
    along the reverse relation from their nearest known targets.

    Args:
        source: The modality's node type that edges come from, e.g. ``glyph/sans``.
        target: The modality's node type that they go to, e.g. ``glyph/name``.
        k: The number of neighbours.
        space: ``cca`` fits a shared space on training entities that have both modalities, which are of one
            entity type then; ``shared`` takes the features as they are, of the same width, where one encoder
            made them for both.
        components: The number of dimensions of the space that ``cca`` fits, at most.
        shrinkage: How far ``cca`` draws covariances towards the identity.
        connect: ``modality`` ties the modalities' nodes, ``entity`` their entities.
        weight: ``similarity`` weighs an edge by ``(1 + cosine) / 2``; ``none`` leaves edges without weights.
        method: ``exact``; ``approximate`` for a search by clusters; ``auto`` is exact up to 50,000 sources.
        recall: The share of the nearest neighbours that an approximate search must find.

    Example:
        >>> CrossModal("glyph/sans", "glyph/name").default_name
        'sans_near_name'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    uses_features: ClassVar[bool] = True
    inductive: ClassVar[bool] = True

    source: Annotated[str, Field(description="The modality's node type that edges come from.")]
    target: Annotated[str, Field(description="The modality's node type that they go to.")]
    k: Annotated[int, Field(ge=1, description="The number of neighbours.")] = 10
    space: Annotated[
        Literal["cca", "shared"], Field(description="Where the two are near: fitted, or as they are.")
    ] = "cca"
    components: Annotated[int, Field(ge=1, description="How many dimensions cca keeps, at most.")] = 64
    shrinkage: Annotated[
        float, Field(ge=0, lt=1, description="How far cca draws covariances towards the identity.")
    ] = 0.1
    connect: Annotated[
        Literal["modality", "entity"], Field(description="Tie the modalities' nodes, or their entities.")
    ] = "modality"
    weight: Annotated[Literal["none", "similarity"], Field(description="Weigh edges by similarity.")] = "none"
    method: Annotated[Method, Field(description="How neighbours are sought.")] = "auto"
    recall: Annotated[
        float, Field(gt=0, le=1, description="What share an approximate search must find of them.")
    ] = 0.95

    @property
    def default_name(self) -> str:
        """The two modalities' names and ``near``."""
        return f"{self.source.rpartition('/')[2]}_near_{self.target.rpartition('/')[2]}"

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the node types of the two modalities, or their entity types."""
        source, _ = context.modality(self.source, parameter="source")
        target, _ = context.modality(self.target, parameter="target")
        return (source, target) if self.connect == "entity" else (self.source, self.target)

    def made_from(self, context: BuildContext) -> tuple[str, ...]:  # noqa: ARG002
        """Return both modalities, also where the edges tie entities."""
        return tuple(sorted((self.source, self.target)))

    def check(self, context: BuildContext) -> None:
        """Refuse one modality twice, too many neighbours, and a space that nothing can be fitted on.

        Raises:
            GraphError: With the fault.
        """
        if self.source == self.target:
            raise GraphError(
                f"got {self.target!r} at both ends; wanted two modalities",
                where=context.at("target"),
                fix="Take the builder knn for the neighbours within one.",
            )
        senders = int(context.permitted(self.source).sum())
        if self.k > senders:
            raise GraphError(
                f"got {self.k}; there {agreed(senders, 'is', 'are')} {counted(senders, 'node')} of "
                f"{self.source} that may send",
                where=context.at("k"),
                fix=f"Set k to at most {senders}." if senders else "Leave the relation out.",
            )
        if self.space == "cca":
            self._check_pairs(context)

    def fit(self, context: BuildContext) -> Fitted:
        """Return the maps into the shared space, fitted on training entities that have both modalities.

        Raises:
            GraphError: If features that should live in one space have not the same width.
        """
        x, y = context.features(self.source), context.features(self.target)
        if self.space == "shared":
            if x.shape[1] != y.shape[1]:
                raise GraphError(
                    f"got shared, but {self.source} has {x.shape[1]} channels and {self.target} {y.shape[1]}",
                    where=context.at("space"),
                    fix="Encode both with one encoder, or set space to cca.",
                )
            return {}
        pairs = self._pairs(context)
        one = _means(x, context.entity_index(self.source), pairs)
        other = _means(y, context.entity_index(self.target), pairs)
        cca = CCA.fit(one, other, components=self.components, shrinkage=self.shrinkage)
        context.count("pairs", len(pairs))
        context.count("strongest_correlation", round(float(cca.correlations[0]), 4))
        return {
            "source_mean": cca.means[0],
            "target_mean": cca.means[1],
            "source_map": cca.maps[0],
            "target_map": cca.maps[1],
            "correlations": cca.correlations,
        }

    def build(self, context: BuildContext) -> Edges:
        """Return the edges from the nearest nodes of the one modality to those of the other."""
        x, y = context.features(self.source), context.features(self.target)
        edges = self._edges(x, y, context.permitted(self.source), context)
        if self.connect == "modality":
            return edges
        one, other = context.entity_index(self.source), context.entity_index(self.target)
        return Edges(one[edges.source], other[edges.target], edges.weight)

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges from known sources to new targets, and from new sources to known targets."""
        known_x, new_x = context.known_features(self.source), context.features(self.source)
        known_y, new_y = context.known_features(self.target), context.features(self.target)
        incoming = self._edges(known_x, new_y, context.permitted(self.source), context)
        outgoing = self._edges(known_y, new_x, context.permitted(self.target), context, turned=True)
        if self.connect == "entity":
            one, other = context.known_entity_index(self.source), context.entity_index(self.target)
            incoming = Edges(one[incoming.source], other[incoming.target], incoming.weight)
            one, other = context.entity_index(self.source), context.known_entity_index(self.target)
            outgoing = Edges(one[outgoing.source], other[outgoing.target], outgoing.weight)
        return Attached(incoming, outgoing)

    def _pairs(self, context: BuildContext) -> NDArray[np.int64]:
        """Return the rows of training entities that have both modalities."""
        one, other = (context.entity_index(end)[context.training(end)] for end in (self.source, self.target))
        return np.intersect1d(one, other)

    def _check_pairs(self, context: BuildContext) -> None:
        entities = [context.modality(end, parameter="source")[0] for end in (self.source, self.target)]
        if entities[0] != entities[1]:
            raise GraphError(
                f"got cca, which learns from entities that have both modalities, but {self.source} and "
                f"{self.target} are of different entity types",
                where=context.at("space"),
                fix="Encode both with one encoder and set space to shared.",
            )
        pairs = len(self._pairs(context))
        if pairs < _FEWEST_PAIRS:
            raise GraphError(
                f"got cca, but {counted(pairs, 'training entity has', 'training entities have')} both "
                f"{self.source} and {self.target}; wanted "
                f"at least {_FEWEST_PAIRS}",
                where=context.at("space"),
                fix="Encode both with one encoder and set space to shared, or leave the relation out.",
            )

    def _edges(
        self,
        known: NDArray[np.float32],
        asking: NDArray[np.float32],
        permitted: NDArray[np.bool_],
        context: BuildContext | AttachContext,
        *,
        turned: bool = False,
    ) -> Edges:
        """Return the edges between those that ask and the known nodes of the other modality nearest to them.

        Args:
            known: The features of nodes that can be found.
            asking: The features of nodes that look for them.
            permitted: Which of the known nodes may be found.
            context: Whose ``fitted`` holds the maps into the shared space.
            turned: Whether the known nodes are the targets.
        """
        space = VectorSpace("cosine", np.zeros(1), 1.0)
        places = self._places(known, asking, context.fitted, turned=turned)
        found_in = np.flatnonzero(permitted & with_direction(places[0], "cosine"))
        asks = usable_nodes(places[1], "cosine", self.source if turned else self.target, context)
        found = nearest_neighbours(
            space.place(places[0][found_in]),
            self.k,
            "cosine",
            context=context,
            method=self.method,
            recall=self.recall,
            queries=space.place(places[1][asks]),
        )
        there = found.source >= 0
        weight = None
        if self.weight == "similarity":
            weight = np.clip((1 + found.similarity[there]) / 2, _FLOOR, 1).astype(np.float32)
        edges = Edges(found_in[found.source[there]], asks[np.nonzero(there)[0]], weight)
        return edges.reversed() if turned else edges

    def _places(
        self,
        known: NDArray[np.float32],
        asking: NDArray[np.float32],
        fitted: Fitted,
        *,
        turned: bool,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return where both are in the shared space."""
        if self.space == "shared":
            return known, asking
        means = fitted["source_mean"], fitted["target_mean"]
        cca = CCA(means, (fitted["source_map"], fitted["target_map"]), fitted["correlations"])
        return cca.place(int(turned), known), cca.place(1 - int(turned), asking)


def _means(
    features: NDArray[np.float32], entity: NDArray[np.int64], wanted: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean of the nodes of each wanted entity: one node, or the elements of a sequence."""
    position = np.searchsorted(wanted, entity)
    belongs = wanted[np.minimum(position, len(wanted) - 1)] == entity
    total = np.zeros((len(wanted), features.shape[1]))
    np.add.at(total, position[belongs], features[belongs])
    return total / np.bincount(position[belongs], minlength=len(wanted))[:, None]
