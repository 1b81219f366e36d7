"""Which metrics stand in a table together, so that no table is wider than a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_IN_THE_FIRST, _IN_ANOTHER = 6, 9


@dataclass(frozen=True)
class MetricGroup:
    """Metrics that belong together.

    Args:
        title: What they have in common: the direction of a retrieval, or the task; empty for the first group.
        metrics: Their names.
        headings: The same in words, without what the title says.
    """

    title: str
    metrics: tuple[str, ...]
    headings: tuple[str, ...]


def metric_groups(metrics: Sequence[str]) -> list[MetricGroup]:
    """Return the metrics of a comparison in groups.

    A few are one group. Of more, those whose names begin alike are a group, and all others another one, which
    the first metric is in if there is room.

    Args:
        metrics: All of them, the headline first.

    Example:
        >>> both = [f"{way}_{name}" for way in ("a_to_b", "b_to_a") for name in ("mrr", "recall@5", "ndcg@5")]
        >>> [(group.title, group.headings) for group in metric_groups(["mrr", *both])]
        [('', ('mrr',)), ('a to b', ('mrr', 'recall@5', 'ndcg@5')), ('b to a', ('mrr', 'recall@5', 'ndcg@5'))]
    """
    first, *others = metrics
    many = len(metrics) > _IN_THE_FIRST
    beginnings = [_beginning(name, others) if many else "" for name in others]
    by_beginning: dict[str, list[str]] = {"": []}
    for name, shared in zip(others, beginnings, strict=True):
        by_beginning.setdefault(shared, []).append(name)
    beside = by_beginning.pop("") if len(by_beginning[""]) < _IN_THE_FIRST else []
    groups = [MetricGroup("", (first, *beside), tuple(map(spoken, (first, *beside))))]
    for shared, names in by_beginning.items():
        title = spoken(shared).rstrip(" /") or "further metrics"
        size = -(-len(names) // -(-len(names) // _IN_ANOTHER))
        for start in range(0, len(names), size):
            part = tuple(names[start : start + size])
            groups.append(MetricGroup(title, part, tuple(spoken(name.removeprefix(shared)) for name in part)))
    return groups


def _beginning(name: str, others: Sequence[str]) -> str:
    """Return the longest beginning that another shares: a task and its slash, or several words."""
    ends = [end.end() for end in re.finditer(r"/|(?<=_)[^_/]+_", name)]
    shared = [name[:end] for end in ends if sum(other.startswith(name[:end]) for other in others) > 1]
    return max(shared, key=len, default="")


def spoken(metric: str) -> str:
    """Return the name of a metric in words.

    Example:
        >>> spoken("balanced_accuracy")
        'balanced accuracy'
    """
    return metric.replace("_", " ")
