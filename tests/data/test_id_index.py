"""Ids found by the million: as a dictionary finds them, whatever they are written like."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.data.id_index import IdIndex

IDS = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=40, unique=True)
NUMBERS = st.lists(st.integers(-50, 50), min_size=1, max_size=40, unique=True)


def by_dictionary(ids: list[str], wanted: list[str | None]) -> list[int]:
    place = {name: row for row, name in enumerate(ids)}
    return [-1 if name is None else place.get(name, -1) for name in wanted]


@given(IDS, st.lists(st.none() | st.text(max_size=12), max_size=40), st.randoms(use_true_random=False))
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_text_is_found_as_a_dictionary_finds_it(kind, ids, others, random) -> None:
    wanted = [*others, *random.sample(ids, len(ids) // 2 + 1)]
    found = IdIndex(ids).rows(pa.array(wanted, type=kind))
    assert found.tolist() == by_dictionary(ids, [name or None for name in wanted])


@given(NUMBERS, st.lists(st.none() | st.integers(-200, 200), max_size=40))
@pytest.mark.parametrize("kind", [pa.int8(), pa.int64()])
@pytest.mark.parametrize("far", [0, 10**12])
def test_numbers_are_found_whether_they_lie_close_or_not(far, kind, ids, wanted) -> None:
    ids = [number * (1 if number % 2 else far or 1) for number in ids]
    wanted = [number for number in wanted if number is None or -128 <= number <= 127]
    texts = list(dict.fromkeys(str(number) for number in ids))
    found = IdIndex(texts).rows(pa.array(wanted, type=kind))
    assert found.tolist() == by_dictionary(texts, [None if n is None else str(n) for n in wanted])


def test_a_number_has_one_spelling() -> None:
    assert IdIndex(["07", "+8", "9"]).rows(pa.array([7, 8, 9])).tolist() == [-1, -1, 2]


def test_a_slice_and_chunks_are_read_from_where_they_begin() -> None:
    index = IdIndex(pa.array(["x", "a", "b", "c"], pa.large_string())[1:])
    assert index.rows(pa.array(["z", "c", "a"])[1:]).tolist() == [2, 0]
    assert index.rows(pa.chunked_array([["a"], ["b", "x"]]).combine_chunks()).tolist() == [0, 1, -1]


def test_nothing_is_found_among_none() -> None:
    assert IdIndex([]).rows(pa.array(["a"])).tolist() == [-1]
    assert IdIndex(["a"]).rows(pa.array([], pa.string())).dtype == np.int32
