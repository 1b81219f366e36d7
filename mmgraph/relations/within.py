"""All sources within a distance of each query, exactly, in blocks; of too many, the nearest."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmgraph.progress import Advance
from mmgraph.relations import nearest_kernels as kernels
from mmgraph.relations.candidates import single_lengths, together
from mmgraph.relations.products import products
from mmgraph.relations.vector_space import Metric

_BLOCK = 2048
# How far products of single precision may be off, in square roots of the width; see nearest_kernels.
_ERROR = 6 * 2.0**-24


class Within(NamedTuple):
    """Pairs of a query and a source that is near enough, by query, the nearest source first.

    Args:
        query: int64 [E].
        source: int64 [E].
        similarity: float64 [E]: the product of the two vectors, or minus their squared distance.
        cut: How many pairs were left out as a query had too many.
    """

    query: NDArray[np.int64]
    source: NDArray[np.int64]
    similarity: NDArray[np.float64]
    cut: int


def within(
    sources: NDArray[np.float32],
    least: float,
    metric: Metric,
    *,
    queries: NDArray[np.float32],
    own: NDArray[np.int64],
    most: int,
    advance: Advance | None = None,
) -> Within:
    """Return all sources that are near enough to each query.

    Products of single precision find them; those too close to call are compared in double precision.

    Args:
        sources: From :meth:`VectorSpace.place`, float32 [N, D].
        least: The least similarity: a product, or minus a squared distance.
        metric: How near is measured.
        queries: float32 [Q, D].
        own: The source that each query is itself and must not find, -1 for none, int64 [Q].
        most: How many sources a query keeps: the nearest; of equally near ones, the first.
        advance: Told the number of queries done.

    Example:
        >>> line = np.array([[0.0], [1.0], [3.0]], dtype=np.float32)
        >>> found = within(line, -1.5, "euclidean", queries=line, own=np.arange(3), most=9)
        >>> found.query.tolist(), found.source.tolist()
        ([0, 1], [1, 0])
    """
    advance = advance or Advance()
    euclidean = metric == "euclidean"
    lengths, asking = single_lengths(sources), single_lengths(queries)
    parts = []
    for top in range(0, len(queries), _BLOCK):
        rows = queries[top : top + _BLOCK]
        near = [
            _pairs(rows, sources, left, least, euclidean, asking[top : top + _BLOCK], lengths)
            for left in range(0, len(sources), _BLOCK)
        ]
        query = np.concatenate([one for one, _ in near] or [np.empty(0, np.int64)]) + top
        source = np.concatenate([other for _, other in near] or [np.empty(0, np.int64)])
        apart = source != own[query]
        query, source = query[apart], source[apart]
        similarity = np.empty(len(query))
        given = queries, sources, query, source, euclidean, similarity
        together(partial(kernels.compare, *given), len(query), sources.shape[1])
        enough = similarity >= least
        parts.append(_nearest(query[enough], source[enough], similarity[enough], most))
        advance(len(rows))
    if not parts:
        return Within(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), 0)
    columns = [np.concatenate(column) for column in zip(*(part[:3] for part in parts), strict=True)]
    return Within(columns[0], columns[1], columns[2], sum(part.cut for part in parts))


def _pairs(
    rows: NDArray[np.float32],
    sources: NDArray[np.float32],
    left: int,
    least: float,
    euclidean: bool,
    asking: NDArray[np.float32],
    lengths: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of a block that may be near enough: positions of rows, and sources."""
    columns, long = sources[left : left + _BLOCK], lengths[left : left + _BLOCK]
    scores = products(rows, columns)
    error = _ERROR * math.sqrt(sources.shape[1])
    if euclidean:
        # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b
        scores *= 2
        scores -= np.square(asking)[:, None]
        scores -= np.square(long)
        slack = error * np.square(np.maximum(asking[:, None], long)) * 4
        found = np.nonzero(scores >= least - slack)
    else:
        found = np.nonzero(scores >= least - error)
    return found[0], found[1] + left


def _nearest(
    query: NDArray[np.int64], source: NDArray[np.int64], similarity: NDArray[np.float64], most: int
) -> Within:
    """Return the nearest sources of each query, and how many there were beyond."""
    order = np.lexsort((source, -similarity, query))
    query, source, similarity = query[order], source[order], similarity[order]
    rank = np.arange(len(query)) - np.searchsorted(query, query)
    kept = rank < most
    return Within(query[kept], source[kept], similarity[kept], int((~kept).sum()))
