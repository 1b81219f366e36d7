"""Edges among the elements of a sequence: tokens of a text, frames of a video, patches of an image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from mmgraph.errors import GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, RelationBuilder, nothing
from mmgraph.registry import RELATIONS
from mmgraph.relations.edge_limit import refuse_too_many
from mmgraph.relations.spans import Positions, write_out

Link = Literal["next", "window", "all"]


@RELATIONS.register("sequence")
@dataclass(frozen=True)
class Sequence(RelationBuilder):
    """Edges among the elements that one entity has in a modality which is a sequence.

    Every edge carries ``offset``, the position of the source as counted from the target: -1 for the element
    just before. No edge leads from one entity to another. As both directions are among the edges, or none may
    run backwards, no reverse relation is made.

    Args:
        on: The modality's node type, e.g. ``utterance/frames``.
        link: ``next`` for neighbours in the order; ``window`` for elements whose positions are no further
            apart than ``window``; ``all`` for any two.
        window: How far apart positions may be.
        direction: ``both``, or ``past`` for edges from earlier elements to later ones only.
        max_edges: Refuse to build more edges than this.

    Example:
        >>> Sequence("utterance/frames", link="window", window=3).default_name
        'sequence_frames'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    inductive: ClassVar[bool] = True

    on: Annotated[str, Field(description="The modality's node type, e.g. utterance/frames.")]
    link: Annotated[Link, Field(description="Neighbours, a window, or any two.")] = "next"
    window: Annotated[int, Field(ge=1, description="How far apart positions may be.")] = 2
    direction: Annotated[
        Literal["both", "past"], Field(description="Both ways, or from earlier to later only.")
    ] = "both"
    max_edges: Annotated[int, Field(ge=1, description="Refuse to build more edges.")] = 20_000_000

    @property
    def default_name(self) -> str:
        """``sequence_`` and the name of the modality."""
        return f"sequence_{self.on.rpartition('/')[2]}"

    @property
    def one_way(self) -> bool:
        """Both directions are among the edges, each with an offset of its own, or none may run backwards."""
        return True

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the modality's node type twice."""
        context.modality(self.on, parameter="on")
        return self.on, self.on

    def check(self, context: BuildContext) -> None:
        """Refuse a modality that is no sequence.

        Raises:
            GraphError: If every entity has one vector of it.
        """
        if context.position(self.on) is None:
            raise GraphError(
                f"got {self.on!r}, which is one vector for each entity; wanted a sequence",
                where=context.at("on"),
                fix="Set `sequence: true` at a modality of kind features whose file holds sequences, or have "
                "the encoder make several nodes of an item, e.g. by `pooling: none`.",
            )

    def estimate(self, context: BuildContext) -> int | None:
        """Return how many edges there will be at most."""
        if self.link == "all":
            return None
        reach = self.window if self.link == "window" else 1
        return reach * (2 if self.direction == "both" else 1) * context.num_nodes(self.on)

    def build(self, context: BuildContext) -> Edges:
        """Return the edges among elements.

        Raises:
            GraphError: If there are more than ``max_edges``.
        """
        entity, position = context.entity_index(self.on), context.position(self.on)
        assert position is not None
        start, stop, order = earlier_elements(entity, position, self.link, self.window)
        count = int((stop - start).sum()) * (2 if self.direction == "both" else 1)
        refuse_too_many(count, self.max_edges, "link or window", context)
        return self._edges(start, stop, order, position)

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges among the elements of each new entity."""
        position = context.position(self.on)
        if position is None:
            return nothing()
        found = earlier_elements(context.entity_index(self.on), position, self.link, self.window)
        return replace(nothing(), own=self._edges(*found, position))

    def why_empty(self, context: BuildContext) -> str:  # noqa: ARG002
        """Return why no element has another near it."""
        near = f" within {self.window} positions of each other" if self.link == "window" else ""
        return f"no entity has two elements{near}"

    def _edges(self, start: Positions, stop: Positions, order: Positions, position: Positions) -> Edges:
        before, after = write_out(start, stop)
        source, target = order[before], order[after]
        if self.direction == "both":
            source, target = np.concatenate([source, target]), np.concatenate([target, source])
        offset = (position[source] - position[target]).astype(np.float32)
        return Edges(source, target, attr=offset[:, None], attr_names=("offset",))


def earlier_elements(
    entity: Positions, position: Positions, link: Link, window: int
) -> tuple[Positions, Positions, Positions]:
    """Return for each element in order the span of those before it that it is tied to.

    Args:
        entity: The entity of each element, int64 [M].
        position: Its position there, int64 [M], at least 0, none twice in an entity.
        link: Which of those before it.
        window: How far apart positions may be, for ``window``.

    Returns:
        Start and stop of each span, int64 [M], and the elements in order, int64 [M].

    Example:
        >>> start, stop, order = earlier_elements(np.array([0, 0, 1]), np.array([5, 2, 0]), "next", 1)
        >>> start.tolist(), stop.tolist(), order.tolist()
        ([0, 0, 2], [0, 1, 2], [1, 0, 2])
    """
    order = np.lexsort((position, entity))
    entity, position = entity[order], position[order]
    stop = np.arange(len(order), dtype=np.int64)
    first = np.searchsorted(entity, entity)
    if link == "all":
        return first, stop, order
    if link == "next":
        return np.maximum(first, stop - 1), stop, order
    # A key is an entity and the rank of a position, so that one sorted array answers for all entities.
    values = np.unique(position)
    keys = entity * (len(values) + 1) + np.searchsorted(values, position)
    oldest = entity * (len(values) + 1) + np.searchsorted(values, position - window)
    return np.searchsorted(keys, oldest).astype(np.int64), stop, order
