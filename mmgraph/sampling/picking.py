"""Picks edges of each row, compiled at first use.

Shapes: N rows (nodes whose neighbours are wanted), P picks, E edges of the relation.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mmgraph.sampling.random_numbers import unit_of

_kernel = njit(nogil=True, cache=True, error_model="numpy")

# A row of so many edges fits a mask of bits.
_MASKED = 64


@_kernel
def hide(begin, end, indices, keys, hidden_keys, hidden_sources):  # type: ignore[no-untyped-def]
    """Return which edges of each row are hidden: row pointers int64 [N + 1], and the edges, ascending.

    A row of which k edges are hidden ends k edges earlier; its picks are put right by :func:`skip_hidden`.

    Args:
        begin: Where each row's edges begin, int64 [N].
        end: Where they end, int64 [N], changed.
        indices: The source of each edge, [E].
        keys: What each row is looked up by, int64 [N].
        hidden_keys: The rows of hidden edges, ascending, int64 [H].
        hidden_sources: Their sources, ascending within a row, int64 [H].
    """
    pointer, places, count = np.zeros(begin.size + 1, np.int64), np.empty(16, np.int64), 0
    for row in range(begin.size):
        first = np.searchsorted(hidden_keys, keys[row])
        last = first
        while last < hidden_keys.size and hidden_keys[last] == keys[row]:
            last += 1
        if last > first:
            sources = hidden_sources[first:last]
            for edge in range(begin[row], end[row]):
                at = np.searchsorted(sources, indices[edge])
                if at < sources.size and sources[at] == indices[edge]:
                    if count == places.size:
                        places = np.concatenate((places, np.empty_like(places)))
                    places[count] = edge
                    count += 1
            end[row] -= count - pointer[row]
        pointer[row + 1] = count
    return pointer, places[:count]


@_kernel
def skip_hidden(pointer, picks, hidden_pointer, hidden):  # type: ignore[no-untyped-def]
    """Turn picks among the edges of a row that are not hidden into edges, in place.

    Args:
        pointer: Where each row's picks begin and end, int64 [N + 1].
        picks: int64 [P], counted as if no edge were hidden; changed.
        hidden_pointer: Where each row's hidden edges begin and end, int64 [N + 1].
        hidden: The hidden edges, ascending within a row, int64 [H].
    """
    for row in range(pointer.size - 1):
        for at in range(hidden_pointer[row], hidden_pointer[row + 1]):
            for pick in range(pointer[row], pointer[row + 1]):
                if picks[pick] >= hidden[at]:
                    picks[pick] += 1


@_kernel
def weights_of_rows(begin, end, hidden_pointer, hidden, weight, weight_at):  # type: ignore[no-untyped-def]
    """Return the weights of edges that are not hidden, row after row, and where each row begins, int64 [N].

    Args:
        begin: Where each row's edges begin, int64 [N].
        end: Where they end, without those that are hidden, int64 [N].
        hidden_pointer: Where each row's hidden edges begin and end, int64 [N + 1].
        hidden: The hidden edges, ascending within a row, int64 [H].
        weight: Weights, float32 [E].
        weight_at: Where the weight of each edge stands, [E]; empty if they stand in order.
    """
    first = np.zeros(begin.size + 1, np.int64)
    for row in range(begin.size):
        first[row + 1] = first[row] + end[row] - begin[row]
    result = np.empty(first[-1], np.float32)
    for row in range(begin.size):
        edge, at = begin[row], hidden_pointer[row]
        for place in range(first[row], first[row + 1]):
            while at < hidden_pointer[row + 1] and hidden[at] == edge:
                edge, at = edge + 1, at + 1
            result[place] = weight[weight_at[edge]] if weight_at.size else weight[edge]
            edge += 1
    return result, first[:-1]


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
        bit = np.uint64(unit_of(state, count) * (last + 1))
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
        place = begin + np.int64(unit_of(state, count) * (last + 1))
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
                picks[count] = begin[row] + np.int64(unit_of(streams[row], count) * degree)
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
    (Efraimidis, Spirakis: Weighted random sampling with a reservoir, 2006). Each reads all the weights of a
    row.

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
        aim = unit_of(state, count) * so_far
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
        when = -np.log1p(-unit_of(state, place)) / weight[place]
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
