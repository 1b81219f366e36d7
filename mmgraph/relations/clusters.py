"""An approximate search for nearest neighbours among many sources, as good as is asked for.

Sources are put into clusters, and a query looks into the nearest few (an inverted file: J. Sivic and A.
Zisserman, "Video Google", https://doi.org/10.1109/ICCV.2003.1238663). Into how many is decided by a sample of
queries whose neighbours are known; what came of it is measured on another sample. All queries that look into
a cluster do so by one product.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mmgraph.evenly import evenly
from mmgraph.progress import Advance
from mmgraph.relations.candidates import Candidates, Neighbours
from mmgraph.relations.copies import among_distinct
from mmgraph.relations.nearest import exact_neighbours
from mmgraph.relations.products import products
from mmgraph.relations.vector_space import Metric

# Clusters for N sources: so many times the square root of N.
_CENTRES = 2
_ROUNDS = 6
# So many rows a cluster are enough to find its centre.
_ROWS_A_CENTRE = 40
_SAMPLE = 256
# A search that looks at more of the sources than this takes as long as the exact one.
_WORTHWHILE = 0.25
# How many queries are dealt out to clusters at a time, to bound memory.
_DEALT = 1 << 17


class ApproximateSearch:
    """Finds about the nearest sources of every query; where that would take as long, the nearest.

    Args:
        metric: How near is measured.
        recall: The share of the nearest neighbours that must be found.
        advance: Told the number of queries done.

    Attributes:
        recall: The share that the search found of a sample's neighbours; 1 where it was exact.
        looked_at: The share of the sources that a query was compared with.
    """

    def __init__(self, metric: Metric, recall: float, *, advance: Advance | None = None) -> None:
        self._metric = metric
        self._wanted = recall
        self._advance = advance or Advance()
        self.recall = 1.0
        self.looked_at = 1.0

    def neighbours(
        self,
        sources: NDArray[np.float32],
        k: int,
        *,
        queries: NDArray[np.float32] | None = None,
        own: NDArray[np.int64] | None = None,
    ) -> Neighbours:
        """Return about the k nearest sources of every query, as :func:`exact_neighbours` does."""
        return among_distinct(
            self._search, sources, k, self._metric, queries=queries, own=own, advance=self._advance
        )

    def _search(
        self,
        sources: NDArray[np.float32],
        k: int,
        queries: NDArray[np.float32] | None,
        own: NDArray[np.int64],
    ) -> Neighbours:
        rows = sources if queries is None else queries
        exact = partial(exact_neighbours, sources, k, self._metric)
        sample = evenly(len(rows), 2 * _SAMPLE)
        true = exact(queries=rows[sample], own=own[sample])
        clusters = Clusters(sources, self._metric)
        looks = clusters.looks_for(self._wanted, rows[sample[::2]], true.source[::2])
        while looks <= _WORTHWHILE * len(clusters):
            found = clusters.search(rows, k, own, looks, self._advance)
            self.recall = _recall(found.similarity[sample[1::2]], true.similarity[1::2])
            self.looked_at = looks / len(clusters)
            if self.recall >= self._wanted:
                return found
            looks *= 2
        self.recall, self.looked_at = 1.0, 1.0
        return exact(queries=queries, own=None if queries is None else own, advance=self._advance)


class Clusters:
    """Sources by the centre that is nearest to each.

    Args:
        sources: float32 [N, D], no two of them equal.
        metric: How near is measured.
    """

    def __init__(self, sources: NDArray[np.float32], metric: Metric) -> None:
        self._metric = metric
        self._sources = sources
        self._centres = centres(sources, max(1, round(_CENTRES * math.sqrt(len(sources)))), metric)
        self._cluster = exact_neighbours(self._centres, 1, metric, queries=sources).source[:, 0]
        self._members = np.argsort(self._cluster, kind="stable")
        sizes = np.bincount(self._cluster, minlength=len(self._centres))
        self._pointer = np.concatenate([[0], np.cumsum(sizes)])
        self._sorted = sources[self._members]

    def __len__(self) -> int:
        return len(self._centres)

    def looks_for(self, recall: float, queries: NDArray[np.float32], true: NDArray[np.int64]) -> int:
        """Return how many clusters a query must look into to find a share of its neighbours.

        Args:
            recall: The share.
            queries: float32 [Q, D].
            true: Their neighbours, int64 [Q, k], -1 where there are none left.
        """
        scores = products(queries, self._centres)
        if self._metric == "euclidean":
            scores -= np.square(self._centres).sum(axis=1) / 2
        here = np.take_along_axis(scores, self._cluster[true], axis=1)
        rank = np.stack([(scores > column[:, None]).sum(axis=1) for column in here.T], axis=1)[true >= 0]
        # A little more than asked for, as another sample may be less lucky.
        wanted = recall + 0.3 * (1 - recall)
        return 1 + int(np.quantile(rank, wanted, method="higher")) if len(rank) else 1

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        own: NDArray[np.int64],
        looks: int,
        advance: Advance,
    ) -> Neighbours:
        """Return the nearest sources of every query in the clusters whose centres are nearest to it."""
        candidates = Candidates(queries, self._sources, k, self._metric, own)
        for first in range(0, len(queries), _DEALT):
            some = queries[first : first + _DEALT]
            chosen = exact_neighbours(self._centres, looks, self._metric, queries=some).source
            order = np.argsort(chosen, axis=None, kind="stable")
            ends = np.searchsorted(chosen.ravel()[order], np.arange(len(self) + 1))
            for cluster in range(len(self)):
                asking = first + order[ends[cluster] : ends[cluster + 1]] // looks
                members = slice(self._pointer[cluster], self._pointer[cluster + 1])
                scores = products(queries[asking], self._sorted[members])
                candidates.see(scores, asking, self._members[members])
            advance(len(some))
        return candidates.ranked()


def centres(rows: NDArray[np.float32], count: int, metric: Metric) -> NDArray[np.float32]:
    """Return the centres of about so many clusters of a sample of rows, float32 [C, D], by k-means.

    Args:
        rows: float32 [N, D].
        count: The number of clusters.
        metric: ``cosine`` gives every centre the length 1.
    """
    rng = np.random.default_rng(0)
    sample = rows[np.sort(rng.permutation(len(rows))[: count * _ROWS_A_CENTRE])]
    result = sample[np.sort(rng.permutation(len(sample))[:count])]
    for _ in range(_ROUNDS):
        nearest = exact_neighbours(result, 1, metric, queries=sample).source[:, 0]
        taken, nearest, sizes = np.unique(nearest, return_inverse=True, return_counts=True)
        order = np.argsort(nearest, kind="stable")
        begins = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        mean = np.add.reduceat(sample[order].astype(np.float64), begins, axis=0) / sizes[:, None]
        if metric == "cosine":
            length = np.linalg.norm(mean, axis=1, keepdims=True)
            mean /= np.where(length > 0, length, 1.0)
        result[taken] = mean
    return result


def _recall(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Return the share of true neighbours that were found; one as near as the last is as good as it."""
    there = true > -np.inf
    last = np.where(there, true, np.inf).min(axis=1, keepdims=True)
    return float((found >= last)[there].mean()) if there.any() else 1.0
