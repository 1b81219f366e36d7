"""Who came before whom, within groups: found by sorting, without looking at every pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.relations.spans import Positions, write_out


@dataclass(frozen=True, eq=False)
class Timeline:
    """Points in time, each in a group.

    Args:
        time: float64 [N]; NaN for a point that is at no time.
        group: Text [N]; points of different groups have nothing to do with each other, and one whose group
            is "" belongs to none.
    """

    time: NDArray[np.float64]
    group: NDArray[np.str_]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which points have a time and a group, bool [N]."""
        usable: NDArray[np.bool_] = ~np.isnan(self.time) & (self.group != "")
        return usable

    def take(self, which: NDArray[np.bool_]) -> Timeline:
        """Return the points of a mask; the others are at no time, so that positions stay what they are."""
        return Timeline(np.where(which, self.time, np.nan), self.group)


def earlier(
    source: Timeline, target: Timeline, *, k: int | None = None, window: float | None = None
) -> tuple[Positions, Positions, int]:
    """Return for each target the sources of its group that are earlier.

    Those at the same time are not earlier. Of several at the same time the first ones in order count as
    nearer.

    Args:
        source: The points that may come before.
        target: The points that are asked about.
        k: Take no more than the last k.
        window: Take none that is longer ago than this.

    Returns:
        The positions of source and target of each pair, and how many targets have more than k.

    Example:
        >>> line = Timeline(np.array([3.0, 1.0, 2.0]), np.array(["a", "a", "a"]))
        >>> source, target, _ = earlier(line, line, k=1)
        >>> sorted(zip(source.tolist(), target.tolist()))
        [(1, 2), (2, 0)]
    """
    line = _Line(source, target, window)
    stop = np.searchsorted(line.keys, line.key)
    start = np.searchsorted(line.keys, line.key_of_window)
    beyond = 0
    if k is not None:
        beyond = int((stop - start > k).sum())
        start = np.maximum(start, stop - k)
    position, asked = write_out(start, stop)
    return line.order[position], line.asked[asked], beyond


def later(
    source: Timeline, target: Timeline, *, k: int | None = None, window: float | None = None
) -> tuple[Positions, Positions]:
    """Return for each target the sources that would have it among their :func:`earlier` ones, if it joined.

    Args:
        source: The points that are there.
        target: The points that join, each by itself; of several at the same time it is the last in order.
        k: How many earlier ones a source has at most.
        window: How long ago these may be.

    Returns:
        The positions of source and target of each pair.
    """
    line = _Line(source, target, window)
    start = np.searchsorted(line.keys, line.key, side="right")
    stop = np.searchsorted(line.keys, line.key_of_horizon, side="right")
    if k is not None:
        # Between the one that joins and a later one there may be fewer than k others.
        tie = np.searchsorted(line.keys, line.keys)
        stop = np.minimum(stop, np.searchsorted(tie, np.searchsorted(line.keys, line.key) + k))
    position, asked = write_out(start, stop)
    return line.order[position], line.asked[asked]


class _Line:
    """Sources in order, and where the targets stand among them.

    Attributes:
        order: The usable sources by group and time, int64 [S].
        keys: Their keys, one number each, ascending.
        asked: The usable targets, int64 [T].
        key: Their keys. The keys of times that lie ``window`` before and after follow; without a window,
            those of the beginning and of the end of the group.
    """

    def __init__(self, source: Timeline, target: Timeline, window: float | None) -> None:
        senders, self.asked = np.flatnonzero(source.usable), np.flatnonzero(target.usable)
        codes = pd.factorize(np.concatenate([source.group[senders], target.group[self.asked]]))[0]
        group, asked_group = codes[: len(senders)].astype(np.int64), codes[len(senders) :].astype(np.int64)
        time, asked_time = source.time[senders], target.time[self.asked]
        times = np.unique(np.concatenate([time, asked_time]))
        # A key is a group and the rank of a time, so that one sorted array answers for all groups.
        width = len(times) + 1
        keys = group * width + np.searchsorted(times, time)
        # Of equal times the last in order comes first, as what is near stands at the end.
        order = np.lexsort((-senders, keys))
        self.order, self.keys = senders[order], keys[order]
        base = asked_group * width
        self.key = base + np.searchsorted(times, asked_time)
        if window is None:
            self.key_of_window, self.key_of_horizon = base, base + len(times)
        else:
            self.key_of_window = base + np.searchsorted(times, asked_time - window)
            self.key_of_horizon = base + np.searchsorted(times, asked_time + window, side="right") - 1
