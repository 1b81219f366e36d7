"""Edges that are held out: which ones a split takes out of a relation, and how a graph keeps them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.data.partition import divide, divide_times, lots
from mmgraph.data.split_spec import EdgeSplit, TimeEdgeSplit
from mmgraph.data.splits import PARTS, shares_of
from mmgraph.errors import GraphError
from mmgraph.graph.relation import Edges

HELD_OUT = PARTS[1:]
"""The parts that are held out of the graph."""


@dataclass(frozen=True, eq=False)
class HeldOutEdges:
    """The edges of a relation that its message graph does not have, in either direction.

    Args:
        edges: The edges. Of a symmetric relation each pair stands once, the lower node first.
        part: ``validation`` or ``test``, text [H].
    """

    edges: Edges
    part: NDArray[np.str_]

    @property
    def source(self) -> NDArray[np.int64]:
        """Positions of the source nodes, int64 [H]."""
        return self.edges.source

    @property
    def target(self) -> NDArray[np.int64]:
        """Positions of the target nodes, int64 [H]."""
        return self.edges.target

    @property
    def weight(self) -> NDArray[np.float32] | None:
        """The weights, float32 [H], or nothing."""
        return self.edges.weight

    @property
    def attr(self) -> NDArray[np.float32] | None:
        """The edge features, float32 [H, F], or nothing."""
        return self.edges.attr

    @property
    def time(self) -> NDArray[np.int64] | None:
        """The times, int64 [H], or nothing."""
        return self.edges.time

    def of(self, part: str) -> Edges:
        """Return the edges of one part."""
        return self.edges.take(self.part == part)

    def __len__(self) -> int:
        return len(self.part)


def hold_out(
    edges: Edges,
    split: EdgeSplit,
    *,
    ids: tuple[NDArray[np.object_], NDArray[np.object_]],
    homogeneous: bool,
    symmetric: bool,
    where: str,
) -> tuple[Edges, HeldOutEdges]:
    """Return the edges that stay in the graph, and those that a split holds out.

    Edges between two nodes go to one part together, whatever their direction: with one of them in the graph,
    the other would be no secret. Only by time an earlier one may stay. Which part that is depends on ids,
    times and the seed, never on the order of rows.

    Args:
        edges: All edges of the relation.
        split: The split.
        ids: The ids of the source nodes and of the target nodes.
        homogeneous: Whether these are the same nodes.
        symmetric: Whether every edge is there in both directions.
        where: The place of the split, e.g. ``dataset.yaml: splits.by_edge``.

    Raises:
        GraphError: If edges have no times to split by, or a part would hold no edge.
    """
    if isinstance(split, TimeEdgeSplit):
        parts = _by_time(edges, split, where)
    else:
        low, high = pair_ends(edges, homogeneous=homogeneous)
        width = int(high.max(initial=0)) + 1
        pairs, pair = np.unique(low * width + high, return_inverse=True)
        lot = _pair_lots(ids, np.divmod(pairs, width), split.seed)
        parts = divide(np.zeros(len(pairs), dtype=np.int64), lot, shares_of(split.fractions))[pair]
    counts = np.bincount(parts, minlength=len(PARTS))
    empty = [part for part, count in zip(PARTS, counts, strict=True) if not count]
    if empty:
        raise GraphError(
            f"no edge is in {' or in '.join(empty)} ({counted(len(edges), 'edge')} in all); wanted at least "
            "one in each part",
            where=where,
            fix=f"Raise the fraction of {empty[0]!r}, or split a relation that has more edges.",
        )
    kept = parts > 0
    if symmetric:
        kept &= edges.source <= edges.target
    held_out = HeldOutEdges(edges.take(kept), np.array(PARTS, dtype="<U10")[parts[kept]])
    return edges.take(parts == 0), held_out


def _by_time(edges: Edges, split: TimeEdgeSplit, where: str) -> NDArray[np.int64]:
    if edges.time is None:
        raise GraphError(
            f"the edges of {split.relation!r} have no times",
            where=where,
            fix="Give the relation a time_column, or split by kind: edges.",
        )
    parts = divide_times(edges.time.astype(np.float64), shares_of(split.fractions))
    if parts is None:
        raise GraphError(
            f"the edges of {split.relation!r} have {counted(len(np.unique(edges.time)), 'different time')}; "
            "wanted at least 3, because edges of one time stay together",
            where=where,
            fix="Take a finer column, or split by kind: edges.",
        )
    return parts


def pair_ends(edges: Edges, *, homogeneous: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return both ends of each edge, in an order that does not know the direction among like nodes."""
    if not homogeneous:
        return edges.source, edges.target
    return np.minimum(edges.source, edges.target), np.maximum(edges.source, edges.target)


def _pair_lots(
    ids: tuple[NDArray[np.object_], NDArray[np.object_]],
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
    seed: int,
) -> NDArray[np.uint64]:
    """Return a random number for each pair, [P], that depends on both ids and the seed alone."""
    one, other = (lots(names, seed)[ends] for names, ends in zip(ids, pairs, strict=True))
    low, high = np.minimum(one, other), np.maximum(one, other)
    return _mixed(_mixed(low) + high)


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers that look random, one for one: the finaliser of SplitMix64.

    G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators",
    https://doi.org/10.1145/2660193.2660195
    """
    with np.errstate(over="ignore"):
        mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return result
