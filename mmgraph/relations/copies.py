"""Vectors that are equal to others: a search looks for one of each kind, which stands for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mmgraph.progress import Advance
from mmgraph.relations import nearest_kernels as kernels
from mmgraph.relations.candidates import Neighbours, together
from mmgraph.relations.vector_space import Metric

Search = Callable[[NDArray[np.float32], int, NDArray[np.float32] | None, NDArray[np.int64]], Neighbours]

_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Copies:
    """Which rows are equal to each other.

    Args:
        first: The first row of each of U kinds, ascending, int64 [U].
        kind: The kind of each row, int64 [N].
        pointer: Where the rows of each kind begin and end among ``members``, int64 [U + 1].
        members: The rows by kind, ascending in each, int64 [N].

    Example:
        >>> copies = Copies.among(np.array([[1.0], [2.0], [1.0]], dtype=np.float32))
        >>> copies.first.tolist(), copies.kind.tolist(), copies.members.tolist()
        ([0, 1], [0, 1, 0], [0, 2, 1])
    """

    first: NDArray[np.int64]
    kind: NDArray[np.int64]
    pointer: NDArray[np.int64]
    members: NDArray[np.int64]

    @classmethod
    def among(cls, rows: NDArray[np.float32]) -> Copies | None:
        """Return the copies among rows, float32 [N, D], or nothing where no two are equal."""
        _, first, kind = np.unique(_hashes(rows), return_index=True, return_inverse=True)
        if len(first) == len(rows) or not np.array_equal(rows[first[kind]], rows):
            # Rows that differ and have the same hash: the search takes longer, and finds the same.
            return None
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        kind = rank[kind]
        pointer = np.concatenate([[0], np.cumsum(np.bincount(kind))])
        return cls(first[order], kind, pointer, np.argsort(kind, kind="stable"))


@dataclass(frozen=True, eq=False)
class Distinct:
    """Rows of which no two are equal, and which copies they stand for.

    Args:
        rows: One of each kind, float32 [U, D].
        copies: Who is equal to whom; nothing where all rows differ.
    """

    rows: NDArray[np.float32]
    copies: Copies | None

    @classmethod
    def of(cls, rows: NDArray[np.float32]) -> Distinct:
        """Return what is distinct among rows, float32 [N, D]."""
        copies = Copies.among(rows)
        return cls(rows if copies is None else rows[copies.first], copies)


def _hashes(rows: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return a number for each row that equal rows share and hardly any others, uint64 [N]."""
    factors = np.random.default_rng(0).integers(1, 2**63, size=rows.shape[1], dtype=np.uint64) * 2 + 1
    hashes = np.empty(len(rows), dtype=np.uint64)
    for begin in range(0, len(rows), _BLOCK):
        bits = np.ascontiguousarray(rows[begin : begin + _BLOCK]).view(np.uint32)
        hashes[begin : begin + _BLOCK] = (bits * factors).sum(axis=1, dtype=np.uint64)
    return hashes


def among_distinct(
    search: Search,
    sources: NDArray[np.float32],
    k: int,
    metric: Metric,
    *,
    queries: NDArray[np.float32] | None,
    own: NDArray[np.int64] | None,
    advance: Advance,
    distinct: Distinct | None = None,
) -> Neighbours:
    """Return the k nearest sources of every query, by a search that sees one of each kind alone.

    Args:
        search: Takes distinct sources [U, D], the number of neighbours, queries (nothing for the sources
            themselves) and the source that each query is itself [Q].
        sources: float32 [N, D].
        k: The number of neighbours.
        metric: How near is measured.
        queries: float32 [Q, D]; nothing where every source looks for its neighbours among the others.
        own: The source that each query is itself, -1 for none, int64 [Q]; nothing for none at all.
        advance: Told the number of queries that the search need not see.
        distinct: What is distinct among the sources, for whoever searches them more than once.
    """
    if queries is None:
        own = np.arange(len(sources))
    elif own is None:
        own = np.full(len(queries), -1, dtype=np.int64)
    distinct = distinct or Distinct.of(sources)
    rows, copies = distinct.rows, distinct.copies
    if copies is None:
        return search(sources, k, queries, own)
    if queries is None:
        found = search(rows, k, None, np.arange(len(rows)))
        advance(len(sources) - len(rows))
        return _spread(_with_own_kind(found, rows, metric), copies, k, copies.kind, own)
    # One kind more, as a query may be the only one of its own.
    found = search(rows, k + 1, queries, np.full(len(queries), -1, dtype=np.int64))
    return _spread(found, copies, k, np.arange(len(queries)), own)


def _with_own_kind(found: Neighbours, distinct: NDArray[np.float32], metric: Metric) -> Neighbours:
    """Return the neighbours of distinct rows, and each row among its own, for the sake of its copies."""
    itself = np.zeros(len(distinct))
    if metric == "cosine":
        itself = np.einsum("nd,nd->n", distinct, distinct, dtype=np.float64)
    index = np.column_stack([np.arange(len(distinct)), found.source])
    similarity = np.column_stack([itself, found.similarity])
    order = np.argsort(-similarity, axis=1, kind="stable")
    return Neighbours(np.take_along_axis(index, order, axis=1), np.take_along_axis(similarity, order, axis=1))


def _spread(
    found: Neighbours, copies: Copies, k: int, row: NDArray[np.int64], own: NDArray[np.int64]
) -> Neighbours:
    """Return the k nearest rows of each query, whose nearest kinds stand in a row of ``found``."""
    result = Neighbours.none(len(row), k)
    given = *found, row, copies.pointer, copies.members, own
    together(partial(kernels.spread, *given, *result), len(row), k * k)
    return result
