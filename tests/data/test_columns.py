"""A column read as ids, text, numbers, dates or true/false."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from mmgraph.data.columns import Column, pick
from mmgraph.errors import DataError


def column(values: object, dtype: object = None) -> Column:
    series = pd.Series(values, dtype=dtype)
    return Column(series, "c", "t.csv", [f"i{row}" for row in range(len(series))])


def test_pick_offers_the_nearest_names() -> None:
    frame = pd.DataFrame({"colour": [1], "size": [2]})
    with pytest.raises(DataError) as caught:
        pick(frame, "color", file="t.csv", where="dataset.yaml: x.column")
    assert str(caught.value) == (
        "dataset.yaml: x.column: got 'color'; t.csv has no such column. Did you mean 'colour'?"
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", None, "", "NA"], ["a", None, None, "NA"]),
        ([1, 2], ["1", "2"]),
        ([1.5, np.nan], ["1.5", None]),
        ([True, False], ["True", "False"]),
        (pd.Series(["a", 1, None, True], dtype=object), ["a", "1", None, "True"]),
        (pd.Series(["b", None], dtype="category"), ["b", None]),
    ],
)
def test_text(values: object, expected: list[str | None]) -> None:
    assert column(values).text().tolist() == expected


@pytest.mark.parametrize("cell", [["a"], {"a": 1}, b"a"])
def test_text_refuses_nested_cells(cell: object) -> None:
    with pytest.raises(DataError, match=r"t\.csv: column 'c', row 2 \(id 'i1'\): got .*; wanted text"):
        column(["x", cell]).text()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["007", "x"], ["007", "x"]),
        ([7, 8], ["7", "8"]),
        ([7.0, np.nan], ["7", None]),
        (pd.Series([2**60 + 1, None], dtype=object), [str(2**60 + 1), None]),
    ],
)
def test_id_texts(values: object, expected: list[str | None]) -> None:
    assert column(values).id_texts().tolist() == expected


@pytest.mark.parametrize("values", [[1.0, 1.5], [True, False], [datetime.datetime(2024, 1, 1)] * 2])
def test_id_texts_refuses_other_things(values: list[object]) -> None:
    with pytest.raises(DataError, match="wanted text or a whole number"):
        column(values).id_texts()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1.5", None, "", "-2e3", " 7 "], [1.5, np.nan, np.nan, -2000, 7]),
        ([1, 2], [1, 2]),
        ([True, False], [1, 0]),
        (pd.Series([1, None, "2"], dtype=object), [1, np.nan, 2]),
        ([None, None], [np.nan, np.nan]),
    ],
)
def test_numbers(values: object, expected: list[float]) -> None:
    numbers = column(values).numbers()
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, expected)


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("abc", "a number"),
        ("1,000", "a number"),
        ("nan", "a number"),
        ("True", "a number"),
        ("inf", "a finite number"),
        ("-Infinity", "a finite number"),
        ("1e999", "a finite number"),
    ],
)
def test_numbers_names_row_id_and_value(cell: str, wanted: str) -> None:
    with pytest.raises(DataError) as caught:
        column(["1", cell, "2", cell]).numbers()
    assert str(caught.value).startswith(
        f"t.csv: column 'c', row 2 (id 'i1'): got {cell!r}; wanted {wanted} (also in row 4)"
    )


def test_numbers_refuses_dates_and_infinite_floats() -> None:
    with pytest.raises(DataError, match="wanted a number"):
        column([datetime.datetime(2024, 1, 1)]).numbers()
    with pytest.raises(DataError, match="got inf; wanted a finite number"):
        column([1.0, np.inf]).numbers()
    with pytest.raises(DataError, match=r"row 2 .*got 1000+\.\.\.; wanted a finite number"):
        column([1, 10**400, None], dtype=object).numbers()


def test_dates() -> None:
    dates = column(
        ["2024", "2024-02", "2024-01-31", "2024-01-31T12:30", "2024-01-31T12:00+02:00", None]
    ).dates()
    assert dates.dt.tz is None
    assert dates.astype(str).tolist()[:5] == [
        "2024-01-01 00:00:00",
        "2024-02-01 00:00:00",
        "2024-01-31 00:00:00",
        "2024-01-31 12:30:00",
        "2024-01-31 10:00:00",
    ]
    assert dates.isna().tolist() == [False] * 5 + [True]


def test_whole_numbers_are_years() -> None:
    assert column([1999, 2024]).dates().dt.year.tolist() == [1999, 2024]


def test_dates_of_a_parquet_table() -> None:
    assert column([datetime.datetime(2024, 5, 6), None]).dates()[0] == pd.Timestamp("2024-05-06")


def test_dates_refuses_what_is_none() -> None:
    with pytest.raises(DataError, match=r"row 2 \(id 'i1'\): got '31\.1\.2024'; wanted a date.*2024-01-31"):
        column(["2024-01-31", "31.1.2024"]).dates()


def test_times_are_numbers_or_seconds() -> None:
    assert column(["3", "1", "2.5"]).times().tolist() == [3, 1, 2.5]
    assert column(["1970-01-02", "1970-01-01T00:01"]).times().tolist() == [86400, 60]


def test_times_refuses_empty_cells_and_mixtures() -> None:
    with pytest.raises(DataError, match="got an empty cell; wanted a number or a date"):
        column(["1", None]).times()
    with pytest.raises(DataError, match=r"got '5.x'; wanted a number or a date"):
        column(["2024-01-01", "5.x"]).times()
    with pytest.raises(DataError, match="got 'inf'; wanted a finite number"):
        column(["1", "inf"]).times()


def test_flags() -> None:
    assert column(["true", "False", "YES", "0", None]).flags().tolist() == [True, False, True, False, False]
    assert column([True, False]).flags().tolist() == [True, False]
    assert column([1, 0]).flags().tolist() == [True, False]


def test_filled_numbers_refuses_empty_cells() -> None:
    assert column(["1", "2"]).filled_numbers().tolist() == [1, 2]
    with pytest.raises(DataError, match=r"row 2.*got an empty cell; wanted a number"):
        column(["1", ""]).filled_numbers()
