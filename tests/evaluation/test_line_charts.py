"""Charts of lines as coordinates."""

from __future__ import annotations

import math

from mmgraph.evaluation.line_charts import line_charts, series_chart


def test_all_line_charts_share_their_axes() -> None:
    low, high = line_charts({"a": {"s": [(1, 0.0), (2, 0.1)]}, "b": {"s": [(1, 0.9), (4, 1.0)]}})
    assert low.y_ticks == high.y_ticks
    assert low.x_ticks == high.x_ticks
    assert float(low.lines[0].points.split()[0].split(",")[1]) > float(
        high.lines[0].points.split()[0].split(",")[1]
    )


def test_a_bad_start_leaves_room_for_the_rest() -> None:
    line = [(0.0, -20.0), *[(float(epoch), 0.5 + epoch / 1000) for epoch in range(1, 100)]]
    (chart,) = line_charts({"a": {"s": line}})
    assert chart.cut
    heights = [float(point.split(",")[1]) for point in chart.lines[0].points.split()]
    assert heights[0] == chart.bottom
    assert heights[1] - heights[-1] > 0.5 * (chart.bottom - chart.top)
    (whole,) = line_charts({"a": {"s": line[1:]}})
    assert not whole.cut


def test_what_is_not_finite_is_left_out() -> None:
    assert line_charts({"a": {"s": [(1, math.nan)]}}) == []
    (chart,) = line_charts({"a": {"s": [(1, math.nan), (2, 0.5), (3, 0.6)]}})
    assert len(chart.lines[0].points.split()) == 2


def test_series_have_their_spread_around_them_and_say_what_they_are() -> None:
    chart = series_chart(
        "missing", {"picture": [(0.0, 0.9, 0.0), (1.0, 0.5, 0.1)], "name": [(0.0, 0.9, 0.0)]}
    )
    assert chart is not None
    whole, less = chart.lines[0].marks
    assert whole.low == whole.y == whole.high
    assert less.high < less.y < less.low
    assert whole.y < less.y
    assert less.text == "picture: 0.5 ± 0.1 at 1"
    assert chart.lines[1].name == "name"


def test_series_without_a_finite_point_make_no_chart() -> None:
    assert series_chart("missing", {"picture": [(0.0, math.nan, 0.0)]}) is None


def test_axes_of_shares_go_from_nothing_to_all() -> None:
    chart = series_chart("calibration", {"now": [(0.5, 0.5, 0.0)]}, unit=True)
    assert chart is not None
    assert chart.diagonal
    assert [tick.label for tick in chart.x_ticks] == [tick.label for tick in chart.y_ticks]
    assert chart.lines[0].marks[0].x == (chart.left + chart.right) / 2
