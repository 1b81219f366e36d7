from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmgraph.encoders.column_codes import CategoryCode, DateCode, NumberCode


def cells(*values, dtype=object):
    return pd.Series(values, dtype=dtype)


def dates(*values):
    return pd.to_datetime(pd.Series(values, dtype=object), format="ISO8601")


def test_categories_are_one_hot_rare_ones_share_a_column_and_unknown_ones_are_zero():
    training = cells("red", "red", "blue", "blue", "teal", "mauve", None)
    code = CategoryCode.fit(training, min_count=2, max_categories=64)
    assert (code.common, code.rare) == (["blue", "red"], ["mauve", "teal"])
    assert code(cells("red", "blue", "teal", "mauve", "unseen", None)).tolist() == [
        [0, 1, 0],
        [1, 0, 0],
        [0, 0, 1],
        [0, 0, 1],
        [0, 0, 0],
        [0, 0, 0],
    ]


def test_without_rare_categories_there_is_no_column_for_them():
    code = CategoryCode.fit(cells("a", "b"), min_count=1, max_categories=64)
    assert code.width == 2


def test_of_too_many_categories_the_commonest_are_kept_and_the_alphabet_decides_between_equals():
    code = CategoryCode.fit(cells(*"ddccbba"), min_count=1, max_categories=2)
    assert (code.common, code.rare) == (["b", "c"], ["a", "d"])


def test_a_column_without_any_category_is_no_column():
    code = CategoryCode.fit(cells(None, None), min_count=1, max_categories=4)
    assert code(cells("x", None)).shape == (2, 0)


def test_dates_are_a_year_and_two_circles():
    code = DateCode.fit(dates("2000-01-01", "2010-01-01", "2020-01-01"))
    january, july, late = code(dates("2010-01-01", "2010-07-01", "2010-12-31"))
    assert january[0] == pytest.approx(0, abs=1e-6)
    assert 0 < july[0] < late[0] < 0.2
    np.testing.assert_allclose(january[1:], [0, 0, 1, 1], atol=1e-12)
    np.testing.assert_allclose(july[1:], [0, 0, -1, 1], atol=1e-12)


def test_the_end_of_the_year_lies_next_to_its_beginning():
    code = DateCode.fit(dates("2000-01-01", "2020-12-31"))
    december, january, july = code(dates("2019-12-31", "2020-01-01", "2020-07-01"))
    assert np.linalg.norm(december - january) < 0.7 < np.linalg.norm(july - january)


def test_an_empty_date_is_zeros():
    code = DateCode.fit(dates("2000-01-01", "2020-12-31"))
    assert code(dates("2000-01-01", None))[1].tolist() == [0] * 5


@pytest.mark.parametrize(
    "code",
    [
        NumberCode.fit(cells(1.0, 5.0, np.nan, dtype=float), method="quantile"),
        CategoryCode.fit(cells("a", "a", "b"), min_count=2, max_categories=9),
        DateCode.fit(dates("2000-01-01", "2020-12-31")),
    ],
)
def test_a_code_comes_back_from_its_state(code):
    assert type(code).from_state(code.state()) == code
