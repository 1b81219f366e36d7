"""Ancestors and siblings in a hierarchy of children and parents, and the cycles that it must not have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from mmgraph.relations.spans import Positions, write_out

_SHOWN = 8


class TooManyError(Exception):
    """More pairs than there may be; the number says how many there are at least."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def ancestors(
    child: Positions, parent: Positions, size: int, *, depth: int | None, limit: int
) -> tuple[Positions, Positions, Positions]:
    """Return every pair of a node and one of its ancestors, and the fewest steps between them.

    Args:
        child: The child of each step, int64 [S].
        parent: The parent of each step, int64 [S]. There must be no cycle.
        size: The number of nodes.
        depth: The most steps; nothing for all.
        limit: The most pairs.

    Raises:
        TooManyError: If there are more pairs.

    Example:
        >>> node, ancestor, steps = ancestors(np.array([2, 1]), np.array([1, 0]), 3, depth=None, limit=9)
        >>> list(zip(node.tolist(), ancestor.tolist(), steps.tolist()))
        [(1, 0, 1), (2, 1, 1), (2, 0, 2)]
    """
    keys = np.unique(child * size + parent)
    if len(keys) > limit:
        raise TooManyError(len(keys))
    child, parent = keys // max(size, 1), keys % max(size, 1)
    first = np.searchsorted(child, np.arange(size + 1))
    found = [keys]
    seen = keys
    while len(keys) and (depth is None or len(found) < depth):
        node, top = keys // size, keys % size
        position, owner = write_out(first[top], first[top + 1])
        keys = np.unique(node[owner] * size + parent[position])
        keys = keys[~np.isin(keys, seen, assume_unique=True)]
        found.append(keys)
        seen = np.concatenate([seen, keys])
        if len(seen) > limit:
            raise TooManyError(len(seen))
    steps = np.repeat(np.arange(1, len(found) + 1, dtype=np.int64), [len(keys) for keys in found])
    return seen // max(size, 1), seen % max(size, 1), steps


def find_cycle(child: Positions, parent: Positions, size: int) -> list[int]:
    """Return the nodes of a cycle in their order, or none if there is no cycle.

    Example:
        >>> find_cycle(np.array([0, 1, 2]), np.array([1, 2, 1]), 3)
        [1, 2]
    """
    loops = child[child == parent]
    if len(loops):
        return [int(loops[0])]
    steps = scipy.sparse.csr_array((np.ones(len(child), dtype=bool), (child, parent)), shape=(size, size))
    _, part = scipy.sparse.csgraph.connected_components(steps, connection="strong")
    inside = part[child] == part[parent]
    above = dict(zip(child[inside].tolist(), parent[inside].tolist(), strict=True))
    if not above:
        return []
    node, path = min(above), list[int]()
    while node not in path:
        path.append(node)
        node = above[node]
    return path[path.index(node) :]


def written(cycle: Sequence[int], ids: Sequence[str] | NDArray[np.object_]) -> str:
    """Return a cycle for people: ``a -> b -> a``, without its middle where it is long."""
    names = [repr(ids[node]) for node in (*cycle, cycle[0])]
    if len(names) > _SHOWN:
        middle = f"... {len(names) - _SHOWN} more ..."
        names = [*names[: _SHOWN // 2], middle, *names[-_SHOWN // 2 :]]
    return " -> ".join(names)


def siblings(
    child: Positions, parent: Positions, other: Positions, other_parent: Positions
) -> tuple[Positions, Positions]:
    """Return the pairs of a child and one of the others that have a parent in common.

    Args:
        child: int64 [S].
        parent: Its parent, int64 [S].
        other: int64 [T].
        other_parent: Its parent, int64 [T].
    """
    order = np.argsort(parent, kind="stable")
    ordered = parent[order]
    start, stop = np.searchsorted(ordered, other_parent), np.searchsorted(ordered, other_parent, side="right")
    position, owner = write_out(start, stop)
    return child[order[position]], other[owner]
