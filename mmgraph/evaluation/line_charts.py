"""Charts of lines as coordinates: learning curves, and curves of a few named series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmgraph.evaluation.charts import Point, Tick, nice_ticks


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
