"""Dividing things into parts by fractions: at random, by strata, by groups, by time.

Chance comes from a keyed hash of each thing's name, never from its position: the same names and seed give the
same parts in whatever order the names come, and on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Shares = Sequence[float]
"""The fraction of each part, P of them, that add up to 1."""


def lots(names: npt.NDArray[np.object_], seed: int) -> npt.NDArray[np.uint64]:
    """Return a random number for each name, [N], that depends on the name and the seed alone.

    Args:
        names: Text, [N].
        seed: Other seeds give other numbers.

    Example:
        >>> a, b = lots(np.array(["x", "y"], dtype=object), seed=0)
        >>> (b, a) == tuple(lots(np.array(["y", "x"], dtype=object), seed=0))
        True
    """
    key = hashlib.blake2b(f"mmgraph split {seed}".encode(), digest_size=8).hexdigest()
    return np.asarray(pd.util.hash_array(names, hash_key=key, categorize=False), dtype=np.uint64)


def quotas(count: int, shares: Shares) -> Ints:
    """Return how many of ``count`` things each part gets, [P], by the largest remainder.

    Example:
        >>> quotas(10, [0.55, 0.25, 0.2]).tolist()
        [6, 2, 2]
    """
    exact = count * np.asarray(shares)
    whole: Ints = np.floor(exact).astype(np.int64)
    left = count - int(whole.sum())
    largest = np.argsort(-(exact - whole), kind="stable")[:left]
    whole[largest] += 1
    return whole


def divide(strata: Ints, lot: npt.NDArray[np.uint64], shares: Shares) -> Ints:
    """Return the part of each thing, [N], so that each stratum is divided by the same fractions.

    The parts as a whole have exactly their quotas; a stratum's share of a part is off by less than two.

    Args:
        strata: The stratum of each thing, 0 to S - 1, [N].
        lot: The lot of each thing, [N].
        shares: The fraction of each part.
    """
    parts = _deal(strata, lot, shares)
    left = np.flatnonzero(parts < 0)
    dealt = np.bincount(parts[parts >= 0], minlength=len(shares))
    free = (quotas(len(parts), shares) - dealt).tolist()
    exact = np.outer(np.bincount(strata), shares)
    owed = (exact % 1).round(6).tolist()
    for thing in left[np.argsort(lot[left], kind="stable")]:
        wish = owed[strata[thing]]
        open_parts = [part for part in range(len(shares)) if free[part]]
        # Strata that owe two parts the same fill the one with more room, so that both fill evenly.
        part = max(open_parts, key=lambda p: (wish[p], free[p]))
        parts[thing] = part
        free[part] -= 1
        wish[part] -= 1
    return parts


def divide_groups(groups: Ints, classes: Ints, lot: npt.NDArray[np.uint64], shares: Shares) -> Ints:
    """Return the part of each group, [G], so that the things in them come near the fractions.

    It goes from the largest groups to the smallest. Groups of the same make-up are dealt out in proportion to
    what the parts still lack; what whole numbers leave over is placed one by one where it brings sizes and
    classes nearest to their targets, by the chi-square distance. With one class, no part is larger than its
    target by more than the largest group.

    Args:
        groups: The group of each thing, 0 to G - 1, [N].
        classes: The class of each thing, 0 to K - 1, [N]; classes keep their shares as far as groups allow.
        lot: The lot of each group, [G].
        shares: The fraction of each part.
    """
    makeup = _Makeup(groups, classes)
    kind = makeup.strata()
    order = np.lexsort((lot, kind, -makeup.size))
    runs = np.split(order, np.flatnonzero(np.diff(kind[order])) + 1)
    parts = np.empty(len(lot), dtype=np.int64)
    lack = _Lack(len(groups), np.bincount(classes), np.asarray(shares))
    for run in runs:
        kinds, counts = makeup.of(run[0])
        dealt = 0
        if len(run) > 1:
            whole = np.floor(len(run) * lack.proportions(kinds, counts)).astype(np.int64)
            dealt = int(whole.sum())
            parts[run[:dealt]] = np.repeat(np.arange(len(shares)), whole)
            lack.take(whole, kinds, counts)
        for group in run[dealt:]:
            part = lack.neediest(kinds, counts)
            parts[group] = part
            lack.take(np.eye(len(shares), dtype=np.int64)[part], kinds, counts)
    return parts


def divide_times(times: npt.NDArray[np.float64], shares: Shares) -> Ints | None:
    """Return the part of each thing, [N], in the order of time; equal times stay together.

    Args:
        times: A point in time for each thing, [N].
        shares: The fraction of each part.

    Returns:
        The parts, or ``None`` if there are fewer different times than parts.
    """
    different, counts = np.unique(times, return_counts=True)
    if len(different) < len(shares):
        return None
    before = np.concatenate([[0], np.cumsum(counts)])
    targets = np.cumsum(quotas(len(times), shares))
    cuts = [0]
    for number, target in enumerate(targets[:-1], start=1):
        # A later part needs a time of its own as well.
        low, high = cuts[-1] + 1, len(different) - (len(shares) - number)
        cuts.append(low + int(np.argmin(np.abs(before[low : high + 1] - target))))
    starts = different[cuts[1:]]
    return np.searchsorted(starts, times, side="right").astype(np.int64)


def _deal(strata: Ints, lot: npt.NDArray[np.uint64], shares: Shares) -> Ints:
    """Return the part of each thing, [N], where whole numbers allow it; -1 for what is left of a stratum."""
    size = np.bincount(strata)
    whole = np.floor(np.outer(size, shares)).astype(np.int64)
    order = np.lexsort((lot, strata))
    position = np.arange(len(strata)) - (np.cumsum(size) - size)[strata[order]]
    parts = np.full(len(strata), -1)
    ends = np.cumsum(whole, axis=1)[strata[order]]
    part = (position[:, None] >= ends).sum(axis=1)
    parts[order] = np.where(part < len(shares), part, -1)
    return parts


class _Lack:
    """What the parts still lack of their targets, in all and of each class."""

    def __init__(self, count: int, class_counts: Ints, shares: npt.NDArray[np.float64]) -> None:
        self._target, self._class_target = shares * count, np.outer(shares, class_counts)
        self._total, self._classes = self._target.copy(), self._class_target.copy()

    def proportions(self, kinds: Ints, counts: Ints) -> npt.NDArray[np.float64]:
        """Return how to deal out groups that hold ``counts`` things of the classes ``kinds``, [P]."""
        lack = np.clip(self._classes[:, kinds], 0, None)
        return np.asarray((lack / lack.sum(axis=0)) @ (counts / counts.sum()), dtype=np.float64)

    def neediest(self, kinds: Ints, counts: Ints) -> int:
        """Return the part where one such group brings the parts nearest to their targets."""
        size = counts.sum()
        cost = size * (size - 2 * self._total) / self._target
        cost += (counts * (counts - 2 * self._classes[:, kinds]) / self._class_target[:, kinds]).sum(axis=1)
        return int(np.argmin(cost))

    def take(self, groups: Ints, kinds: Ints, counts: Ints) -> None:
        """Note that each part got as many such groups, [P]."""
        self._total -= groups * counts.sum()
        self._classes[:, kinds] -= np.outer(groups, counts)


class _Makeup:
    """How many things of which class each group holds, in compressed-sparse form."""

    def __init__(self, groups: Ints, classes: Ints) -> None:
        self.size = np.bincount(groups)
        width = int(classes.max()) + 1
        pairs, self._counts = np.unique(groups * width + classes, return_counts=True)
        self._classes = pairs % width
        self._start = np.searchsorted(pairs // width, np.arange(len(self.size) + 1))

    def of(self, group: int) -> tuple[Ints, Ints]:
        """Return the classes in a group and the count of each."""
        span = slice(self._start[group], self._start[group + 1])
        return self._classes[span], self._counts[span]

    def strata(self) -> Ints:
        """Return a number for each group, [G]: the same for groups of the same make-up."""
        pairs = self._classes * (int(self.size.max()) + 1) + self._counts
        sums = np.add.reduceat(pd.util.hash_array(pairs.astype(np.uint64)), self._start[:-1])
        return np.unique(sums, return_inverse=True)[1].astype(np.int64)
