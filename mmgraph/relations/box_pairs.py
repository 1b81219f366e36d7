"""Pairs of boxes within groups: which can overlap, how much they do, and how one lies to the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.relations.spans import Positions, write_out


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes, each in a group.

    Args:
        corners: Least x, least y, largest x, largest y, float64 [N, 4]; a row with a NaN is no box.
        group: Text [N]; a box whose group is "" belongs to none.
    """

    corners: NDArray[np.float64]
    group: NDArray[np.str_]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which boxes are there and have a group, bool [N]."""
        usable: NDArray[np.bool_] = ~np.isnan(self.corners).any(axis=1) & (self.group != "")
        return usable

    def take(self, which: NDArray[np.bool_]) -> Boxes:
        """Return the boxes of a mask; the others are none, so that positions stay what they are."""
        return Boxes(np.where(which[:, None], self.corners, np.nan), self.group)


def candidates(
    source: Boxes, target: Boxes, *, overlapping: bool
) -> tuple[int, Callable[[], tuple[Positions, Positions]]]:
    """Return how many pairs of the same group are worth a look, and a function that gives them.

    Args:
        source: The boxes that edges come from.
        target: The boxes that they go to.
        overlapping: Leave out pairs whose ranges of x do not meet, as far as sorting alone can tell.
    """
    rows, asked = np.flatnonzero(source.usable), np.flatnonzero(target.usable)
    codes = pd.factorize(np.concatenate([source.group[rows], target.group[asked]]))[0].astype(np.int64)
    left, asked_left = source.corners[rows, 0], target.corners[asked, 0]
    # Keys rank the least x within a group, so that one sorted array answers for all groups.
    values = np.unique(np.concatenate([left, asked_left, target.corners[asked, 2]]))
    width = len(values) + 1
    keys = codes[: len(rows)] * width + np.searchsorted(values, left)
    order = np.argsort(keys, kind="stable")
    rows, keys, base = rows[order], keys[order], codes[len(rows) :] * width
    start, stop = np.searchsorted(keys, base), np.searchsorted(keys, base + width)
    if overlapping and len(rows):
        # A box that meets this one begins before it ends, and no earlier than the widest box could.
        widest = _widest(source.corners[rows], keys // width)[np.minimum(start, len(rows) - 1)]
        first = np.searchsorted(values, asked_left - widest)
        start = np.searchsorted(keys, base + first)
        stop = np.searchsorted(keys, base + np.searchsorted(values, target.corners[asked, 2]))

    def pairs() -> tuple[Positions, Positions]:
        position, owner = write_out(start, stop)
        return rows[position], asked[owner]

    return int(np.maximum(stop - start, 0).sum()), pairs


def _widest(corners: NDArray[np.float64], group: Positions) -> NDArray[np.float64]:
    """Return for each box the width of the widest one of its group; groups stand together."""
    first = np.flatnonzero(np.diff(group, prepend=-1))
    widest = np.maximum.reduceat(corners[:, 2] - corners[:, 0], first)
    return np.repeat(widest, np.diff(first, append=len(group)))


def iou_of_pairs(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return intersection over union of boxes given by their corners, float64 [P].

    Example:
        >>> iou_of_pairs(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2]])).round(4).tolist()
        [0.3333]
    """
    sides = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    covered = _size(one).prod(axis=1) + _size(other).prod(axis=1) - shared
    iou: NDArray[np.float64] = shared / covered
    return iou


def describe_pairs(
    source: NDArray[np.float64], target: NDArray[np.float64], iou: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return dx, dy, the logarithms of the ratios of width and height, and the overlap, float32 [P, 5]."""
    apart = (source[:, :2] + source[:, 2:] - target[:, :2] - target[:, 2:]) / 2 / _size(target)
    ratio = np.log(_size(source) / _size(target))
    return np.concatenate([apart, ratio, iou[:, None]], axis=1).astype(np.float32)


def _size(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    return corners[:, 2:] - corners[:, :2]
