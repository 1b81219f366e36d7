"""The links of one relation as negative sampling reads them: both ways round, and how many a node has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmgraph.graph import Triple
from mmgraph.sampling.adjacency import Adjacency
from mmgraph.sampling.rows import compress, end_at, row_bounds
from mmgraph.sampling.times import Limits, Times

Ints = NDArray[np.int64]
End = Literal["source", "target"]


@dataclass(frozen=True, eq=False)
class LinksInTime:
    """Links in the order of their times, as the nodes at one end see them.

    Args:
        node: The node of each link at this end, earliest link first, [E].
        time: When each link comes into being, ascending, [E].
        indptr: Where the links of each node begin and end in ``own``, [N + 1].
        own: The times of each node's links, ascending, [E].
    """

    node: NDArray[np.integer]
    time: Times
    indptr: NDArray[np.integer]
    own: Times

    def count(self, limits: Limits) -> Ints:
        """Return how many links there are at the time of each limit, int64 [B]."""
        return np.searchsorted(self.time.ordered, limits.of(self.time), side="right")

    def degree(self, nodes: Ints, limits: Limits) -> Ints:
        """Return how many links each node has at the time of its limit, int64 [B]."""
        begin, end = row_bounds(self.indptr, nodes)
        end_at(begin, end, self.own.ordered, limits.of(self.own))
        degree: Ints = end - begin
        return degree


@dataclass(frozen=True, eq=False)
class LinkRelation:
    """The links of one relation; what is worked out from all of them is worked out once.

    Args:
        triple: The edge type.
        by_target: The links, target after target.
    """

    triple: Triple
    by_target: Adjacency

    @property
    def same_type(self) -> bool:
        """Whether source and target are nodes of the same type."""
        return self.triple[0] == self.triple[2]

    @cached_property
    def by_source(self) -> Adjacency:
        """The links, source after source."""
        return self.by_target.by_source()

    @cached_property
    def degree_weights(self) -> Mapping[End, NDArray[np.float64]]:
        """By end, the degrees of nodes to the power of 3/4, summed up, float64 [S] and [N]."""
        ends: dict[End, Adjacency] = {"source": self.by_source, "target": self.by_target}
        return {end: np.cumsum(np.diff(of.indptr).astype(np.float64) ** 0.75) for end, of in ends.items()}

    @cached_property
    def in_time(self) -> Mapping[End, LinksInTime]:
        """By end, the links in the order of their times; the relation has times."""
        by_target = self.by_target
        assert by_target.time is not None, "asked of a relation with times"
        order = np.argsort(by_target.time.ordered, kind="stable")
        time, source = by_target.time[order], by_target.indices[order]
        target = np.repeat(np.arange(by_target.num_target), np.diff(by_target.indptr))[order]
        indptr, within = compress(source, by_target.num_source)
        return {
            "source": LinksInTime(source, time, indptr, time[within]),
            "target": LinksInTime(target, time, by_target.indptr, by_target.time),
        }

    @cached_property
    def full(self) -> Ints:
        """The source nodes that are linked to every target node but themselves, int64 [F], ascending."""
        least = self.by_target.num_target - self.same_type
        indptr, indices = self.by_source.indptr, self.by_source.indices
        found = []
        for node in np.flatnonzero(np.diff(indptr) >= least):
            targets = np.unique(indices[indptr[node] : indptr[node + 1]])
            if targets[targets != node].size >= least if self.same_type else targets.size >= least:
                found.append(node)
        return np.array(found, np.int64)
