"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from mmgraph.readable import interval_text, readable, with_spread


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (-0.25, "-0.250"),
        (9.9996, "10.000"),
        (999.96, "1,000.0"),
        (123456789.0, "123,456,789"),
        (1e-9, "1e-09"),
        (0.0004, "0.0004"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_readable(value: float, text: str) -> None:
    assert readable(value) == text


def test_both_numbers_of_a_pair_have_the_same_decimals() -> None:
    assert with_spread(254123456.7, 12.345) == "254,123,457 ± 12"
    assert with_spread(0.0, 0.0) == "0.000 ± 0.000"
    assert interval_text(0.5, 12.25) == "0.50 to 12.25"
    assert with_spread(2e-6, 1e-7) == "2e-06 ± 1e-07"
