"""Times as whole numbers in the same order, so that one kernel compares them all, and exactly.

Whole times are compared with a limit that is rounded down to a whole number, others with one that is rounded
down to a float64: neither changes what is later than the limit, however large numbers are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmgraph.errors import ConfigError, GraphError, did_you_mean

Ints = NDArray[np.int64]

_RANGE = np.iinfo(np.int64)
_BEYOND = 2.0**63


def check_strategy(strategy: str, *, times_alone: bool) -> None:
    """Make sure that there is such a way to pick among the edges that are not too late.

    Args:
        strategy: ``uniform`` or ``last``.
        times_alone: Whether times say what may be picked, and nothing else how.

    Raises:
        ConfigError: If there is not.
    """
    known = ["uniform", "last"]
    if strategy not in known:
        raise ConfigError(f"got {strategy!r}", where="temporal_strategy", fix=did_you_mean(strategy, known))
    if strategy == "last" and not times_alone:
        raise ConfigError(
            "'last' takes the latest edges: it needs times, and has no use for weights or replacement",
            where="temporal_strategy",
            fix="Set time_attr alone, or choose 'uniform'.",
        )


@dataclass(frozen=True, eq=False)
class Times:
    """When nodes or edges come into being.

    Args:
        ordered: The times if they are integers, else int64 [N] that compare as they do.
        fractional: Whether they are floating-point numbers.
    """

    ordered: Ints
    fractional: bool

    def __getitem__(self, rows: NDArray[Any]) -> Times:
        """Return the times of some rows."""
        return Times(self.ordered[rows], self.fractional)

    def as_limits(self) -> Limits:
        """Return what is not later than each."""
        return _limits(_swap(self.ordered).view(np.float64) if self.fractional else self.ordered)


@dataclass(frozen=True, eq=False)
class Limits:
    """The latest times that seeds may see, [B], for either kind of times.

    Args:
        whole: Rounded down to whole numbers, int64 [B].
        fractional: Rounded down to float64, whose order these int64 [B] have.
    """

    whole: Ints
    fractional: Ints

    def __getitem__(self, rows: NDArray[Any]) -> Limits:
        """Return the limits of some rows."""
        return Limits(self.whole[rows], self.fractional[rows])

    def of(self, times: Times) -> Ints:
        """Return the limits that such times are compared with."""
        return self.fractional if times.fractional else self.whole


def latest(times: Sequence[Times]) -> Times:
    """Return the latest of several times in each row.

    Args:
        times: One or more, [N] each.

    Example:
        >>> latest([read_times([1, 5], "a"), read_times([2, 3], "b")]).ordered.tolist()
        [2, 5]
    """
    if len({part.fractional for part in times}) > 1:
        times = [part if part.fractional else _as_fractional(part) for part in times]
    ordered = times[0].ordered
    for part in times[1:]:
        ordered = np.maximum(ordered, part.ordered)
    return Times(ordered, times[0].fractional)


def _as_fractional(times: Times) -> Times:
    """Return whole times as the next float64 that is not earlier, so that nothing is seen too early."""
    near = times.ordered.astype(np.float64)
    # What float64 rounds up to 2^63 was below it.
    below = (near < _BEYOND) & (np.where(near < _BEYOND, near, 0).astype(np.int64) < times.ordered)
    return Times(_ordered(np.where(below, np.nextafter(near, np.inf), near)), True)


def read_times(values: Any, where: str) -> Times:
    """Return times in the form in which they are compared.

    Args:
        values: Numbers [N].
        where: What they are, for messages.

    Raises:
        GraphError: If they are no numbers [N], or one is NaN or beyond int64.

    Example:
        >>> times = read_times(torch.tensor([-2.5, -0.0, 0.0, 1e30]), "time")
        >>> [int(number) for number in np.sign(np.diff(times.ordered))]
        [1, 0, 1]
    """
    array = _numbers(values, where)
    return Times(array, False) if array.dtype == np.int64 else Times(_ordered(array), True)


def read_limits(values: Any, where: str) -> Limits:
    """Return the latest times that seeds may see.

    Args:
        values: Numbers [B].
        where: What they are, for messages.

    Raises:
        GraphError: If they are no numbers [B], or one is NaN or beyond int64.

    Example:
        >>> limits = read_limits(torch.tensor([2**60 - 1]), "input_time")
        >>> ordered = read_times(torch.tensor([2.0**60 - 128, 2.0**60], dtype=torch.float64), "time").ordered
        >>> (ordered <= limits.fractional).tolist()
        [True, False]
    """
    return _limits(_numbers(values, where))


def _numbers(values: Any, where: str) -> NDArray[Any]:
    """Return int64 or float64 [N]."""
    array: NDArray[Any] = torch.as_tensor(values).detach().cpu().numpy()
    if array.ndim != 1 or array.dtype.kind not in "iuf" or np.isnan(array).any():
        raise GraphError(
            f"got {array.dtype} of shape {array.shape}; wanted one time a row, none of them NaN",
            where=where,
            fix="Leave out what has no time.",
        )
    if array.dtype == np.uint64 and array.max(initial=0) > _RANGE.max:
        raise GraphError(f"got {array.max()}; wanted numbers below 2^63", where=where, fix="Shift the times.")
    return np.ascontiguousarray(array, np.float64 if array.dtype.kind == "f" else np.int64)


def _limits(array: NDArray[Any]) -> Limits:
    if array.dtype == np.float64:
        inside = np.clip(np.floor(array), -_BEYOND, np.nextafter(_BEYOND, 0)).astype(np.int64)
        return Limits(np.where(array >= _BEYOND, _RANGE.max, inside), _ordered(array))
    near = array.astype(np.float64)
    # What is 2^63 as a float64 was below it.
    above = (near >= _BEYOND) | (np.where(near >= _BEYOND, 0, near).astype(np.int64) > array)
    return Limits(array, _ordered(np.where(above, np.nextafter(near, -np.inf), near)))


def _ordered(array: NDArray[np.float64]) -> Ints:
    """Return int64 that compare as float64 do."""
    # Adding 0 makes 0 of -0, whose bits differ.
    return _swap((array + 0.0).view(np.int64))


def _swap(bits: Ints) -> Ints:
    """The bits of a float64 above 0 ascend with it as those of an integer do; below 0 they descend."""
    result: Ints = bits ^ ((bits >> 63) & np.int64(_RANGE.max))
    return result
