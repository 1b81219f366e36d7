"""Random numbers that are counted, not drawn from a state, by loops that are compiled at first use.

A row's numbers follow from the stream of the batch and from the node alone, so whoever samples it, and when,
the picks are the same. Like all kernels of sampling, these let go of Python's lock, and start no threads of
their own: batches are made side by side, which needs no waiting for each other and survives a fork.

Shapes: N rows (nodes whose neighbours are wanted).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mmgraph.split_mix import STEP, mix

_kernel = njit(nogil=True, cache=True, error_model="numpy")

_S11 = np.uint64(11)
_UNIT = 1.0 / 9007199254740992.0


@_kernel
def unit_of(state, count):  # type: ignore[no-untyped-def]
    """Return the number of this count in a row's stream, a float64 in [0, 1)."""
    return np.float64(mix(state + STEP * np.uint64(count)) >> _S11) * _UNIT


@_kernel
def row_streams(stream, nodes, trees, roots):  # type: ignore[no-untyped-def]
    """Return the stream of each row, uint64 [N].

    Args:
        stream: What sets this batch, relation and hop apart, uint64.
        nodes: The rows' nodes, int64 [N].
        trees: The seed that each row hangs on, int64 [N]; read if there are roots.
        roots: What sets each seed apart, uint64 [B]; empty if rows hang on no seed.
    """
    result = np.empty(nodes.size, np.uint64)
    for row in range(nodes.size):
        state = stream + STEP * np.uint64(nodes[row] + 1)
        if roots.size:
            state ^= roots[trees[row]]
        result[row] = mix(state)
    return result


@_kernel
def units(streams, count):  # type: ignore[no-untyped-def]
    """Return the number of this count in each stream, float64 [N] in [0, 1)."""
    result = np.empty(streams.size, np.float64)
    for row in range(streams.size):
        result[row] = unit_of(streams[row], count)
    return result
