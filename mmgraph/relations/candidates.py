"""The candidates for a query's neighbours, while blocks of scores go by."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmgraph.relations import nearest_kernels as kernels
from mmgraph.relations.products import products
from mmgraph.relations.vector_space import Metric
from mmgraph.worker_threads import run_together, useful_threads

# How many candidates are kept beyond those wanted: enough that hardly a query must be looked at twice.
_MARGIN = 6
# How many scores a second look takes at a time: 64 MB.
_SIFTED = 1 << 24


class Neighbours(NamedTuple):
    """The nearest sources of each query.

    Args:
        source: int64 [Q, k], the nearest first; -1 where there are none left.
        similarity: float64 [Q, k]: the product of the two vectors, or minus their squared distance; minus
            infinity where there are none left.
    """

    source: NDArray[np.int64]
    similarity: NDArray[np.float64]

    @classmethod
    def none(cls, queries: int, k: int) -> Neighbours:
        """Return that nothing is near."""
        return cls(np.full((queries, k), -1, dtype=np.int64), np.full((queries, k), -np.inf))


class Candidates:
    """Keeps the sources of the highest scores for each query, a few more than wanted, and ranks them.

    Args:
        queries: float32 [Q, D].
        sources: float32 [N, D], no two of them equal.
        k: The number of neighbours wanted.
        metric: How near is measured.
        own: The source that each query is itself and must not find, -1 for none, int64 [Q].
    """

    def __init__(
        self,
        queries: NDArray[np.float32],
        sources: NDArray[np.float32],
        k: int,
        metric: Metric,
        own: NDArray[np.int64],
    ) -> None:
        self._k = k
        self._queries, self._sources = np.ascontiguousarray(queries), np.ascontiguousarray(sources)
        self._euclidean = metric == "euclidean"
        self._own = own
        self._lengths = single_lengths(self._sources)
        # By -|a - b|^2 the b rank as by a.b - |b|^2 / 2; unit vectors as by a.b.
        self._halves = np.square(self._lengths) / 2 * np.float32(self._euclidean)
        size = (len(queries), max(min(k + _MARGIN, len(sources)), 1))
        self._best = np.full(size, -np.inf, dtype=np.float32)
        self._kept = np.full(size, -1, dtype=np.int64)
        self._worst = np.full(len(queries), -np.inf, dtype=np.float32)

    def see(
        self, scores: NDArray[np.float32], queries: NDArray[np.int64], sources: NDArray[np.int64]
    ) -> None:
        """Look at the products [B, J] of some queries [B] and some sources [J]."""
        state = self._own, self._worst, self._best, self._kept
        scan = partial(kernels.scan_rows, scores, self._halves[sources], queries, sources, *state)
        together(scan, *scores.shape)

    def see_turned(self, scores: NDArray[np.float32], top: int, left: int) -> None:
        """Look at products [B, J] the other way round, where the queries are the sources.

        Args:
            scores: The products of the sources from ``top`` on and the queries from ``left`` on.
            top: The first source.
            left: The first query.
        """
        halves = self._halves[top : top + len(scores)]
        scan = partial(kernels.scan_columns, scores, halves, top, left, self._worst, self._best, self._kept)
        together(scan, *scores.shape[::-1])

    def ranked(self) -> Neighbours:
        """Return the nearest of the candidates."""
        return self._settle(certain=False)[0]

    def certain(self) -> Neighbours:
        """Return the nearest of all sources, once all have been seen.

        What may have been missed among scores too close to call is looked for again.
        """
        found, floor = self._settle(certain=True)
        again = np.flatnonzero(floor > -np.inf)
        step = max(1, _SIFTED // max(len(self._sources), 1))
        for first in range(0, len(again), step):
            some = again[first : first + step]
            scores = products(self._queries[some], self._sources)
            given = self._queries, self._sources, self._euclidean, scores, self._halves, some
            together(partial(kernels.sift, *given, self._own, floor, *found), *scores.shape)
        return found

    def _settle(self, *, certain: bool) -> tuple[Neighbours, NDArray[np.float64]]:
        found = Neighbours.none(len(self._queries), self._k)
        floor = np.full(len(self._queries), -np.inf)
        given = self._queries, self._sources, self._euclidean, single_lengths(self._queries), self._lengths
        settle = partial(kernels.settle, *given, self._best, self._kept, certain, *found, floor)
        together(settle, len(floor), self._k * self._queries.shape[1])
        return found, floor


def together(kernel: Callable[[int, int], None], rows: int, numbers: int) -> None:
    """Run a kernel on all rows, each of so many numbers, in as many threads as are worth it."""
    threads = min(useful_threads(rows * numbers), max(rows, 1))
    cuts = [rows * part // threads for part in range(threads + 1)]
    run_together([partial(kernel, *ends) for ends in itertools.pairwise(cuts)])


def single_lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the length of each vector, float32 [N]."""
    lengths: NDArray[np.float64] = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    return lengths.astype(np.float32)
