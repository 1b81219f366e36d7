"""The loops that find ids in a table of hashes, compiled at first use and kept on disk.

Text is as Arrow holds it: ``offsets`` [N + 1] into ``data`` (bytes). The table has S slots, a power of two
and at least twice the number of ids, so that there is always a free one:

- ``tags`` [S, 2]: the upper half of the id's hash and its row + 1, both 0 where the slot is free; and where
  its bytes begin (40 bits) and how many there are (24 bits, all set where they do not suffice).

What is sought lies anywhere in memory, which is slow to answer. So a run of ids goes through each step
together, and the processor waits for many answers at a time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_kernel = njit(nogil=True, cache=True)

_START, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF, _LOW, _ONE = np.uint64(32), np.uint64(0xFFFFFFFF), np.uint64(1)
_SIZE_BITS, _SIZE = np.uint64(24), np.uint64(0xFFFFFF)
_RUN = 512


@_kernel
def _hash(data, begin, end):  # type: ignore[no-untyped-def]
    """FNV-1a of some bytes, its bits stirred once more."""
    value = _START
    for place in range(begin, end):
        value = (value ^ np.uint64(data[place])) * _PRIME
    value = (value ^ (value >> _HALF)) * _MIX
    return value ^ (value >> _HALF)


@_kernel
def fill(offsets, data, tags):  # type: ignore[no-untyped-def]
    """Put every id into the table."""
    mask = np.uint64(tags.shape[0] - 1)
    hashes = np.empty(_RUN, dtype=np.uint64)
    count = offsets.size - 1
    for start in range(0, count, _RUN):
        stop = min(start + _RUN, count)
        for row in range(start, stop):
            hashes[row - start] = _hash(data, offsets[row], offsets[row + 1])
        for row in range(start, stop):
            value = hashes[row - start]
            slot = value & mask
            while tags[slot, 0] != 0:
                slot = (slot + _ONE) & mask
            tags[slot, 0] = (value >> _HALF) << _HALF | np.uint64(row + 1)
            size = np.uint64(offsets[row + 1] - offsets[row])
            tags[slot, 1] = np.uint64(offsets[row]) << _SIZE_BITS | min(size, _SIZE)


@_kernel
def _same(data, begin, wanted, first, end):  # type: ignore[no-untyped-def]
    for place in range(first, end):  # noqa: SIM110 - a loop is what is compiled
        if data[begin + place - first] != wanted[place]:
            return False
    return True


@_kernel
def find(offsets, data, tags, wanted_offsets, wanted, rows):  # type: ignore[no-untyped-def]
    """Write the row of each wanted id into ``rows``, -1 where there is no such id."""
    mask = np.uint64(tags.shape[0] - 1)
    hashes = np.empty(_RUN, dtype=np.uint64)
    slots = np.empty(_RUN, dtype=np.uint64)
    spans = np.empty(_RUN, dtype=np.uint64)
    count = wanted_offsets.size - 1
    for start in range(0, count, _RUN):
        stop = min(start + _RUN, count)
        for number in range(start, stop):
            value = _hash(wanted, wanted_offsets[number], wanted_offsets[number + 1])
            hashes[number - start] = value
            slots[number - start] = value & mask
        for place in range(stop - start):
            slot, half = slots[place], hashes[place] >> _HALF
            while tags[slot, 0] != 0 and tags[slot, 0] >> _HALF != half:
                slot = (slot + _ONE) & mask
            slots[place] = slot
            rows[start + place] = np.int64(tags[slot, 0] & _LOW) - 1
            spans[place] = tags[slot, 1]
        for place in range(stop - start):
            number = start + place
            first, end = wanted_offsets[number], wanted_offsets[number + 1]
            if rows[number] >= 0:
                span, size = spans[place], np.uint64(end - first)
                begin = np.int64(span >> _SIZE_BITS)
                # Of an id that is too long for its tag, the offsets know the length.
                if size >= _SIZE or span & _SIZE != size or not _same(data, begin, wanted, first, end):
                    rows[number] = _find_from(
                        offsets, data, tags, slots[place], hashes[place], wanted, first, end
                    )


@_kernel
def _find_from(offsets, data, tags, slot, value, wanted, first, end):  # type: ignore[no-untyped-def]
    """Return the row of an id, sought from a slot on, or -1."""
    mask = np.uint64(tags.shape[0] - 1)
    while tags[slot, 0] != 0:
        if tags[slot, 0] >> _HALF == value >> _HALF:
            row = np.int64(tags[slot, 0] & _LOW) - 1
            same_size = offsets[row + 1] - offsets[row] == end - first
            if same_size and _same(data, offsets[row], wanted, first, end):
                return row
        slot = (slot + _ONE) & mask
    return -1
