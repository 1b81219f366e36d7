"""Charts as coordinates: the report's template draws them as SVG that follows the reader's colour scheme."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

Point = tuple[float, float]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, in pixels, with its text."""

    at: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A point of a line that can be read by itself: its place, the ends of its spread, and its text."""

    x: float
    y: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Line:
    """One line of a chart, in pixels.

    Args:
        points: The ``points`` attribute of a polyline.
        name: What it is, for who points at it and for the key.
        marks: Its points, where they are few enough to be told apart.
    """

    points: str
    name: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class LineChart:
    """Lines in a frame; all lengths in pixels.

    Args:
        title: What stands above.
        width, height: The size of the whole.
        left, top, right, bottom: The edges of the frame inside it.
        lines: The lines.
        x_ticks, y_ticks: The marks on the axes.
        diagonal: Whether a line from corner to corner says where both axes agree.
        cut: Whether some values lie beyond the axis, and are drawn at its edge.
    """

    title: str
    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    diagonal: bool = False
    cut: bool = False


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
    """Means with whiskers over one horizontal axis; all lengths in pixels."""

    width: int
    height: int
    left: int
    right: int
    bottom: int
    rows: tuple[StripRow, ...]
    ticks: tuple[Tick, ...]


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


def line_charts(curves: Mapping[str, Mapping[str, Sequence[Point]]]) -> list[LineChart]:
    """Return one chart for each title, all with the same axes, so that they compare by eye.

    A few values that lie far from all others, such as those of first epochs, are drawn at the edge.

    Args:
        curves: Title -> name of a line -> points (x, y).
    """
    points = [point for lines in curves.values() for line in lines.values() for point in line]
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    if not finite:
        return []
    whole, most = _reach(finite, 1), _reach_of_most([y for _, y in finite])
    frame = _Frame(300, 190, 44, 10, 288, 160, _reach(finite, 0), most)
    return [
        replace(
            frame.chart(title, [Line(frame.polyline(line), name) for name, line in lines.items()]),
            cut=whole != most,
        )
        for title, lines in curves.items()
    ]


def series_chart(
    title: str,
    series: Mapping[str, Sequence[tuple[float, float, float]]],
    *,
    unit: bool = False,
) -> LineChart | None:
    """Return a few named lines in one frame, each point with its spread; nothing where no point is finite.

    Args:
        title: What stands below.
        series: Name -> points (x, y, spread), in the order of x.
        unit: Both axes go from 0 to 1, and a diagonal says where they agree.
    """
    kept = {
        name: [(x, y, spread) for x, y, spread in line if math.isfinite(y)] for name, line in series.items()
    }
    ends = [(x, y + sign * spread) for line in kept.values() for x, y, spread in line for sign in (-1, 1)]
    if not ends:
        return None
    reach = ((0.0, 1.0), (0.0, 1.0)) if unit else (_reach(ends, 0), _reach(ends, 1))
    frame = _Frame(380, 250, 48, 10, 368, 220, *reach)
    lines = []
    for name, line in kept.items():
        marks = tuple(
            Mark(
                frame.x_at(x),
                frame.y_at(y),
                frame.y_at(y - spread),
                frame.y_at(y + spread),
                f"{name}: {y:.4g}{f' ± {spread:.2g}' if spread else ''} at {x:.4g}",
            )
            for x, y, spread in line
        )
        lines.append(Line(frame.polyline([(x, y) for x, y, _ in line]), name, marks))
    return replace(frame.chart(title, lines), diagonal=unit)


def _reach(points: Sequence[Point], axis: int) -> tuple[float, float]:
    values = [point[axis] for point in points]
    return min(values), max(values)


def _reach_of_most(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of all values, or of nine tenths where the others would leave these no room."""
    low, high = min(values), max(values)
    first, last = (float(end) for end in np.quantile(values, (0.05, 0.95)))
    # A flat middle has no size of its own to compare with.
    if not last > first:
        return low, high
    room = 2 * (last - first)
    return (first if first - low > room else low), (last if high - last > room else high)


class _Frame:
    """The axes of line charts: from values to pixels."""

    def __init__(
        self,
        width: int,
        height: int,
        left: int,
        top: int,
        right: int,
        bottom: int,
        x_reach: tuple[float, float],
        y_reach: tuple[float, float],
    ) -> None:
        self.size = (width, height, left, top, right, bottom)
        self.x_low, self.x_high = x_reach
        self.y_ticks = nice_ticks(*y_reach, count=4)
        self.x_ticks = [x for x in nice_ticks(*x_reach, count=4) if self.x_low <= x <= self.x_high]

    def x_at(self, x: float) -> float:
        _, _, left, _, right, _ = self.size
        return left + (right - left) * (x - self.x_low) / max(self.x_high - self.x_low, 1e-12)

    def y_at(self, y: float) -> float:
        _, _, _, top, _, bottom = self.size
        low, high = self.y_ticks[0], self.y_ticks[-1]
        inside = min(max(y, low), high)
        return bottom - (bottom - top) * (inside - low) / max(high - low, 1e-12)

    def polyline(self, points: Sequence[Point]) -> str:
        return " ".join(f"{self.x_at(x):.1f},{self.y_at(y):.1f}" for x, y in points if math.isfinite(y))

    def chart(self, title: str, lines: Sequence[Line]) -> LineChart:
        return LineChart(
            title,
            *self.size,
            lines=tuple(lines),
            x_ticks=tuple(Tick(self.x_at(x), f"{x:g}") for x in self.x_ticks),
            y_ticks=tuple(Tick(self.y_at(y), f"{y:g}") for y in self.y_ticks),
        )


def strip_chart(
    rows: Mapping[str, tuple[float, tuple[float, float], Mapping[str, float], str]],
) -> StripChart:
    """Return means with whiskers over an axis that shows only their range.

    Args:
        rows: Label -> mean, both ends of the whisker, name -> single value, text at the right.
    """
    # As wide as the longest label needs.
    left = round(min(max(24 + 7.3 * max(len(label) for label in rows), 120), 380))
    right, step, top = left + 400, 30, 14
    ends = [end for mean, reach, values, _ in rows.values() for end in (mean, *reach, *values.values())]
    marks = nice_ticks(min(ends), max(ends), count=5)
    low, high = marks[0], marks[-1]

    def at(value: float) -> float:
        return left + (right - left) * (value - low) / max(high - low, 1e-12)

    bottom = top + step * len(rows)
    return StripChart(
        width=right + 140,
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
