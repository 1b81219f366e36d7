"""Intervals that stay where a metric can be: no accuracy is above 1, and no error below 0.

A t-interval of a share is as wide above its mean as below, also where 1 is near. Here the interval of a
metric with two ends is that of `Wilson 1927 <https://doi.org/10.1080/01621459.1927.10502953>`_, with the
quantile of the t-distribution and with the number of independent trials that would leave as much doubt about
a share (the effective sample size of survey statistics). Towards a single end it is taken on the logarithm
of the distance from that end (the delta method), and away from it as it is. Differences of two scores are cut
off at what is possible, which changes nothing about whether 0 is among them.
"""

from __future__ import annotations

import math
from dataclasses import replace

from scipy import stats

from mmgraph.evaluation.metric_range import metric_range
from mmgraph.evaluation.statistics import LEVEL, Estimate


def bounded_score(found: Estimate, metric: str, *, tested: int) -> Estimate:
    """Return the mean of a metric with an interval inside its range.

    Args:
        found: The mean with its t-interval.
        metric: The metric.
        tested: How many entities were tested; where all scores are at an end of the range, they say how far
            from it the truth may yet be.

    Example:
        >>> from mmgraph.evaluation.statistics import over_seeds
        >>> found = bounded_score(over_seeds([0.96, 0.97, 0.99, 1.0]), "accuracy", tested=100)
        >>> f"{found.mean:.2f}, {found.low:.2f} to {found.high:.2f}"
        '0.98, 0.93 to 0.99'
    """
    low, high = metric_range(metric)
    if math.isinf(low) and math.isinf(high):
        return found
    quantile = _quantile(found)
    error = (found.high - found.mean) / quantile
    if math.isfinite(low) and math.isfinite(high):
        ends = _wilson((found.mean - low) / (high - low), error / (high - low), quantile, tested)
        return replace(found, low=low + (high - low) * ends[0], high=low + (high - low) * ends[1])
    away = found.mean - low if math.isfinite(low) else high - found.mean
    if away <= 0 or error == 0:
        return found
    factor = math.exp(quantile * error / away)
    if math.isfinite(low):
        return replace(found, low=low + away / factor)
    return replace(found, high=high - away / factor)


def bounded_difference(found: Estimate, metric: str) -> Estimate:
    """Return a difference of two scores with an interval cut off at what is possible.

    Example:
        >>> from mmgraph.evaluation.statistics import over_splits
        >>> bounded_difference(over_splits([0.2, 0.9], 0.5), "accuracy").high
        1.0
    """
    low, high = metric_range(metric)
    return replace(found, low=max(found.low, low - high), high=min(found.high, high - low))


def _quantile(found: Estimate) -> float:
    return float(stats.t.ppf((1 + LEVEL) / 2, found.degrees))


def _wilson(share: float, error: float, quantile: float, tested: int) -> tuple[float, float]:
    """Return the ends of the interval of a share with a standard error, both in the unit interval."""
    inside = share * (1 - share)
    if error == 0 and 0 < share < 1:
        return share, share
    count = inside / error**2 if error > 0 and inside > 0 else float(tested)
    pull = quantile**2 / count
    centre = (share + pull / 2) / (1 + pull)
    reach = math.sqrt(pull * inside + pull**2 / 4) / (1 + pull)
    return min(share, max(0.0, centre - reach)), max(share, min(1.0, centre + reach))
