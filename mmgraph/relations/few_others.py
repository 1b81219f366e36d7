"""A word about a number of neighbours that no entity can have."""

from __future__ import annotations

from mmgraph.counted import agreed, counted
from mmgraph.graph.context import BuildContext


def warn_if_few(k: int, entity: str, context: BuildContext) -> None:
    """Warn if there are fewer than k others that an entity could hear from, and count these.

    Args:
        k: How many an entity shall hear from.
        entity: The entity type at both ends.
        context: Told about it.
    """
    others = max(int(context.permitted(entity).sum()) - 1, 0)
    if k > others:
        context.count("k_beyond_others", k - others)
        context.warn(
            f"k={k}, but there {agreed(others, 'is', 'are')} only {counted(others, 'other')}; each "
            "hears from all within reach"
        )
