"""Edge sets: merged and sorted, reversed, and in compressed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.errors import GraphError
from mmgraph.graph.edge_order import edge_order, order_by
from mmgraph.graph.relation import Edges
from mmgraph.graph.transpose import BySource, transpose

Compressed = tuple[NDArray[Any], NDArray[Any]]
"""``indptr`` [N + 1] and ``indices`` [E], of 32 or 64 bits."""

Ends = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Sources and targets, [E] each."""


def attr_scale(attr: NDArray[np.float32] | None) -> tuple[tuple[float, float], ...]:
    """Return the mean and the standard deviation of each edge feature.

    Args:
        attr: float32 [E, F], or nothing.

    Example:
        >>> attr_scale(np.array([[1.0, 5.0], [3.0, 5.0]], dtype=np.float32))
        ((2.0, 1.0), (5.0, 0.0))
    """
    if attr is None or not len(attr):
        return ()
    wide = attr.astype(np.float64)
    return tuple(zip(wide.mean(0).tolist(), wide.std(0).tolist(), strict=True))


class StoredEdges:
    """Edges as a graph holds them: sorted by (target, source), those of one pair by time.

    Args:
        index: int64 [2, E]; nothing if they are given in compressed form.
        weight: float32 [E], or nothing.
        attr: float32 [E, F], or nothing.
        time: int64 [E], or nothing.
        compressed: ``indptr`` and ``indices`` as :func:`compress` returns them, instead of ``index``. They
            may be mapped into memory: ``index`` is made of them at its first use alone.
        by_source: Returns the edges turned round, where a folder holds them like that.
        ends: Sources and targets, int64 [E] each, instead of both.
    """

    def __init__(
        self,
        index: NDArray[np.int64] | None,
        weight: NDArray[np.float32] | None = None,
        attr: NDArray[np.float32] | None = None,
        time: NDArray[np.int64] | None = None,
        *,
        compressed: Compressed | None = None,
        by_source: Callable[[], BySource] | None = None,
        ends: Ends | None = None,
    ) -> None:
        assert sum(form is not None for form in (index, compressed, ends)) == 1, "one form of the three"
        self._index, self._compressed, self._ends = index, compressed, ends
        self._by_source = by_source
        self.weight, self.attr, self.time = weight, attr, time

    @classmethod
    def of(cls, edges: Edges) -> StoredEdges:
        """Return edges, sorted already, in the form that a graph holds."""
        return cls(None, edges.weight, edges.attr, edges.time, ends=(edges.source, edges.target))

    @property
    def index(self) -> NDArray[np.int64]:
        """The ends of the edges, int64 [2, E]."""
        if self._ends is not None:
            self._index, self._ends = np.stack(self._ends), None
        elif self._index is None:
            assert self._compressed is not None
            self._index = decompress(*self._compressed)
        return self._index

    @property
    def num_edges(self) -> int:
        """The number of edges."""
        if self._compressed is not None:
            return len(self._compressed[1])
        return len(self._parts()[0])

    def compressed(self, num_targets: int) -> Compressed:
        """Return ``indptr`` [N + 1] and ``indices`` [E], as they are if the edges were given like that."""
        return self._compressed or compress(*self._parts(), num_targets)

    def by_source(self, num_sources: int, num_targets: int, *, positions: bool = False) -> BySource:
        """Return the edges source after source: mapped from where a folder holds them, else made.

        Args:
            num_sources: The number of source nodes.
            num_targets: The number of target nodes.
            positions: Whether to return where each edge stands among those by target.
        """
        if self._by_source is not None:
            found = self._by_source()
            if found.position is not None or not positions:
                return found
        return transpose(*self.compressed(num_targets), num_sources, positions=positions)

    def edges(self, attr_names: tuple[str, ...] = ()) -> Edges:
        """Return the edges as a builder gives them, sorted; what has to be made for that is not kept."""
        return Edges(*self._parts(), self.weight, self.attr, attr_names, self.time)

    def _parts(self) -> Ends:
        """Return sources and targets; what has to be made for that is not kept."""
        if self._ends is not None:
            return self._ends
        if self._index is None:
            assert self._compressed is not None
            source, target = decompress(*self._compressed)
            return source, target
        return self._index[0], self._index[1]

    def reversed(self) -> StoredEdges:
        """Return the edges the other way round, sorted again.

        Example:
            >>> StoredEdges(np.array([[2, 0, 1], [0, 1, 1]])).reversed().index.tolist()
            [[1, 1, 0], [0, 1, 2]]
        """
        if self._by_source is not None:
            indptr, indices, position = self._by_source()
            # Positions are there where edges carry something.
            carried = () if position is None else self.carried(position)
            return StoredEdges(None, *carried, compressed=(indptr, indices))
        # The edges are sorted by their targets, so a stable sort by source leaves those sorted within it.
        return self.ordered(self.index[::-1], order_by(self.index[0], int(self.index[0].max(initial=-1)) + 1))

    def ordered(self, index: NDArray[np.int64], order: NDArray[Any]) -> StoredEdges:
        """Return other ends in a new order, with what these edges carry.

        Args:
            index: The new ends, in the present order, int64 [2, E].
            order: For each new position the present one, [E].
        """
        return StoredEdges(index[:, order], *self.carried(order))

    def carried(self, order: NDArray[Any]) -> tuple[NDArray[Any] | None, ...]:
        """Return weights, edge features and times in a new order, each where there are some."""
        return tuple(None if part is None else part[order] for part in (self.weight, self.attr, self.time))


def merge(edges: Edges, num_sources: int, *, mean: bool = False, where: str = "edges") -> Edges:
    """Return the edges sorted by (target, source, time), with duplicates merged.

    A duplicate is an edge between the same nodes at the same time. The weight of a pair is the sum of its
    weights, and its edge features are their means, to the bit whatever the order of the duplicates.

    Args:
        edges: The edges of a builder.
        num_sources: The number of source nodes.
        mean: Let the weight be the mean instead.
        where: The relation, for messages.

    Raises:
        GraphError: If weights add up to more than fits into float32.

    Example:
        >>> edges = Edges(np.array([0, 2, 0]), np.array([1, 0, 1]), np.array([1.0, 5.0, 2.0], np.float32))
        >>> merged = merge(edges, 3)
        >>> merged.source.tolist(), merged.target.tolist(), merged.weight.tolist()
        ([2, 0], [0, 1], [5.0, 3.0])
    """
    if not _is_sorted(edges):
        edges = edges.take(edge_order(edges.source, edges.target, num_sources, edges.time))
    new = first_of_each(edges)
    if new.all():
        return edges
    weight, attr = edges.weight, edges.attr
    if weight is not None or attr is not None:
        groups = Groups(new)
        if weight is not None:
            weight = groups.mean(weight).astype(np.float32) if mean else groups.added(weight, where=where)
        if attr is not None:
            attr = np.stack([groups.mean(column) for column in attr.T], axis=1).astype(np.float32)
    return replace(edges.take(new), weight=weight, attr=attr)


def first_of_each(edges: Edges) -> NDArray[np.bool_]:
    """Return which edges, sorted by (target, source, time), are no duplicates of the one before, [E]."""
    new = np.ones(len(edges), dtype=bool)
    new[1:] = edges.target[1:] != edges.target[:-1]
    new[1:] |= edges.source[1:] != edges.source[:-1]
    if edges.time is not None:
        new[1:] |= edges.time[1:] != edges.time[:-1]
    return new


def _is_sorted(edges: Edges) -> bool:
    """Return whether edges stand in the order of (target, source, time) already."""
    keys = [edges.target, edges.source] + ([] if edges.time is None else [edges.time])
    same = np.ones(max(len(edges) - 1, 0), dtype=bool)
    for key in keys:
        if (same & (key[1:] < key[:-1])).any():
            return False
        same &= key[1:] == key[:-1]
    return True


class Groups:
    """Runs of duplicates, whose values are summed from the least to the largest.

    Args:
        new: Whether each edge begins a run, bool [E].
    """

    def __init__(self, new: NDArray[np.bool_]) -> None:
        self._first = np.flatnonzero(new)
        self._times = np.diff(self._first, append=len(new))
        self._group = np.cumsum(new)
        self._several = np.flatnonzero(np.repeat(self._times > 1, self._times))

    def sum(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the sum of each run, [G], of values [E]."""
        wide, several = values.astype(np.float64), self._several
        wide[several] = wide[several[np.lexsort((values[several], self._group[several]))]]
        total: NDArray[np.float64] = np.add.reduceat(wide, self._first)
        return total

    def added(self, weight: NDArray[np.float32], *, where: str) -> NDArray[np.float32]:
        """Return the sum of the weights of each run, [G], of weights [E].

        Args:
            weight: The weights.
            where: The relation or the table, for messages.

        Raises:
            GraphError: If a sum does not fit into float32.
        """
        with np.errstate(over="ignore"):
            total = self.sum(weight).astype(np.float32)
        wrong = np.flatnonzero(~np.isfinite(total))
        if len(wrong):
            raise GraphError(
                f"{counted(len(wrong), 'weight')} {agreed(len(wrong), 'is', 'are')} too large for float32; "
                f"the first is the sum of {self._times[wrong[0]]} duplicates",
                where=where,
                fix="Give smaller weights, or each edge once.",
            )
        return total

    def mean(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the mean of each run, [G], of values [E]."""
        return self.sum(values) / self._times


def symmetrise(edges: Edges, num_nodes: int) -> Edges:
    """Return every edge in both directions, sorted as by :func:`merge`.

    A pair that came in both directions counts once, with the mean of the two weights, so that it does not
    matter whether a table lists a border once or twice.

    Args:
        edges: Edges within one node type, merged.
        num_nodes: The number of its nodes.
    """
    twice = np.tile(np.arange(len(edges)), 2)
    both = np.concatenate([edges.source, edges.target]), np.concatenate([edges.target, edges.source])
    return merge(replace(edges.take(twice), source=both[0], target=both[1]), num_nodes, mean=True)


def compress(source: NDArray[np.int64], target: NDArray[np.int64], num_targets: int) -> Compressed:
    """Return sorted edges [E] in compressed-sparse-column form: ``indptr`` [N + 1] and ``indices`` [E].

    The numbers are 32 bits wide where they fit, which halves the files.
    """
    indptr = np.zeros(num_targets + 1, dtype=np.int64)
    np.cumsum(np.bincount(target, minlength=num_targets), out=indptr[1:])
    return _narrow(indptr), _narrow(source)


def decompress(indptr: NDArray[Any], indices: NDArray[Any]) -> NDArray[np.int64]:
    """Return the ``edge_index`` int64 [2, E] of a compressed edge set.

    Example:
        >>> edge_index = np.array([[2, 0, 1], [0, 1, 1]])
        >>> decompress(*compress(*edge_index, 4)).tolist() == edge_index.tolist()
        True
    """
    index = np.empty((2, len(indices)), dtype=np.int64)
    index[0] = indices
    index[1] = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return index


def _narrow(array: NDArray[np.int64]) -> NDArray[Any]:
    fits = array.size == 0 or int(array.max()) <= np.iinfo(np.int32).max
    return array.astype(np.int32 if fits else np.int64)
