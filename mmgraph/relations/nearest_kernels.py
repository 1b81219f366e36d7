"""The loops of the search for nearest neighbours, compiled at first use and kept on disk.

A kernel works on the rows ``begin`` to ``end`` and writes to these alone: whoever runs which rows, the bits
are the same. Scores are products of single precision and decide who is looked at again; similarities are
computed in double precision, from rows of single precision whose products double precision holds exactly.

Shapes: Q queries, N sources, D width, K candidates, B x J a block of scores.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Sums may be reordered, but infinities mean what they say: they mark what is not there.
_FASTMATH = {"reassoc", "contract", "nsz", "arcp", "afn"}
# So many scores are compared at a time; hardly ever is there one among them worth a closer look.
_RUN = 64
_ERROR = 2.0**-24

_kernel = njit(nogil=True, cache=True, fastmath=_FASTMATH, error_model="numpy")


@_kernel
def _keep(query, source, score, best, candidates):  # type: ignore[no-untyped-def]
    """Put a source among the candidates of a query, from the best score to the worst."""
    place = best.shape[1] - 1
    while place > 0 and best[query, place - 1] < score:
        best[query, place] = best[query, place - 1]
        candidates[query, place] = candidates[query, place - 1]
        place -= 1
    best[query, place] = score
    candidates[query, place] = source


@_kernel
def _any_above(scores, halves, least):  # type: ignore[no-untyped-def]
    found = np.int32(0)
    for j in range(scores.size):
        found |= np.int32(scores[j] - halves[j] > least)
    return found != 0


@_kernel
def _any_above_own(scores, half, worst):  # type: ignore[no-untyped-def]
    found = np.int32(0)
    for j in range(scores.size):
        found |= np.int32(scores[j] - half > worst[j])
    return found != 0


@_kernel
def scan_rows(scores, halves, queries, sources, own, worst, best, candidates, begin, end):  # type: ignore[no-untyped-def]
    """Keep the best of a block of scores [B, J] for the queries of its rows.

    ``halves`` [J] is subtracted; ``worst`` [Q] is the last of the scores that a query has kept.
    """
    for i in range(begin, end):
        query = queries[i]
        least = worst[query]
        for first in range(0, scores.shape[1], _RUN):
            run = scores[i, first : first + _RUN]
            if _any_above(run, halves[first : first + _RUN], least):
                for j in range(first, first + run.size):
                    score = scores[i, j] - halves[j]
                    if score > least and sources[j] != own[query]:
                        _keep(query, sources[j], score, best, candidates)
                        least = best[query, best.shape[1] - 1]
        worst[query] = least


@_kernel
def scan_columns(scores, halves, top, left, worst, best, candidates, begin, end):  # type: ignore[no-untyped-def]
    """Keep the best of a block of scores [B, J] for its columns: each source asks as well.

    The block begins at row ``top`` and column ``left`` of the scores of all with all; ``halves`` [B] is
    subtracted.
    """
    asking = worst[left : left + scores.shape[1]]
    for i in range(scores.shape[0]):
        half = halves[i]
        for first in range(begin, end, _RUN):
            last = min(first + _RUN, end)
            if _any_above_own(scores[i, first:last], half, asking[first:last]):
                for j in range(first, last):
                    score = scores[i, j] - half
                    if score > asking[j]:
                        _keep(left + j, top + i, score, best, candidates)
                        asking[j] = best[left + j, best.shape[1] - 1]


@_kernel
def _similarity(a, b, euclidean):  # type: ignore[no-untyped-def]
    """Return the product of two rows, or minus their squared distance."""
    total = 0.0
    if euclidean:
        for d in range(a.size):
            apart = np.float64(a[d]) - np.float64(b[d])
            total -= apart * apart
    else:
        for d in range(a.size):
            total += np.float64(a[d]) * np.float64(b[d])
    return total


@_kernel
def _rank(query, source, near, index, similarity):  # type: ignore[no-untyped-def]
    """Put a source among the neighbours of a query: the nearest first, of equal ones the lower index."""
    place = index.shape[1] - 1
    if near < similarity[query, place]:
        return
    if near == similarity[query, place] and source > index[query, place]:
        return
    while place > 0 and (
        similarity[query, place - 1] < near
        or (similarity[query, place - 1] == near and index[query, place - 1] > source)
    ):
        similarity[query, place] = similarity[query, place - 1]
        index[query, place] = index[query, place - 1]
        place -= 1
    similarity[query, place] = near
    index[query, place] = source


@_kernel
def _slack(query, lengths_of_queries, lengths, candidates, k, width):  # type: ignore[no-untyped-def]
    """Return by how much scores of a query may be wrong.

    Sums of D rounded products err by about the square root of D roundings (N. J. Higham and T. Mary,
    https://doi.org/10.1137/18M1226312); four times as much is not seen.
    """
    reach = lengths_of_queries[query]
    for c in range(min(k, candidates.shape[1])):
        if candidates[query, c] >= 0:
            reach = max(reach, lengths[candidates[query, c]])
    return 6.0 * np.sqrt(width) * _ERROR * reach * reach


@_kernel
def settle(  # type: ignore[no-untyped-def]
    rows,
    sources,
    euclidean,
    lengths_of_rows,
    lengths,
    best,
    candidates,
    certain,
    index,
    similarity,
    floor,
    begin,
    end,
):
    """Rank the candidates of each query by their similarity.

    If all sources were seen and the result shall be ``certain``, a query that may have neighbours beyond its
    candidates is left out, and ``floor`` [Q] says from which score on sources must be looked at. For any
    other it becomes minus infinity.
    """
    k, width = index.shape[1], candidates.shape[1]
    open_ended = certain and width < sources.shape[0]
    for query in range(begin, end):
        slack = _slack(query, lengths_of_rows, lengths, candidates, k, rows.shape[1])
        # Of fewer than k, all count: what is not there has a score of minus infinity.
        last = best[query, min(k, width) - 1]
        floor[query] = -np.inf
        if open_ended and candidates[query, width - 1] >= 0 and best[query, width - 1] >= last - 2 * slack:
            floor[query] = last - 4 * slack
            continue
        for c in range(width):
            source = candidates[query, c]
            if source < 0 or best[query, c] < last - 2 * slack:
                break
            near = _similarity(rows[query], sources[source], euclidean)
            _rank(query, source, near, index, similarity)


@_kernel
def sift(rows, sources, euclidean, scores, halves, queries, own, floor, index, similarity, begin, end):  # type: ignore[no-untyped-def]
    """Rank all sources whose score [B, N] reaches the floor of the query of its row."""
    for i in range(begin, end):
        query = queries[i]
        for source in range(scores.shape[1]):
            if scores[i, source] - halves[source] >= floor[query] and source != own[query]:
                near = _similarity(rows[query], sources[source], euclidean)
                _rank(query, source, near, index, similarity)


@_kernel
def spread(found, near, group, pointer, members, own, index, similarity, begin, end):  # type: ignore[no-untyped-def]
    """Rank the rows that the neighbours of each query stand for.

    Query q has the neighbours ``found[group[q]]``, nearest first; of neighbour f, these are the rows
    ``members[pointer[f] : pointer[f + 1]]``, ascending.
    """
    k = index.shape[1]
    for query in range(begin, end):
        index[query, :] = -1
        similarity[query, :] = -np.inf
        for c in range(found.shape[1]):
            one, close = found[group[query], c], near[group[query], c]
            if one < 0 or (index[query, k - 1] >= 0 and close < similarity[query, k - 1]):
                break
            for position in range(pointer[one], pointer[one + 1]):
                full = index[query, k - 1] >= 0 and close == similarity[query, k - 1]
                if full and members[position] > index[query, k - 1]:
                    break
                if members[position] != own[query]:
                    _rank(query, members[position], close, index, similarity)


@_kernel
def compare(rows, sources, query, source, euclidean, similarity, begin, end):  # type: ignore[no-untyped-def]
    """Write the similarity of each pair of a row and a source."""
    for pair in range(begin, end):
        similarity[pair] = _similarity(rows[query[pair]], sources[source[pair]], euclidean)
