"""Edges by target, turned round to edges by source."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# From so many edges on, counting is faster than comparing.
_WORTH_COUNTING = 1 << 14


class BySource(NamedTuple):
    """Edges source after source, their targets ascending within a source.

    Args:
        indptr: Where each source's edges begin and end, [S + 1], as wide as the pointers of the targets.
        indices: The target of each edge, [E], of 32 bits where the sources have so many and that suffices.
        position: Where each edge stands among those by target, [E], as wide as the pointers; nothing where
            nobody has asked.
    """

    indptr: NDArray[Any]
    indices: NDArray[Any]
    position: NDArray[Any] | None


def transpose(
    indptr: NDArray[Any], indices: NDArray[Any], num_source: int, *, positions: bool = False
) -> BySource:
    """Return edges source after source.

    Args:
        indptr: Where each target's edges begin and end, [N + 1].
        indices: The source of each edge, [E].
        num_source: Number of source nodes S.
        positions: Whether to return where each edge stands among those that are given.

    Example:
        >>> pointer, targets, _ = transpose(np.array([0, 2, 3]), np.array([0, 1, 0]), 2)
        >>> pointer.tolist(), targets.tolist()
        ([0, 2, 3], [0, 1, 0])
    """
    if len(indices) < _WORTH_COUNTING:
        order = np.argsort(indices, kind="stable")
        pointer = np.zeros(num_source + 1, indptr.dtype)
        np.cumsum(np.bincount(indices, minlength=num_source), out=pointer[1:])
        targets = np.repeat(np.arange(len(indptr) - 1, dtype=indices.dtype), np.diff(indptr))
        return BySource(pointer, targets[order], order.astype(indptr.dtype) if positions else None)
    return _by_counting(indptr, indices, num_source, positions=positions)


def _by_counting(
    indptr: NDArray[Any], indices: NDArray[Any], num_source: int, *, positions: bool
) -> BySource:
    """Do the same for many edges."""
    # Kernels are compiled at their first use, and importing the compiler takes its time as well.
    from mmgraph.graph import transpose_kernels as kernels
    from mmgraph.worker_threads import balanced_rows, run_together, useful_threads

    size = len(indices)
    num_blocks = -(-num_source // kernels.BLOCK)
    threads = useful_threads(size)
    parts = list(pairwise(balanced_rows([indptr], threads)))
    counts = np.zeros((len(parts), num_blocks), np.int64)
    edges = [indices[indptr[first] : indptr[last]] for first, last in parts]
    run_together([partial(kernels.count, *each) for each in zip(edges, counts, strict=True)])
    # Within a block, the edges of an earlier part come first.
    ends = counts.T.cumsum().reshape(num_blocks, len(parts))
    begin = np.concatenate([[0], ends[:, -1]])
    places = np.ascontiguousarray((ends - counts.T).T)
    wide = indices.dtype if len(indptr) - 1 <= np.iinfo(indices.dtype).max else np.dtype(np.int64)
    of = np.empty_like(indices)
    target, sorted_target = (np.empty(size, wide) for _ in range(2))
    position, sorted_position = (np.empty(size if positions else 0, indptr.dtype) for _ in range(2))
    run_together(
        [
            partial(kernels.to_blocks, indptr, indices, *part, place, of, target, position)
            for part, place in zip(parts, places, strict=True)
        ]
    )
    pointer = np.empty(num_source + 1, indptr.dtype)
    pointer[-1] = size
    grouped, result = (of, target, position), (pointer, sorted_target, sorted_position)
    run_together(
        [
            partial(kernels.within_blocks, begin, *blocks, *grouped, *result)
            for blocks in pairwise(balanced_rows([begin], threads))
        ]
    )
    return BySource(pointer, sorted_target, sorted_position if positions else None)
