"""Intervals and tests for scores that were measured again and again on the same entities.

Scores of repeated random splits are not independent: their training and test entities overlap. So the
variance of their mean is taken as :math:`(1/J + n_{test}/n_{train})` times their variance, and not as
:math:`1/J` times it: the corrected resampled t-test of
`Nadeau and Bengio 2003 <https://doi.org/10.1023/A:1024068626366>`_. Several comparisons share their doubt by
`Holm 1979 <https://www.jstor.org/stable/4615733>`_.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
"""How sure intervals are."""

_ROUNDING = 1e-12


class Part(NamedTuple):
    """One source of doubt about a mean.

    Args:
        variance: The variance of the mean that comes from it.
        degrees: From how many degrees of freedom that is known.
    """

    variance: float
    degrees: float


@dataclass(frozen=True)
class Estimate:
    """A mean, how sure of it one may be, and how it compares with zero.

    Args:
        mean: The mean.
        low: The lower end of its 95% interval.
        high: The upper end.
        p: The two-sided p-value of the mean being zero.
        effect: The mean in standard deviations of single values, each on entities of its own; infinite where
            those do not differ and the mean is not zero.
        degrees: Degrees of freedom of the t-distribution; infinite where there is no doubt.
        by_least: Whether single values differ by less than which entities are tested makes, so that this was
            taken as their standard deviation.
    """

    mean: float
    low: float
    high: float
    p: float
    effect: float
    degrees: float
    by_least: bool = False

    @property
    def turned(self) -> Estimate:
        """The same of the difference the other way round."""
        return replace(self, mean=-self.mean, low=-self.high, high=-self.low, effect=-self.effect)


def spread(values: Sequence[float]) -> float:
    """Return the sample variance; 0 of a single value, and where values differ by rounding alone."""
    if len(values) < 2:
        return 0.0
    variance = float(np.var(values, ddof=1))
    return 0.0 if math.sqrt(variance) <= _ROUNDING * max(1.0, float(np.max(np.abs(values)))) else variance


def over_splits(values: Sequence[float], overlap: float, *, least: float = 0.0) -> Estimate:
    """Return the mean of what J random splits gave: scores, or paired differences of two models.

    Args:
        values: One for each split, at least two.
        overlap: The number of test entities divided by that of training entities.
        least: What the variance of one split is at the least, as which entities it tests is a part: few
            splits may agree by chance, in a metric of few values even exactly.

    Example:
        >>> found = over_splits([0.02, 0.04, 0.03, 0.05], 0.25)
        >>> f"{found.mean:.3f}, {found.low:.3f} to {found.high:.3f}, p {found.p:.3f}"
        '0.035, 0.006 to 0.064, p 0.031'
    """
    assert len(values) > 1
    variance = max(found := spread(values), least)
    part = Part((1 / len(values) + overlap) * variance, len(values) - 1)
    mean = estimate(float(np.mean(values)), [part], math.sqrt(variance))
    return replace(mean, by_least=least > found)


def over_seeds(values: Sequence[float], *, drawn: Part | None = None) -> Estimate:
    """Return the mean score of several trainings on one split.

    Args:
        values: One for each seed; a single one of a model that has no seed.
        drawn: The doubt that comes from which entities are tested, where it is known.
    """
    variance = spread(values)
    own = Part(variance / len(values), len(values) - 1)
    return _on_one_split(float(np.mean(values)), [own], variance, drawn)


def between_seeds(first: Sequence[float], second: Sequence[float], *, drawn: Part | None = None) -> Estimate:
    """Return the difference of the mean scores of two models on one split (Welch's t-test).

    Seeds are not paired: the same number gives two models weights that have nothing to do with each other.

    Args:
        first: One score for each seed of the first model; a single one if it has no seed.
        second: Those of the second model.
        drawn: The doubt that comes from which entities are tested, where it is known.

    Example:
        >>> found = between_seeds([0.90, 0.92, 0.91], [0.88, 0.89, 0.87])
        >>> f"{found.mean:.3f}, {found.low:.3f} to {found.high:.3f}, p {found.p:.3f}"
        '0.030, 0.007 to 0.053, p 0.021'
    """
    variances = spread(first), spread(second)
    parts = [
        Part(variance / len(values), len(values) - 1)
        for variance, values in zip(variances, (first, second), strict=True)
    ]
    scales = [v for v, values in zip(variances, (first, second), strict=True) if len(values) > 1]
    pooled = sum(scales) / len(scales) if scales else 0.0
    return _on_one_split(float(np.mean(first) - np.mean(second)), parts, pooled, drawn)


def _on_one_split(mean: float, parts: list[Part], variance: float, drawn: Part | None) -> Estimate:
    """Return the mean of trainings on one split.

    Args:
        mean: The mean.
        parts: The doubt that comes from training.
        variance: Of single trainings.
        drawn: The doubt that comes from which entities are tested.
    """
    if drawn is None:
        return estimate(mean, parts, math.sqrt(variance))
    return estimate(mean, [*parts, drawn], math.sqrt(variance + drawn.variance))


def estimate(mean: float, parts: Sequence[Part], scale: float) -> Estimate:
    """Return a mean with the interval that several sources of doubt leave, added up.

    Degrees of freedom are those of Welch and Satterthwaite.

    Args:
        mean: The mean.
        parts: The sources; those without variance count for nothing.
        scale: The standard deviation of single values.
    """
    doubtful = [part for part in parts if part.variance > 0]
    variance = sum(part.variance for part in doubtful)
    near = abs(mean) <= _ROUNDING
    effect = mean / scale if scale > 0 else 0.0 if near else math.copysign(math.inf, mean)
    if not doubtful:
        return Estimate(mean, mean, mean, 1.0 if near else 0.0, effect, math.inf)
    degrees = variance**2 / sum(part.variance**2 / part.degrees for part in doubtful)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, degrees)) * math.sqrt(variance)
    p = 2 * float(stats.t.sf(abs(mean) / math.sqrt(variance), degrees))
    return Estimate(mean, mean - reach, mean + reach, p, effect, degrees)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of several comparisons so that one level may be held against each of them.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    count, adjusted, largest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, position in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (count - rank) * p_values[position]))
        adjusted[position] = largest
    return adjusted
