"""The search for nearest neighbours: exact in blocks, or approximate through faiss.

Both find candidates by single-precision products, a few more than wanted, and then compare those in double
precision. So the result depends neither on how a machine sums in blocks nor on its number of threads, and
vectors that are equal tie exactly; ties go to the lower index.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from mmgraph.progress import Advance

Metric = Literal["cosine", "euclidean"]

_BLOCK = 1024
_MARGIN = 16
_LINKS = 32
_SAMPLE = 256
# How many numbers are compared in double precision at a time: 64 MB.
_COMPARED = 1 << 23
# Single-precision products are off by less than this share of the squared length; closer ones count as ties
# until they are compared in double precision.
_TIE = 2.0**-18
_TINY = 1e-30


def normalise(features: NDArray[np.float32], metric: Metric) -> NDArray[np.float64]:
    """Return vectors whose products rank neighbours, float64 [N, D].

    Args:
        features: float32 [N, D].
        metric: ``cosine`` scales every vector to length 1; ``euclidean`` moves their mean to 0 and scales all
            alike, which changes no ranking and keeps products precise.
    """
    vectors = features.astype(np.float64)
    if metric == "cosine":
        lengths: NDArray[np.float64] = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths > 0, lengths, 1.0)
    vectors -= vectors.mean(axis=0)
    largest = np.linalg.norm(vectors, axis=1).max(initial=0.0)
    return vectors / (largest if largest > 0 else 1.0)


def exact_neighbours(
    vectors: NDArray[np.float64],
    k: int,
    metric: Metric,
    *,
    queries: NDArray[np.int64] | None = None,
    advance: Advance | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the k nearest other rows of every row.

    Args:
        vectors: From :func:`normalise`, float64 [N, D].
        k: The number of neighbours, less than N.
        metric: How near is measured.
        queries: The rows whose neighbours are wanted, int64 [Q]; nothing for all.
        advance: Told the number of rows done.

    Returns:
        Indices int64 [Q, k], nearest first, and similarities float64 [Q, k]: the cosine, or minus the squared
        distance.

    Example:
        >>> line = np.array([[0.0], [1.0], [3.0]], dtype=np.float32)
        >>> exact_neighbours(normalise(line, "euclidean"), 1, "euclidean")[0].ravel().tolist()
        [1, 0, 1]
    """
    single = torch.from_numpy(vectors.astype(np.float32))
    # By -|a - b|^2 the b rank as by a.b - |b|^2 / 2; unit vectors as by a.b.
    halves = single.square().sum(dim=1) / 2 if metric == "euclidean" else single.new_zeros(1)

    def candidates(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        scores = torch.addmm(halves, single[rows], single.T, beta=-1)
        scores[torch.arange(len(rows)), torch.from_numpy(rows)] = -torch.inf
        unit = _TIE * single[rows].square().sum(dim=1, keepdim=True).clamp_min(_TINY)
        return _highest(scores, min(k + _MARGIN, len(single) - 1), unit)

    return _search(vectors, k, metric, candidates, queries=queries, advance=advance)


def _highest(scores: torch.Tensor, count: int, unit: torch.Tensor) -> NDArray[np.int64]:
    """Return the columns of the highest scores of each row; of tying scores, those of the lowest columns.

    Args:
        scores: float32 [B, N].
        count: How many columns to return, at most N - 1.
        unit: Scores that differ by less than this tie, float32 [B, 1].
    """
    values, columns = scores.topk(count + 1)
    columns = columns[:, :count]
    tied = values[:, count - 1] - values[:, count] < unit[:, 0]
    if tied.any():
        some = (scores[tied] / unit[tied]).round()
        last = (values[tied, count - 1 : count] / unit[tied]).round()
        above, equal = some > last, some == last
        room = count - above.sum(dim=1, keepdim=True)
        chosen = above | (equal & (equal.cumsum(dim=1) <= room))
        columns[tied] = chosen.nonzero()[:, 1].view(-1, count)
    result: NDArray[np.int64] = columns.numpy()
    return result


class ApproximateNeighbours:
    """An index for the approximate search: faiss's HNSW, built and searched on one thread to be reproducible.

    Yu. A. Malkov and D. A. Yashunin, "Efficient and robust approximate nearest neighbor search using
    Hierarchical Navigable Small World graphs", https://arxiv.org/abs/1603.09320

    Args:
        vectors: From :func:`normalise`, float64 [N, D].
        metric: How near is measured.
        advance: Told the number of rows in the index.
    """

    def __init__(self, vectors: NDArray[np.float64], metric: Metric, *, advance: Advance) -> None:
        self._vectors = vectors
        self._metric = metric
        self._single = vectors.astype(np.float32)
        with _one_thread() as faiss:
            # Among unit vectors the distance ranks as the cosine does, so that one index serves both.
            self._index = faiss.IndexHNSWFlat(vectors.shape[1], _LINKS)
            for start in range(0, len(vectors), _BLOCK):
                block = self._single[start : start + _BLOCK]
                self._index.add(block)
                advance(len(block))

    def search(
        self, k: int, *, ef_search: int, advance: Advance
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return about the k nearest other rows of every row, as :func:`exact_neighbours` does.

        Args:
            k: The number of neighbours, less than N.
            ef_search: How many rows a search keeps in view; more is slower and finds more.
            advance: Told the number of rows done.

        Returns:
            As :func:`exact_neighbours`; an index of -1 with a similarity of minus infinity was not found.
        """
        wanted = min(k + _MARGIN + 1, len(self._vectors))
        self._index.hnsw.efSearch = max(ef_search, 2 * wanted)

        def candidates(rows: NDArray[np.int64]) -> NDArray[np.int64]:
            found: NDArray[np.int64] = self._index.search(self._single[rows], wanted)[1]
            return np.where(found == rows[:, None], -1, found)

        with _one_thread():
            return _search(self._vectors, k, self._metric, candidates, advance=advance)

    def recall(self, k: int, similarity: NDArray[np.float64]) -> float:
        """Return the share of true neighbours that a search found, measured on a sample.

        Args:
            k: The number of neighbours.
            similarity: What :meth:`search` returned, float64 [N, k].
        """
        size = len(self._vectors)
        sample = np.unique(np.linspace(0, size - 1, min(_SAMPLE, size)).astype(np.int64))
        _, true = exact_neighbours(self._vectors, k, self._metric, queries=sample)
        # One that is as near as the k-th is as good as it.
        return float((similarity[sample] >= true[:, -1:]).mean())


@contextlib.contextmanager
def _one_thread() -> Iterator[Any]:
    """Yield faiss, with one thread while the block runs."""
    with warnings.catch_warnings():
        # faiss's bindings are made by a SWIG that newer Pythons warn about.
        warnings.simplefilter("ignore", DeprecationWarning)
        import faiss
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield faiss
    finally:
        faiss.omp_set_num_threads(threads)


def _search(
    vectors: NDArray[np.float64],
    k: int,
    metric: Metric,
    candidates: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    *,
    queries: NDArray[np.int64] | None = None,
    advance: Advance | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the best k of the candidates of every query, compared in double precision."""
    rows = np.arange(len(vectors)) if queries is None else queries
    index = np.empty((len(rows), k), dtype=np.int64)
    similarity = np.empty((len(rows), k))
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        # In the order of the columns, so that a stable sort leaves ties to the lower one.
        found = np.sort(candidates(block), axis=1)
        step = max(1, _COMPARED // (found.shape[1] * vectors.shape[1]))
        for first in range(0, len(block), step):
            part = slice(start + first, start + min(first + step, len(block)))
            some = found[first : first + step]
            near = _similarity(vectors[rows[part]], vectors[some], metric)
            near[some < 0] = -np.inf
            order = np.argsort(-near, axis=1, kind="stable")[:, :k]
            index[part] = np.take_along_axis(some, order, axis=1)
            similarity[part] = np.take_along_axis(near, order, axis=1)
        if advance is not None:
            advance(len(block))
    return index, similarity


def _similarity(one: NDArray[np.float64], many: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    """Return how near each row is to its own candidates: [B, D] and [B, C, D] give [B, C]."""
    if metric == "cosine":
        result: NDArray[np.float64] = np.einsum("bd,bcd->bc", one, many)
        return result
    apart = many - one[:, None, :]
    distance: NDArray[np.float64] = np.einsum("bcd,bcd->bc", apart, apart)
    return -distance
