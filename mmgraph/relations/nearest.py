"""The exact search for nearest neighbours, in blocks.

Products of single precision find candidates, a few more than wanted; those are compared in double precision,
and a query that may have neighbours beyond its candidates is looked at again. So the result depends neither
on how a machine sums in blocks nor on its number of threads, and vectors that are equal tie exactly; ties go
to the lower index. Where all look for neighbours among all, each product serves both of its ends.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmgraph.progress import Advance
from mmgraph.relations.candidates import Candidates, Neighbours
from mmgraph.relations.copies import Distinct, among_distinct
from mmgraph.relations.products import products
from mmgraph.relations.vector_space import Metric

_BLOCK = 2048

Blocks: TypeAlias = Callable[..., Neighbours]
"""Takes what :func:`search_blocks` takes."""


def exact_neighbours(
    sources: NDArray[np.float32],
    k: int,
    metric: Metric,
    *,
    queries: NDArray[np.float32] | None = None,
    own: NDArray[np.int64] | None = None,
    advance: Advance | None = None,
    search: Blocks | None = None,
    distinct: Distinct | None = None,
) -> Neighbours:
    """Return the k nearest sources of every query.

    Args:
        sources: From :meth:`VectorSpace.place`, float32 [N, D].
        k: The number of neighbours.
        metric: How near is measured.
        queries: float32 [Q, D]; nothing where every source looks for its neighbours among the others.
        own: The source that each query is itself and must not find, -1 for none, int64 [Q].
        advance: Told the number of queries done.
        search: Searches among distinct sources; by default :func:`search_blocks`.
        distinct: What is distinct among the sources, for whoever searches them more than once.

    Example:
        >>> line = np.array([[0.0], [1.0], [3.0]], dtype=np.float32)
        >>> exact_neighbours(line, 1, "euclidean").source.ravel().tolist()
        [1, 0, 1]
    """
    advance = advance or Advance()
    searched = partial(search or search_blocks, metric=metric, advance=advance)
    return among_distinct(
        searched, sources, k, metric, queries=queries, own=own, advance=advance, distinct=distinct
    )


def search_blocks(
    sources: NDArray[np.float32],
    k: int,
    queries: NDArray[np.float32] | None,
    own: NDArray[np.int64],
    *,
    metric: Metric,
    advance: Advance,
) -> Neighbours:
    """Return the k nearest sources of every query, here.

    Args:
        sources: Distinct vectors, float32 [N, D].
        k: The number of neighbours.
        queries: float32 [Q, D]; nothing where every source looks for its neighbours among the others.
        own: The source that each query is itself, -1 for none, int64 [Q].
        metric: How near is measured.
        advance: Told the number of queries done.
    """
    rows = sources if queries is None else queries
    if not len(sources):
        return Neighbours.none(len(rows), k)
    candidates = Candidates(rows, sources, k, metric, own)
    room = np.empty(min(_BLOCK, len(rows)) * min(_BLOCK, len(sources)), dtype=np.float32)
    for top in range(0, len(rows), _BLOCK):
        some = np.arange(top, min(top + _BLOCK, len(rows)))
        for left in range(top if queries is None else 0, len(sources), _BLOCK):
            others = np.arange(left, min(left + _BLOCK, len(sources)))
            scores = products(rows[top : some[-1] + 1], sources[left : others[-1] + 1], room)
            candidates.see(scores, some, others)
            if queries is None and left > top:
                candidates.see_turned(scores, top, left)
        advance(len(some))
    return candidates.certain()
