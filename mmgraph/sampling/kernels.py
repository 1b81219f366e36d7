"""The loops of neighbour sampling, compiled at first use and kept on disk.

Random numbers are counted, not drawn from a state: a row's numbers follow from the stream of the batch and
from the node alone, so whoever samples it, and when, the picks are the same. Loops that wait for memory do
nothing else, so that many reads are under way at a time. All let go of Python's lock, and none starts threads
of its own: batches are made side by side, which needs no waiting for each other and survives a fork.

Shapes: N rows (nodes whose neighbours are wanted), P picks, E edges of the relation.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_kernel = njit(nogil=True, cache=True, error_model="numpy")

# The constants of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S11, _S27, _S30, _S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)
_UNIT = 1.0 / 9007199254740992.0
# A row of so many edges fits a mask of bits.
_MASKED = 64
_BLOCK = 64


@_kernel
def mix(number):  # type: ignore[no-untyped-def]
    """Return a uint64 whose every bit depends on every bit of the one that is given."""
    number = (number ^ (number >> _S30)) * _FIRST
    number = (number ^ (number >> _S27)) * _SECOND
    return number ^ (number >> _S31)


@_kernel
def _unit(state, count):  # type: ignore[no-untyped-def]
    """Return the number of this count in a row's stream, a float64 in [0, 1)."""
    return np.float64(mix(state + _STEP * np.uint64(count)) >> _S11) * _UNIT


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
        state = stream + _STEP * np.uint64(nodes[row] + 1)
        if roots.size:
            state ^= roots[trees[row]]
        result[row] = mix(state)
    return result


@_kernel
def units(streams, count):  # type: ignore[no-untyped-def]
    """Return the number of this count in each stream, float64 [N] in [0, 1)."""
    result = np.empty(streams.size, np.float64)
    for row in range(streams.size):
        result[row] = _unit(streams[row], count)
    return result


@_kernel
def may_be_taken(indptr, indices, rows, nodes, not_itself):  # type: ignore[no-untyped-def]
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
def place_picks(begin, end, fanout, replace):  # type: ignore[no-untyped-def]
    """Return where each row's picks begin and end, int64 [N + 1]."""
    pointer = np.empty(begin.size + 1, np.int64)
    pointer[0] = 0
    for row in range(begin.size):
        degree = end[row] - begin[row]
        picks = degree if fanout < 0 else fanout if replace and degree else min(degree, fanout)
        pointer[row + 1] = pointer[row] + picks
    return pointer


@_kernel
def _all(begin, picks):  # type: ignore[no-untyped-def]
    for pick in range(picks.size):
        picks[pick] = begin + pick


@_kernel
def _pick_by_mask(state, begin, degree, picks):  # type: ignore[no-untyped-def]
    one, taken = np.uint64(1), np.uint64(0)
    for count in range(picks.size):
        last = degree - picks.size + count
        bit = np.uint64(_unit(state, count) * (last + 1))
        taken |= one << (np.uint64(last) if (taken >> bit) & one else bit)
    found = np.int64(0)
    for place in range(degree):
        if found == picks.size:
            break
        # Written in any case and kept if it was taken: the processor need not guess.
        picks[found] = begin + place
        found += np.int64((taken >> np.uint64(place)) & one)


@_kernel
def _pick_by_order(state, begin, degree, picks):  # type: ignore[no-untyped-def]
    for count in range(picks.size):
        last = degree - picks.size + count
        place = begin + np.int64(_unit(state, count) * (last + 1))
        low, high = 0, count
        while low < high:
            middle = (low + high) >> 1
            if picks[middle] < place:
                low = middle + 1
            else:
                high = middle
        if low < count and picks[low] == place:
            picks[count] = begin + last
        else:
            for later in range(count, low, -1):
                picks[later] = picks[later - 1]
            picks[low] = place


@_kernel
def pick_uniform(begin, end, pointer, streams, replace):  # type: ignore[no-untyped-def]
    """Return which edges are picked, int64 [P]: every subset of a row's size is as likely as any other.

    Without replacement by Floyd's algorithm (Bentley, Floyd: A sample of brilliance, 1987), whose work does
    not depend on the degree.

    Args:
        begin: Where each row's edges begin, int64 [N].
        end: Where they end, int64 [N].
        pointer: Where each row's picks begin and end, int64 [N + 1].
        streams: The stream of each row, uint64 [N].
        replace: Whether an edge may be picked again.
    """
    result = np.empty(pointer[-1], np.int64)
    for row in range(begin.size):
        picks = result[pointer[row] : pointer[row + 1]]
        degree = end[row] - begin[row]
        if replace:
            for count in range(picks.size):
                picks[count] = begin[row] + np.int64(_unit(streams[row], count) * degree)
        elif degree == picks.size:
            _all(begin[row], picks)
        elif degree <= _MASKED:
            _pick_by_mask(streams[row], begin[row], degree, picks)
        else:
            _pick_by_order(streams[row], begin[row], degree, picks)
    return result


@_kernel
def pick_weighted(begin, end, pointer, streams, replace, weight):  # type: ignore[no-untyped-def]
    """Return which edges are picked, int64 [P], each draw in proportion to the weights that are left.

    Without replacement the least of exponential waiting times win, which is the same distribution
    (Efraimidis,
    Spirakis: Weighted random sampling with a reservoir, 2006). Each reads all the weights of a row.

    Args:
        begin: Where each row's edges begin, int64 [N].
        end: Where they end, int64 [N].
        pointer: Where each row's picks begin and end, int64 [N + 1].
        streams: The stream of each row, uint64 [N].
        replace: Whether an edge may be picked again.
        weight: The edges' weights, above 0, float32 [E].
    """
    result = np.empty(pointer[-1], np.int64)
    longest = 0
    for row in range(begin.size):
        longest = max(longest, end[row] - begin[row])
    scratch = np.empty(longest, np.float64)
    for row in range(begin.size):
        picks = result[pointer[row] : pointer[row + 1]]
        degree = end[row] - begin[row]
        if not replace and degree == picks.size:
            _all(begin[row], picks)
        elif replace:
            _draw_in_proportion(streams[row], begin[row], weight[begin[row] : end[row]], scratch, picks)
        else:
            _first_to_arrive(streams[row], begin[row], weight[begin[row] : end[row]], scratch, picks)
    return result


@_kernel
def _draw_in_proportion(state, begin, weight, total, picks):  # type: ignore[no-untyped-def]
    so_far = 0.0
    for place in range(weight.size):
        so_far += weight[place]
        total[place] = so_far
    for count in range(picks.size):
        aim = _unit(state, count) * so_far
        low, high = 0, weight.size - 1
        while low < high:
            middle = (low + high) >> 1
            if total[middle] <= aim:
                low = middle + 1
            else:
                high = middle
        picks[count] = begin + low


@_kernel
def _first_to_arrive(state, begin, weight, arrival, picks):  # type: ignore[no-untyped-def]
    # Those that have arrived stand in order; only the first arrivals are kept.
    there = 0
    for place in range(weight.size):
        when = -np.log1p(-_unit(state, place)) / weight[place]
        if there == picks.size:
            if there == 0 or when >= arrival[there - 1]:
                continue
        else:
            there += 1
        at = there - 1
        while at > 0 and arrival[at - 1] > when:
            arrival[at], picks[at] = arrival[at - 1], picks[at - 1]
            at -= 1
        arrival[at], picks[at] = when, begin + place


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
        if end - begin > _MASKED:
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


@_kernel
def transpose(indptr, indices, num_source):  # type: ignore[no-untyped-def]
    """Return the edges by source: row pointers int64 [S + 1], targets and positions [E] of the indices' kind.

    Args:
        indptr: Where each target's edges begin and end, [N + 1].
        indices: The source of each edge, [E].
        num_source: S.
    """
    pointer = _pointers(indices, num_source)
    place = pointer[:-1].copy()
    target, position = np.empty_like(indices), np.empty(indices.size, np.int64)
    for row in range(indptr.size - 1):
        for edge in range(indptr[row], indptr[row + 1]):
            at = place[indices[edge]]
            target[at], position[at] = row, edge
            place[indices[edge]] += 1
    return pointer, target, position
