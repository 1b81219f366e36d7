"""The exact search for nearest neighbours by others, some queries each, with the same result."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmgraph.elsewhere import PARTS_A_WORKER, Elsewhere
from mmgraph.progress import Advance
from mmgraph.relations.candidates import Neighbours
from mmgraph.relations.nearest import search_blocks
from mmgraph.relations.vector_space import Metric


class _Search(NamedTuple):
    """What all parts of a search have in common."""

    sources: NDArray[np.float32]
    queries: NDArray[np.float32] | None
    own: NDArray[np.int64]
    k: int
    metric: Metric


def search_elsewhere(
    sources: NDArray[np.float32],
    k: int,
    queries: NDArray[np.float32] | None,
    own: NDArray[np.int64],
    *,
    metric: Metric,
    advance: Advance,
    elsewhere: Elsewhere,
) -> Neighbours:
    """Return the k nearest sources of every query, as :func:`~mmgraph.relations.nearest.search_blocks` does.

    Each part compares its queries with all sources: where all look for neighbours among all, no product
    serves both of its ends, so that there is twice as much to compute.

    Args:
        sources: Distinct vectors, float32 [N, D].
        k: The number of neighbours.
        queries: float32 [Q, D]; nothing where every source looks for its neighbours among the others.
        own: The source that each query is itself, -1 for none, int64 [Q].
        metric: How near is measured.
        advance: Told the number of queries done.
        elsewhere: Who searches.
    """
    cuts = np.linspace(0, len(own), PARTS_A_WORKER * elsewhere.number + 1).astype(int).tolist()
    parts = [(start, end) for start, end in itertools.pairwise(cuts) if start < end]
    if not parts:
        return Neighbours.none(len(own), k)
    found = elsewhere.do(
        _search_part,
        _Search(sources, queries, own, k, metric),
        parts,
        lambda part: advance(parts[part][1] - parts[part][0]),
    )
    source, similarity = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return Neighbours(source, similarity)


def _search_part(search: _Search, part: tuple[int, int]) -> Neighbours:
    rows = slice(*part)
    queries = (search.sources if search.queries is None else search.queries)[rows]
    return search_blocks(
        search.sources, search.k, queries, search.own[rows], metric=search.metric, advance=Advance()
    )
