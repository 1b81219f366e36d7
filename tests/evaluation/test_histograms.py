"""Degrees as bars."""

import pytest

from mmgraph.evaluation.histograms import bin_name, histogram


def test_bars_have_their_share_of_the_height():
    chart = histogram("like", {"into": [2, 0, 6], "out of": [8]})
    heights = [bar.height for bar in chart.bars]
    assert len(chart.bars) == 4
    assert heights[0] == pytest.approx(heights[2] / 3)
    assert heights[3] == pytest.approx(heights[2] / 0.75)
    assert chart.bars[2].text == "into: 6 with 2–3 (75.0%)"
    assert [tick.label for tick in chart.shares] == ["0%", "50%", "100%"]
    assert all(chart.left <= bar.x and bar.x + bar.width <= chart.right for bar in chart.bars)
    assert all(bar.y + bar.height == pytest.approx(chart.bottom) for bar in chart.bars)


def test_names_on_the_axis_are_short_and_few():
    chart = histogram("like", {"into": [1] * 26})
    labels = [tick.label for tick in chart.ticks]
    assert labels[:2] == ["0", "4"]
    assert labels[-1] == "8M"
    assert len(labels) < 10
    assert bin_name(11) == "1,024–2,047"


def test_no_node_at_all():
    assert [bar.height for bar in histogram("like", {"into": [0]}).bars] == [0]
