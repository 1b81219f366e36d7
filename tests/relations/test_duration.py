"""Durations as people write them."""

from __future__ import annotations

import pytest

from mmgraph.errors import ConfigError, GraphError
from mmgraph.relations import Temporal
from mmgraph.relations.duration import in_units_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("2 min", 120), ("1.5h", 5400), ("7d", 604800), ("2w", 1209600), (9, 9)],
)
def test_units(text, seconds):
    assert in_units_of(text, dated=True, where="x") == seconds


@pytest.mark.parametrize("wrong", ["7 days", "d", "-1d", 0, -3, "", float("inf"), float("nan")])
def test_what_is_none_is_refused(wrong):
    with pytest.raises(ConfigError, match="wanted a number above 0, with a unit for dates: s, min, h, d, w"):
        Temporal("thing", "year", window=wrong)


def test_a_unit_needs_dates():
    with pytest.raises(GraphError, match=r"window: got '7d', but the times are numbers, not dates. Write 7,"):
        in_units_of("7d", dated=False, where="window")
