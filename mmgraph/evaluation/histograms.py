"""Histograms of degrees as coordinates: the page's template draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmgraph.evaluation.charts import Tick


@dataclass(frozen=True)
class Bar:
    """One bar, in pixels.

    Args:
        series: Which of the series it belongs to, from 0.
        text: What it stands for, for who points at it.
    """

    x: float
    y: float
    width: float
    height: float
    series: int
    text: str


@dataclass(frozen=True)
class Histogram:
    """Bars over bins that double in width; all lengths in pixels."""

    title: str
    width: int
    height: int
    left: int
    right: int
    bottom: int
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    shares: tuple[Tick, ...]


def bin_name(number: int) -> str:
    """Return the degrees that a bin of :func:`mmgraph.graph.structure.degree_statistics` holds.

    Example:
        >>> [bin_name(number) for number in range(5)]
        ['0', '1', '2–3', '4–7', '8–15']
    """
    if number < 2:
        return str(number)
    return f"{2 ** (number - 1):,}–{2**number - 1:,}"


def histogram(title: str, series: Mapping[str, Sequence[int]]) -> Histogram:
    """Return the shares of nodes in each bin, side by side for each series.

    Args:
        title: What stands below.
        series: By what is counted, how many nodes are in each bin.
    """
    width, height, left, right, top, bottom = 300, 176, 40, 292, 8, 146
    bins = max(len(counts) for counts in series.values())
    shares = {name: [count / max(sum(counts), 1) for count in counts] for name, counts in series.items()}
    highest = max([share for values in shares.values() for share in values] + [1e-9])
    # The axis ends at a multiple of ten per cent, so that its middle is a round number as well.
    limit = max(0.1, math.ceil(highest * 10 - 1e-9) / 10)
    step = (right - left) / bins
    bar = step * 0.82 / len(series)
    bars = []
    for number, (name, values) in enumerate(shares.items()):
        for position, share in enumerate(values):
            tall = (bottom - top) * share / limit
            bars.append(
                Bar(
                    x=left + step * position + step * 0.09 + bar * number,
                    y=bottom - tall,
                    width=bar,
                    height=tall,
                    series=number,
                    text=f"{name}: {series[name][position]:,} with {bin_name(position)} ({share:.1%})",
                )
            )
    # A third of the names where all of them would run into one another.
    every = 1 if bins <= 6 else 2 if bins <= 10 else 3
    return Histogram(
        title=title,
        width=width,
        height=height,
        left=left,
        right=right,
        bottom=bottom,
        bars=tuple(bars),
        ticks=tuple(
            Tick(left + step * (position + 0.5), _short(position)) for position in range(0, bins, every)
        ),
        shares=tuple(Tick(bottom - (bottom - top) * part, f"{limit * part:.0%}") for part in (0.0, 0.5, 1.0)),
    )


def degree_histogram(name: str, relation: Mapping[str, Any]) -> Histogram:
    """Return the degrees of both ends of a relation.

    Args:
        name: The relation.
        relation: What :func:`mmgraph.summarise` says of it.
    """
    target, source = relation["target_degree"]["histogram"], relation["source_degree"]["histogram"]
    if relation["symmetric"]:
        return histogram(name, {f"{relation['target']}": target})
    return histogram(name, {f"into {relation['target']}": target, f"out of {relation['source']}": source})


def _short(number: int) -> str:
    """Return the first degree of a bin, short enough for an axis."""
    first = number if number < 2 else 2 ** (number - 1)
    for size, letter in ((2**30, "G"), (2**20, "M"), (2**10, "k")):
        if first >= size:
            return f"{first // size}{letter}"
    return f"{first}"
