"""Numbers of a comparison in words: values with their intervals, differences, probabilities, lists."""

from __future__ import annotations

from collections.abc import Sequence

from mmgraph.evaluation.comparison import Comparison, higher_is_better
from mmgraph.evaluation.contrasts import Contrast, interval
from mmgraph.evaluation.metric_groups import spoken
from mmgraph.evaluation.metric_range import metric_range
from mmgraph.evaluation.statistics import Estimate
from mmgraph.readable import interval_text, readable

_WORTH = 0.02
"""What gain is worth having: of a share or R², and of an error as a share of it."""


def listed(names: Sequence[str], word: str) -> str:
    """Return names as a sentence lists them.

    Example:
        >>> listed(["a", "b", "c"], "and")
        'a, b and c'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def in_points(metric: str) -> bool:
    """Return whether a metric is a share, whose differences are told in points of a hundred.

    Example:
        >>> in_points("accuracy"), in_points("mean_absolute_error")
        (True, False)
    """
    return metric_range(metric) == (0.0, 1.0)


def worth(comparison: Comparison, difference: float) -> str:
    """Return a difference of the headline metric in words."""
    if in_points(comparison.headline):
        return f"{100 * difference:.1f} points"
    return readable(difference)


def has_room(comparison: Comparison, contrast: Contrast) -> bool:
    """Return whether the interval of a difference holds a gain that is worth having."""
    metric = comparison.headline
    score = comparison.score(contrast.entry, metric)
    assert score is not None
    worth_having = _WORTH if higher_is_better(metric) else _WORTH * abs(score.mean)
    return contrast.gain.high >= worth_having


def gain_in_words(comparison: Comparison, gain: Estimate) -> str:
    """Return a difference with its interval in words."""
    if in_points(comparison.headline):
        return f"{worth(comparison, gain.mean)} (95% CI {100 * gain.low:.1f} to {100 * gain.high:.1f})"
    return f"{worth(comparison, gain.mean)} (95% CI {interval_text(gain.low, gain.high)})"


def p_in_words(contrast: Contrast) -> str:
    """Return the corrected p-value in words."""
    return "p < 0.001" if contrast.p_holm < 0.001 else f"p = {contrast.p_holm:.3f}"


def value_in_words(comparison: Comparison, entry: str) -> str:
    """Return the mean of the headline metric of an entry, with its interval where there is one."""
    metric = comparison.headline
    score, own = comparison.score(entry, metric), interval(comparison, entry, metric)
    assert score is not None
    reach = "" if own is None else f" (95% CI {interval_text(own.low, own.high)})"
    return f"{spoken(metric)} {readable(score.mean)}{reach}"
