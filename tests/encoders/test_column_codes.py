from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mmgraph.encoders.column_codes import CategoryCode, DateCode, NumberCode, OrdinalCode
from mmgraph.encoders.place_code import PlaceCode, places
from mmgraph.encoders.text_code import TextCode


def cells(*values, dtype=object):
    return pd.Series(values, dtype=dtype)


def sizes(*values):
    return pd.Series(pd.Categorical(values, categories=["S", "M", "L"], ordered=True))


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
        DateCode.fit(dates("2000-01-01T08:30", "2020-12-31")),
        NumberCode.fit(cells(1.0, 5.0, dtype=float), method="log", frequencies=3),
        OrdinalCode.fit(sizes("S", "M", "L", "L")),
        PlaceCode.fit(
            places(cells(52.5, -33.9, dtype=float), cells(13.4, 151.2, dtype=float)), frequencies=1
        ),
    ],
)
def test_a_code_comes_back_from_its_state(code):
    state = json.loads(json.dumps(code.state()))
    again = type(code).from_state(state, code.arrays())
    assert again == code
    assert len(code.names()) == code.width


def test_dates_with_a_time_have_the_day_of_the_week_and_the_time_too():
    code = DateCode.fit(dates("2024-01-01T06:00", "2024-06-01"))
    names = code.names()
    assert code.width == 9
    # A Monday at six, and a Sunday at noon.
    monday, sunday = code(dates("2024-01-01T06:00", "2024-01-07T12:00"))
    assert monday[names.index("sine of time")] == pytest.approx(1)
    assert sunday[names.index("cosine of time")] == pytest.approx(-1)
    assert monday[names.index("cosine of weekday")] == pytest.approx(1)
    assert sunday[names.index("sine of weekday")] == pytest.approx(np.sin(2 * np.pi * 6 / 7))
    assert code(dates("2024-01-01T06:00", None))[1].tolist() == [0] * 9


def test_a_date_code_of_before_there_were_times_makes_what_it_made():
    code = DateCode.fit(dates("2000-01-01", "2020-12-31"))
    state = {name: value for name, value in code.state().items() if name != "circles"}
    assert DateCode.from_state(state, {}) == code


def test_ranks_are_the_steps_that_are_reached():
    code = OrdinalCode.fit(sizes("S", "M", "L", "L", None))
    assert code(sizes("S", "M", "L")).tolist() == [[0, 0], [1, 0], [1, 1]]
    assert code(sizes(None)).tolist() == [[0.75, 0.5]], "the mean of the training cells, not the least rank"
    assert OrdinalCode.fit(sizes(None))(sizes(None)).tolist() == [[0.5, 0.5]]


def test_waves_are_sines_and_cosines_and_none_of_an_empty_cell():
    code = NumberCode.fit(cells(1.0, 2.0, 3.0, 4.0, dtype=float), method="standard", frequencies=2)
    scaled, *waves = code(cells(3.0, np.nan, dtype=float))[0]
    steps = np.array([np.pi / 2, np.pi])
    assert waves == pytest.approx([*np.sin(steps * scaled), *np.cos(steps * scaled)])
    assert code(cells(np.nan, dtype=float)).tolist() == [[0] * 5]


def test_places_keep_their_distances_across_the_date_line():
    north, east = cells(0.0, 0.0, 0.0, 60.0, dtype=float), cells(179.0, -179.0, 0.0, 0.0, dtype=float)
    code = PlaceCode.fit(places(north, east))
    points = code(places(north, east))
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert apart[0, 1] < apart[2, 3] / 20
    # Two degrees of arc and sixty, as chords.
    chords = 2 * np.sin(np.radians([1, 30]))
    assert apart[0, 1] / apart[2, 3] == pytest.approx(chords[0] / chords[1])
    assert code(places(cells(np.nan, dtype=float), cells(np.nan, dtype=float))).tolist() == [[0, 0, 0]]


def test_one_place_for_all_tells_nothing():
    code = PlaceCode.fit(places(cells(5.0, 5.0, dtype=float), cells(6.0, 6.0, dtype=float)))
    assert code(places(cells(50.0, dtype=float), cells(6.0, dtype=float))).tolist() == [[0, 0, 0]]


def test_texts_that_share_words_are_near():
    training = cells("red wool coat", "blue wool coat", "steel bolt", "brass bolt", None)
    code = TextCode.fit(training, components=4)
    coat, other, bolt, none = code(cells("green wool coat", "red wool coat", "steel bolt", None))
    assert np.linalg.norm(coat - other) < np.linalg.norm(coat - bolt)
    assert none.tolist() == [0] * code.width
    again = TextCode.from_state(code.state(), code.arrays())
    assert again(training).tobytes() == code(training).tobytes()
    assert len(code.names()) == code.width <= 4


def test_a_column_without_any_text_is_no_column():
    code = TextCode.fit(cells(None, None), components=4)
    assert code(cells("x")).shape == (1, 0)
    assert TextCode.from_state(code.state(), {}).width == 0


def test_a_rank_code_of_before_there_were_shares_makes_what_it_made():
    code = OrdinalCode.from_state({"order": ["S", "M", "L"]}, {})
    assert code(sizes("M", None)).tolist() == [[1, 0], [0, 0]]
