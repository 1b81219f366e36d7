"""Numbers agree with what they count."""

from __future__ import annotations

import pytest

from mmgraph.counted import agreed, counted


@pytest.mark.parametrize(
    ("number", "wanted"),
    [(0, "0 cells are"), (1, "1 cell is"), (2, "2 cells are"), (12345, "12,345 cells are")],
)
def test_a_number_and_what_it_counts(number: int, wanted: str) -> None:
    assert counted(number, "cell is", "cells are") == wanted
    assert f"{counted(number, 'cell')} {agreed(number, 'is', 'are')}" == wanted
