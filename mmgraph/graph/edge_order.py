"""The order of edges: of many by counting, so that time and memory grow with edges and nodes alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# From so many edges on, counting is faster than comparing.
_WORTH_COUNTING = 1 << 14


def order_by(keys: NDArray[Any], num_keys: int, *, after: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the order that sorts elements by a key, int32 [E] where that suffices, else int64.

    Args:
        keys: The key of each element, [E].
        num_keys: The number of keys; each is below it.
        after: The order in which elements of one key stay, [E]; nothing for that in which they stand.

    Example:
        >>> order_by(np.array([2, 0, 2, 1]), 3).tolist()
        [1, 3, 0, 2]
        >>> order_by(np.array([2, 0, 2, 1]), 3, after=np.array([3, 2, 1, 0])).tolist()
        [1, 3, 2, 0]
    """
    size = len(keys)
    kind = np.int32 if max(size, num_keys) < np.iinfo(np.int32).max else np.int64
    if size < _WORTH_COUNTING:
        order = np.argsort(keys if after is None else keys[after], kind="stable")
        return (order if after is None else after[order]).astype(kind)
    # Kernels are compiled at their first use, and importing the compiler takes its time as well.
    from mmgraph.graph.order_kernels import place

    order = np.empty(size, dtype=kind)
    nothing = np.empty(0, dtype=kind)
    place(
        keys,
        nothing if after is None else after.astype(kind, copy=False),
        np.zeros(num_keys + 1, kind),
        order,
    )
    return order


def sorted_pairs(
    source: NDArray[Any], target: NDArray[Any], num_sources: int, num_targets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return sources and targets in the order of (target, source), [E] each.

    It does what :func:`edge_order` does for edges that carry nothing, in a third of the time and the memory.

    Example:
        >>> sources, targets = sorted_pairs(np.array([2, 0, 1]), np.array([1, 1, 0]), 3, 2)
        >>> sources.tolist(), targets.tolist()
        ([1, 0, 2], [0, 1, 1])
    """
    size = len(source)
    if size < _WORTH_COUNTING:
        order = np.lexsort((source, target))
        return source[order].astype(np.int64), target[order].astype(np.int64)
    from mmgraph.graph.order_kernels import sort_pairs

    kind = np.int32 if max(size, num_sources, num_targets) < np.iinfo(np.int32).max else np.int64
    between, sources, targets = (np.empty(size, dtype=kind) for _ in range(3))
    first, pointer = (np.zeros(number + 1, dtype=kind) for number in (num_sources, num_targets))
    sort_pairs(source, target, first, pointer, between, sources, targets)
    del between
    # One after the other, so that never both forms of both are there.
    wide = sources.astype(np.int64)
    del sources
    return wide, targets.astype(np.int64)


def edge_order(
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    num_sources: int,
    time: NDArray[np.int64] | None = None,
) -> NDArray[Any]:
    """Return the order that sorts edges by (target, source, time), [E]; equal ones stay as they stand."""
    first = None if time is None else np.argsort(time, kind="stable")
    by_source = order_by(source, num_sources, after=first)
    return order_by(target, int(target.max(initial=-1)) + 1, after=by_source)
