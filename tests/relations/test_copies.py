"""Rows that are equal to others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mmgraph.relations import copies
from mmgraph.relations.copies import Copies
from mmgraph.relations.nearest import exact_neighbours


@settings(max_examples=60)
@given(npst.arrays(np.float32, st.tuples(st.integers(1, 20), st.integers(1, 3)), elements=st.integers(-1, 1)))
def test_each_row_is_of_the_kind_of_its_first_copy(rows):
    rows = rows + np.float32(0)  # -0 is 0
    found = Copies.among(rows)
    distinct = np.unique(rows, axis=0)
    if found is None:
        assert len(distinct) == len(rows)
        return
    assert len(found.first) == len(distinct) < len(rows)
    assert (np.diff(found.first) > 0).all()
    assert np.array_equal(rows[found.first[found.kind]], rows)
    for kind, first in enumerate(found.first):
        members = found.members[found.pointer[kind] : found.pointer[kind + 1]]
        assert members.tolist() == [n for n, row in enumerate(rows) if np.array_equal(row, rows[first])]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_rows_of_the_same_hash_are_not_taken_for_copies(monkeypatch, metric):
    rows = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    rows[7] = rows[3]
    expected = exact_neighbours(rows, 4, metric)
    monkeypatch.setattr(copies, "_hashes", lambda rows: np.zeros(len(rows), dtype=np.uint64))
    found = exact_neighbours(rows, 4, metric)
    assert np.array_equal(found.source, expected.source)
    assert np.array_equal(found.similarity, expected.similarity)
