"""Charts as coordinates: the report's template draws them as SVG that follows the reader's colour scheme."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, in pixels, with its text."""

    at: float
    label: str


@dataclass(frozen=True)
class StripRow:
    """One row of a strip chart: mean, whisker and the single values, in pixels.

    Args:
        values: Each with its text, for who points at it.
    """

    label: str
    y: float
    mean: float
    low: float
    high: float
    values: tuple[Tick, ...]
    text: str


@dataclass(frozen=True)
class StripChart:
    """Means with whiskers over one horizontal axis; all lengths in pixels.

    A narrow one has labels and numbers above the whiskers, a wide one beside them.
    """

    width: int
    height: int
    left: int
    right: int
    bottom: int
    rows: tuple[StripRow, ...]
    ticks: tuple[Tick, ...]
    narrow: bool


@dataclass(frozen=True)
class ScatterChart:
    """Points in a square frame with the same axis both ways; all lengths in pixels."""

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


_MOST_ROOM = 3.0
"""How far an axis goes beyond the single values: so many times their range, or the shortest whisker."""


def strip_chart(
    rows: Mapping[str, tuple[float, tuple[float, float], Mapping[str, float], str]], *, narrow: bool = False
) -> StripChart:
    """Return means with whiskers over an axis that shows only their range.

    Args:
        rows: Label -> mean, both ends of the whisker, name -> single value, text at the right. A whisker
            that leads far beyond all single values ends at the edge.
        narrow: Whether it shall fit a phone.
    """
    # As wide as the longest label needs.
    beside = round(min(max(24 + 8.2 * max(len(label) for label in rows), 120), 420))
    left, right, step, top = (10, 330, 48, 22) if narrow else (beside, beside + 400, 30, 14)
    singles = [one for mean, _, values, _ in rows.values() for one in (mean, *values.values())]
    # One of next to no trainings may be so long that nothing else would be told apart.
    shortest = min(reach[1] - reach[0] for _, reach, _, _ in rows.values())
    room = _MOST_ROOM * max(max(singles) - min(singles), shortest)
    ends = [*singles, *(end for _, reach, _, _ in rows.values() for end in reach)]
    least = max(min(ends), min(singles) - room)
    most = min(max(ends), max(singles) + room)
    marks = nice_ticks(least, most, count=5)
    low, high = marks[0], marks[-1]

    def at(value: float) -> float:
        return left + (right - left) * (min(max(value, low), high) - low) / max(high - low, 1e-12)

    bottom = top + step * len(rows)
    return StripChart(
        width=340 if narrow else right + 140,
        height=bottom + 26,
        left=left,
        right=right,
        bottom=bottom,
        rows=tuple(
            StripRow(
                label,
                top + step * (index + 0.5),
                at(mean),
                at(reach[0]),
                at(reach[1]),
                tuple(Tick(at(value), f"{name}: {value:.4g}") for name, value in values.items()),
                text,
            )
            for index, (label, (mean, reach, values, text)) in enumerate(rows.items())
        ),
        ticks=tuple(Tick(at(mark), f"{mark:g}") for mark in marks),
        narrow=narrow,
    )


def scatter_chart(points: Sequence[Point]) -> ScatterChart:
    """Return points (true, predicted) in a square frame.

    Args:
        points: The pairs, in the units of the target.
    """
    width, height, left, top, right, bottom = 480, 480, 60, 10, 470, 420
    values = [value for point in points for value in point if math.isfinite(value)]
    marks = nice_ticks(min(values), max(values), count=5)
    low, high = marks[0], marks[-1]

    def at(value: float) -> float:
        return (value - low) / max(high - low, 1e-12)

    return ScatterChart(
        width,
        height,
        left,
        top,
        right,
        bottom,
        tuple(
            (left + (right - left) * at(x), bottom - (bottom - top) * at(y))
            for x, y in points
            if math.isfinite(x) and math.isfinite(y)
        ),
        tuple(Tick(left + (right - left) * at(mark), f"{mark:g}") for mark in marks),
        tuple(Tick(bottom - (bottom - top) * at(mark), f"{mark:g}") for mark in marks),
    )


def nice_ticks(low: float, high: float, *, count: int) -> list[float]:
    """Return about ``count`` round numbers, the first at or below ``low`` and the last at or above ``high``.

    Example:
        >>> nice_ticks(0.13, 0.48, count=4)
        [0.1, 0.2, 0.3, 0.4, 0.5]
    """
    if not high > low:
        low, high = low - 0.5 * max(abs(low), 1e-6), low + 0.5 * max(abs(low), 1e-6)
    rough = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = magnitude * min((m for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999), default=10)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(np.round(index * step, 12)) for index in range(first, last + 1)]
