"""Edges row after row: where rows begin and end, what stands in them, and in which order.

Compiled at first use. Shapes: N rows, P picks, E edges of the relation.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_kernel = njit(nogil=True, cache=True, error_model="numpy")

# Rows of so many picks are sorted by insertion.
_SHORT = 64


@_kernel
def row_bounds(indptr, nodes):  # type: ignore[no-untyped-def]
    """Return where each node's edges begin and end, int64 [N] and int64 [N]."""
    begin, end = np.empty(nodes.size, np.int64), np.empty(nodes.size, np.int64)
    for row in range(nodes.size):
        begin[row] = indptr[nodes[row]]
        end[row] = indptr[nodes[row] + 1]
    return begin, end


@_kernel
def end_at(begin, end, time, limit):  # type: ignore[no-untyped-def]
    """Move each row's end in front of its first edge that is later than the row's limit.

    Args:
        begin: int64 [N].
        end: int64 [N], changed.
        time: The edges' times, ascending within a node's edges, int64 [E].
        limit: int64 [N].
    """
    for row in range(begin.size):
        low, high = begin[row], end[row]
        while low < high:
            middle = (low + high) >> 1
            if time[middle] <= limit[row]:
                low = middle + 1
            else:
                high = middle
        end[row] = low


@_kernel
def is_no_neighbour(indptr, indices, rows, nodes, not_itself):  # type: ignore[no-untyped-def]
    """Return whether each node is no neighbour of its row, bool [M].

    Args:
        indptr: Where each row's neighbours begin and end.
        indices: The neighbours, ascending within a row.
        rows: int64 [M].
        nodes: int64 [M].
        not_itself: Whether a row and a node of the same number are the same, which counts as a neighbour.
    """
    result = np.empty(rows.size, np.bool_)
    for number in range(rows.size):
        node, low, end = nodes[number], indptr[rows[number]], indptr[rows[number] + 1]
        high = end
        while low < high:
            middle = (low + high) >> 1
            if indices[middle] < node:
                low = middle + 1
            else:
                high = middle
        linked = low < end and indices[low] == node
        result[number] = not linked and not (not_itself and node == rows[number])
    return result


@_kernel
def sort_rows(pointer, source, picks):  # type: ignore[no-untyped-def]
    """Sort each row's picks by (source, pick), both in place.

    Args:
        pointer: Where each row's picks begin and end, int64 [N + 1].
        source: The place of each pick's source, int64 [P].
        picks: int64 [P].
    """
    for row in range(pointer.size - 1):
        begin, end = pointer[row], pointer[row + 1]
        if end - begin > _SHORT:
            by_pick = np.argsort(picks[begin:end])
            own_source, own_picks = source[begin:end][by_pick], picks[begin:end][by_pick]
            order = np.argsort(own_source, kind="mergesort")
            source[begin:end], picks[begin:end] = own_source[order], own_picks[order]
            continue
        for number in range(begin + 1, end):
            this, pick, at = source[number], picks[number], number
            while at > begin and (source[at - 1] > this or (source[at - 1] == this and picks[at - 1] > pick)):
                source[at], picks[at] = source[at - 1], picks[at - 1]
                at -= 1
            source[at], picks[at] = this, pick


@_kernel
def _pointers(keys, num_rows):  # type: ignore[no-untyped-def]
    """Return where each row begins and ends once edges are sorted by their rows, int64 [N + 1]."""
    pointer = np.zeros(num_rows + 1, np.int64)
    for edge in range(keys.size):
        pointer[keys[edge] + 1] += 1
    for row in range(num_rows):
        pointer[row + 1] += pointer[row]
    return pointer


@_kernel
def compress(keys, num_rows):  # type: ignore[no-untyped-def]
    """Sort by counting: return where each row begins and ends, int64 [N + 1], and who stands there, int64
    [E].

    Args:
        keys: The row of each edge, [E]. Edges of a row keep their order.
        num_rows: N.
    """
    pointer = _pointers(keys, num_rows)
    place, order = pointer[:-1].copy(), np.empty(keys.size, np.int64)
    for edge in range(keys.size):
        order[place[keys[edge]]] = edge
        place[keys[edge]] += 1
    return pointer, order
