"""Which place each sampled node has: a table of keys, compiled at first use.

Loops that wait for memory do nothing else, so that many reads are under way at a time.

Shapes: N rows, P picks, E edges of the relation.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mmgraph.split_mix import mix

_kernel = njit(nogil=True, cache=True, error_model="numpy")
_BLOCK = 64


@_kernel
def source_keys(indices, picks, pointer, trees, num_source):  # type: ignore[no-untyped-def]
    """Return the key of the source of each pick, int64 [P]: tree x num_source + node.

    Args:
        indices: The source of each edge, [E].
        picks: int64 [P].
        pointer: Where each row's picks begin and end, int64 [N + 1].
        trees: The seed that each row hangs on, int64 [N]; empty if rows hang on no seed.
        num_source: Number of source nodes in the whole graph.
    """
    keys = np.empty(picks.size, np.int64)
    for pick in range(picks.size):
        keys[pick] = indices[picks[pick]]
    if trees.size:
        for row in range(trees.size):
            for pick in range(pointer[row], pointer[row + 1]):
                keys[pick] += trees[row] * num_source
    return keys


@_kernel
def _slot(key, table):  # type: ignore[no-untyped-def]
    return np.int64(mix(np.uint64(key)) & np.uint64(table.shape[0] - 1))


@_kernel
def find_or_add(table, keys, count, wanted, places):  # type: ignore[no-untyped-def]
    """Look up the place of each key, new ones at the end, and return how many keys there are then.

    Args:
        table: Open addressing, int64 [a power of two, 2]: key + 1 or 0, and its place; at most half full.
        keys: The keys by place, int64, with room for those to come; changed.
        count: How many there are.
        wanted: The keys, int64 [P].
        places: Where to write their places, int64 [P].
    """
    last = table.shape[0] - 1
    slots = np.empty(_BLOCK, np.int64)
    for first in range(0, wanted.size, _BLOCK):
        size = min(_BLOCK, wanted.size - first)
        touched = np.int64(0)
        for number in range(size):
            slots[number] = _slot(wanted[first + number], table)
            touched |= table[slots[number], 0]
        # What was read is of no use but to have it in the cache; -1 is never a key.
        if touched < 0:
            return np.int64(-1)
        for number in range(size):
            key, slot = wanted[first + number], slots[number]
            while table[slot, 0] != 0 and table[slot, 0] != key + 1:
                slot = (slot + 1) & last
            if table[slot, 0] == 0:
                table[slot, 0], table[slot, 1] = key + 1, count
                keys[count] = key
                count += 1
            places[first + number] = table[slot, 1]
    return count


@_kernel
def fill_table(table, keys):  # type: ignore[no-untyped-def]
    """Put keys into an empty table; of a key that stands twice the first place counts."""
    last = table.shape[0] - 1
    for place in range(keys.size):
        slot = _slot(keys[place], table)
        while table[slot, 0] != 0 and table[slot, 0] != keys[place] + 1:
            slot = (slot + 1) & last
        if table[slot, 0] == 0:
            table[slot, 0], table[slot, 1] = keys[place] + 1, place
