"""Shift and scale the columns of descriptions by what the training rows show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_RELATIVE = 1e-7
"""A spread below this share of the mean is rounding: the column is constant."""


@dataclass(frozen=True, eq=False)
class Affine:
    """Column by column, ``(x - shift) * factor``.

    A column that is constant in the training rows becomes zero for every row: nothing is known about what a
    change in it means.

    Args:
        shift: float64 [D].
        factor: float64 [D].

    Example:
        >>> scale = Affine.standardising(np.array([[1.0, 5.0], [3.0, 5.0]]))
        >>> scale(np.array([[1.0, 5.0], [5.0, 9.0]])).tolist()
        [[-1.0, 0.0], [3.0, 0.0]]
    """

    shift: npt.NDArray[np.float64]
    factor: npt.NDArray[np.float64]

    @classmethod
    def standardising(cls, rows: npt.NDArray[Any]) -> Affine:
        """Return what gives every column of ``rows`` [N, D] zero mean and unit variance."""
        mean, spread = _mean_and_spread(rows)
        return cls(mean, _inverse(spread))

    @classmethod
    def balancing(cls, rows: npt.NDArray[Any], widths: Sequence[int]) -> Affine:
        """Return what gives every block of columns a total variance of 1, and every column zero mean.

        The columns of a block keep their proportions: those that hardly vary are not blown up to noise, and a
        wide block does not drown a narrow one.

        Args:
            rows: [N, D].
            widths: The number of columns of each block, from left to right.
        """
        mean, spread = _mean_and_spread(rows)
        blocks = np.repeat(np.arange(len(widths)), widths)
        total = np.sqrt(np.bincount(blocks, weights=spread**2, minlength=len(widths)))
        return cls(mean, _inverse(total)[blocks])

    def __call__(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the rows [M, D], shifted and scaled."""
        scaled: npt.NDArray[np.float64] = rows - self.shift
        scaled *= self.factor
        return scaled


def _mean_and_spread(rows: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each column; the deviation of a constant one is exactly 0."""
    values = rows.astype(np.float64)
    mean = values.mean(axis=0)
    spread = values.std(axis=0)
    return mean, np.where(spread > _RELATIVE * np.abs(mean), spread, 0.0)


def _inverse(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
