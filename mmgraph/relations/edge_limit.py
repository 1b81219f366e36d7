"""A relation that would not fit is refused before it is built."""

from __future__ import annotations

from mmgraph.errors import GraphError
from mmgraph.graph.context import BuildContext


def refuse_too_many(count: int, limit: int, narrower: str, context: BuildContext) -> None:
    """Raise if a relation would have more edges than it may.

    Args:
        count: The number of edges, or of candidates for them.
        limit: What ``max_edges`` allows.
        narrower: The parameters that make the relation smaller.
        context: The surroundings of the relation.

    Raises:
        GraphError: If there are too many.
    """
    if count > limit:
        raise GraphError(
            f"got {limit:,}; the relation would look at about {count:,} pairs",
            where=context.at("max_edges"),
            fix=f"Make it smaller by {narrower}, or raise max_edges.",
        )
