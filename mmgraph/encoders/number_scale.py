"""Numbers of any distribution on a scale that a model can use, fitted on training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Method = Literal["quantile", "log", "standard"]

_MOST_POINTS = 1_000
_GREATEST = np.finfo(np.float64).max
_RELATIVE = 1e-7
"""A spread below this share of the mean is rounding: all training values are equal."""

_FARTHEST = 10.0
"""Standard deviations from the mean that a value is drawn in to: one slip of a key must not rule a model."""


@dataclass(frozen=True)
class NumberScale:
    """A monotone curve, then zero mean and unit variance.

    The curve is the normal score of the value's rank among the training values (``quantile``: population,
    area and the like span many orders of magnitude), ``asinh`` of the value over the median magnitude
    (``log``: logarithmic in both directions, linear around zero), or none (``standard``).

    Args:
        method: The curve.
        points: For ``quantile``, training values, ascending; for ``log``, the median magnitude.
        scores: For ``quantile``, the normal score of each of ``points``.
        mean: Of the curve's values over the training rows.
        spread: Their standard deviation; 0 if they are all equal.
    """

    method: Method
    points: list[float]
    scores: list[float]
    mean: float
    spread: float

    @classmethod
    def fit(cls, values: npt.NDArray[np.float64], *, method: Method) -> NumberScale:
        """Return the scale that suits training values [N], NaN where one is missing."""
        known = values[~np.isnan(values)]
        points, scores = _curve(known, method)
        bent = cls(method, points, scores, 0.0, 1.0)._bend(known) if len(known) else np.zeros(1)
        mean, greatest = float(bent.mean()), float(np.abs(bent).max())
        # Squares of the values themselves could overflow.
        spread = float((bent / greatest).std()) * greatest if greatest else 0.0
        return cls(method, points, scores, mean, spread if spread > _RELATIVE * abs(mean) else 0.0)

    def __call__(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return values [M] on the scale; a missing one becomes 0, which is the mean."""
        if self.spread == 0:
            return np.zeros(len(values))
        # A value that is far beyond the training ones may be infinitely far; it is clipped like any other.
        with np.errstate(over="ignore"):
            scaled = (self._bend(values) - self.mean) / self.spread
        return np.clip(np.nan_to_num(scaled, nan=0.0), -_FARTHEST, _FARTHEST)

    def _bend(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self.method == "quantile":
            bent: npt.NDArray[np.float64] = np.interp(values, self.points, self.scores)
            return bent
        if self.method == "log":
            with np.errstate(over="ignore"):
                magnitudes = values / self.points[0]
            return np.arcsinh(np.clip(magnitudes, -_GREATEST, _GREATEST))
        return values


def _curve(values: npt.NDArray[np.float64], method: Method) -> tuple[list[float], list[float]]:
    """Return the points and scores of the curve that suits training values, none of them missing."""
    if method == "quantile":
        return _normal_scores(values)
    if method == "log":
        magnitudes = np.abs(values[values != 0])
        return [float(np.median(magnitudes)) if len(magnitudes) else 1.0], []
    return [], []


def _normal_scores(values: npt.NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Return different values, ascending, and the normal score of the middle rank of each."""
    different, counts = np.unique(values, return_counts=True)
    middle_rank = np.cumsum(counts) - counts / 2
    if len(different) > _MOST_POINTS:
        few = np.linspace(0, len(different) - 1, _MOST_POINTS).round().astype(np.int64)
        different, middle_rank = different[few], middle_rank[few]
    return different.tolist(), ndtri(middle_rank / len(values)).tolist()
