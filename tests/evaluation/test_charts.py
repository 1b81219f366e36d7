"""Charts as coordinates."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from mmgraph.evaluation.charts import nice_ticks, scatter_chart, strip_chart

numbers = st.floats(-1e6, 1e6).map(lambda x: round(x, 6))


@given(numbers, numbers, st.integers(2, 8))
def test_ticks_are_even_and_cover_the_range(a: float, b: float, count: int) -> None:
    low, high = min(a, b), max(a, b)
    ticks = nice_ticks(low, high, count=count)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= count + 3
    steps = [after - before for before, after in itertools.pairwise(ticks)]
    assert max(steps) - min(steps) <= slack


def test_a_narrow_strip_fits_a_phone_whatever_its_labels() -> None:
    rows = {"a" * 40: (0.5, (0.2, 0.6), {"seed 0": 0.5}, "0.5"), "b": (0.7, (0.7, 0.7), {}, "0.7")}
    wide, narrow = strip_chart(rows), strip_chart(rows, narrow=True)
    assert narrow.width < 360 < wide.width
    (first, second), right = narrow.rows, narrow.right
    assert narrow.left <= first.low < first.mean < first.high <= right
    assert second.y - first.y > wide.rows[1].y - wide.rows[0].y


def test_a_whisker_that_leads_far_away_ends_at_the_edge() -> None:
    rows = {
        "a": (0.2, (-20.0, 0.9), {"seed 0": 0.1, "seed 1": 0.3}, "0.2"),
        "b": (0.7, (0.5, 0.8), {"seed 0": 0.7}, "0.7"),
    }
    chart = strip_chart(rows)
    first, second = chart.rows
    assert first.low == chart.left
    assert second.mean - first.mean > (chart.right - chart.left) / 10
    assert float(chart.ticks[0].label) >= -3


def test_strips_put_means_in_order_and_whiskers_around_them() -> None:
    chart = strip_chart(
        {
            "a": (0.5, (0.4, 0.6), {"seed 0": 0.4, "seed 1": 0.6}, "0.5"),
            "b": (0.9, (0.9, 0.9), {"seed 0": 0.9}, "0.9"),
        }
    )
    first, second = chart.rows
    assert chart.left <= first.low < first.mean < first.high <= second.mean <= chart.right
    assert second.low == second.mean == second.high


def test_scatter_has_up_for_more() -> None:
    (x0, y0), (x1, y1) = scatter_chart([(0.0, 0.0), (1.0, 2.0)]).points
    assert x1 > x0
    assert y1 < y0


def test_points_that_are_not_finite_are_left_out() -> None:
    assert len(scatter_chart([(0.0, 1.0), (1.0, math.nan)]).points) == 1
