"""The values in the cells of a column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmgraph.data.cell_values import cell_values


@pytest.mark.parametrize(
    ("cells", "separator", "expected"),
    [
        (["a|b", " b |", None, "a|a"], "|", [(0, "a"), (0, "b"), (1, "b"), (3, "a")]),
        (["a|b", ""], None, [(0, "a|b")]),
        ([["x", None, " y "], np.array(["x"], dtype=object), []], "|", [(0, "x"), (0, "y"), (1, "x")]),
        ([7, None, 7], None, [(0, "7.0"), (2, "7.0")]),
        ([], None, []),
    ],
)
def test_each_distinct_value_of_each_cell(cells, separator, expected):
    rows, values = cell_values(pd.Series(cells), separator)
    assert list(zip(rows.tolist(), values.tolist(), strict=True)) == expected
    assert rows.dtype == np.int64
