"""Another relation with its ends dealt out anew: the control that keeps every node's degree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from mmgraph.errors import GraphError
from mmgraph.graph.context import BuildContext
from mmgraph.graph.edges import StoredEdges, merge
from mmgraph.graph.relation import Edges, RelationBuilder
from mmgraph.graph.shuffle import shuffle_edges
from mmgraph.registry import RELATIONS


@RELATIONS.register("shuffled")
@dataclass(frozen=True)
class Shuffled(RelationBuilder):
    """The edges of another relation between other nodes: every node keeps its degree at both ends.

    It is the control of :func:`mmgraph.graph.shuffled_edges` as a relation, so that both can stand in one
    graph. Weights, edge features and times go with an edge's source. Where hubs leave no other way an edge
    comes out twice; the two become one, and are counted.

    Args:
        like: The name of the other relation.
        symmetric: The other relation is symmetric, so that this shall be.
        seed: Another seed gives other edges.

    Example:
        >>> Shuffled("borders", symmetric=True).default_name
        'shuffled_borders'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"

    like: Annotated[str, Field(description="The name of the other relation.")]
    symmetric: Annotated[bool, Field(description="Whether the other relation is symmetric.")] = False
    seed: Annotated[int, Field(ge=0, description="Another seed gives other edges.")] = 0

    @property
    def default_name(self) -> str:
        """``shuffled_`` and the name of the other relation."""
        return f"shuffled_{self.like}"

    def needs(self) -> tuple[str, ...]:
        """Return the other relation."""
        return (self.like,)

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the node types of the other relation."""
        return context.ends_of(self.like)

    def build(self, context: BuildContext) -> Edges:
        """Return the edges between other nodes.

        Raises:
            GraphError: If ``symmetric`` is not true of the other relation.
        """
        source, target = context.ends_of(self.like)
        num_sources = context.num_nodes(source)
        edges = merge(context.edges_of(self.like), num_sources)
        if self.symmetric and not _both_ways(edges):
            raise GraphError(
                f"got true, but the relation {self.like!r} is not symmetric",
                where=context.at("symmetric"),
                fix="Leave it out.",
            )
        shuffled = shuffle_edges(
            StoredEdges.of(edges),
            np.random.default_rng([self.seed, *self.like.encode()]),
            homogeneous=source == target,
            symmetric=self.symmetric,
        )
        ends = shuffled.index
        return Edges(ends[0], ends[1], shuffled.weight, shuffled.attr, edges.attr_names, shuffled.time)


def _both_ways(edges: Edges) -> bool:
    """Return whether every edge has its reverse among the edges."""
    ahead = np.lexsort((edges.source, edges.target))
    back = np.lexsort((edges.target, edges.source))
    return bool(
        np.array_equal(edges.source[ahead], edges.target[back])
        and np.array_equal(edges.target[ahead], edges.source[back])
    )
