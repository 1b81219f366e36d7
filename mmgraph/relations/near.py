"""Which points are near each other, within groups: one search tree for all groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.spatial
from numpy.typing import NDArray

from mmgraph.relations.spans import Positions


@dataclass(frozen=True, eq=False)
class Places:
    """Points in space, each in a group.

    Args:
        point: float64 [N, D]; a row with a NaN is at no place.
        group: Text [N]; points of different groups are not near each other, and one whose group is ""
            belongs to none.
    """

    point: NDArray[np.float64]
    group: NDArray[np.str_]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which points have a place and a group, bool [N]."""
        usable: NDArray[np.bool_] = ~np.isnan(self.point).any(axis=1) & (self.group != "")
        return usable

    def take(self, which: NDArray[np.bool_]) -> Places:
        """Return the points of a mask; the others are at no place, so that positions stay what they are."""
        return Places(np.where(which[:, None], self.point, np.nan), self.group)


@dataclass(frozen=True, eq=False)
class Near:
    """Pairs of points that are near each other.

    Args:
        source: Positions among the points that were searched, int64 [P].
        target: Positions among those that were asked about, int64 [P].
        distance: float64 [P].
    """

    source: Positions
    target: Positions
    distance: NDArray[np.float64]

    def take(self, which: NDArray[np.bool_]) -> Near:
        """Return some of the pairs."""
        return Near(self.source[which], self.target[which], self.distance[which])


class Search:
    """A search among points. Groups are set apart by one more dimension, in steps wider than all of space.

    Args:
        places: The points that can be found.
        asked: The points that will be asked about.
    """

    def __init__(self, places: Places, asked: Places) -> None:
        self._rows, self._asked = np.flatnonzero(places.usable), np.flatnonzero(asked.usable)
        points = np.concatenate([places.point[self._rows], asked.point[self._asked]])
        groups = np.concatenate([places.group[self._rows], asked.group[self._asked]])
        extent = np.ptp(points, axis=0) if len(points) else np.zeros(points.shape[1])
        self._apart = 2 * float(np.sqrt((extent**2).sum())) + 1
        placed = np.column_stack([points, pd.factorize(groups)[0] * self._apart])
        self._tree = scipy.spatial.cKDTree(placed[: len(self._rows)])
        self._points = placed[len(self._rows) :]

    def nearest(self, k: int, *, radius: float = np.inf, without_self: bool = False) -> Near:
        """Return the k nearest points of each one asked about; of equally near ones any, but always the same.

        Args:
            k: How many; fewer where the group or the radius has fewer.
            radius: The largest distance.
            without_self: Whether the points asked about are those that are searched, and none is to be found
                by itself.
        """
        more = k + int(without_self)
        if not len(self._rows) or not len(self._asked):
            return _nothing()
        # The tree wants less than a bound, and the radius itself is near enough.
        bound = np.nextafter(self._limit(radius), np.inf)
        distance, index = self._tree.query(self._points, k=np.arange(1, more + 1), distance_upper_bound=bound)
        there = index < len(self._rows)
        if without_self:
            itself = there & (self._rows[np.where(there, index, 0)] == self._asked[:, None])
            # Where many are at one place, a point may not be among its own nearest.
            itself[~itself.any(axis=1), -1] = True
            there &= ~itself
        target = np.broadcast_to(self._asked[:, None], index.shape)[there]
        return Near(self._rows[index[there]], target, distance[there])

    def count_within(self, radius: float) -> int:
        """Return how many pairs :meth:`within` gives, without making them."""
        if not len(self._rows) or not len(self._asked):
            return 0
        return int(self._tree.count_neighbors(scipy.spatial.cKDTree(self._points), self._limit(radius)))

    def within(self, radius: float) -> Near:
        """Return all pairs that are no further apart than the radius, a point beside itself included."""
        if not len(self._rows) or not len(self._asked):
            return _nothing()
        other = scipy.spatial.cKDTree(self._points)
        found = self._tree.sparse_distance_matrix(other, self._limit(radius), output_type="ndarray")
        return Near(self._rows[found["i"]], self._asked[found["j"]], found["v"])

    def within_reach(self, reach: NDArray[np.float64]) -> Near:
        """Return all pairs that are no further apart than the reach of the one asked about, float64 [N]."""
        if not len(self._rows) or not len(self._asked):
            return _nothing()
        limits = np.minimum(reach[self._asked], self._apart / 2)
        lists = self._tree.query_ball_point(self._points, limits)
        asked = np.repeat(np.arange(len(lists)), [len(found) for found in lists])
        index = np.array([one for found in lists for one in found], dtype=np.int64)
        apart = self._tree.data[index] - self._points[asked]
        return Near(self._rows[index], self._asked[asked], np.sqrt((apart**2).sum(axis=1)))

    def _limit(self, radius: float) -> float:
        """Return a radius that no other group is within."""
        return min(radius, self._apart / 2)


def _nothing() -> Near:
    return Near(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
