"""Spans of positions, written out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.relations.spans import write_out


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=8))
def test_it_equals_ranges(pairs):
    start, stop = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    position, span = write_out(start, stop)
    wanted = [(p, n) for n, (a, b) in enumerate(pairs) for p in range(a, b)]
    assert list(zip(position.tolist(), span.tolist(), strict=True)) == wanted
    assert position.dtype == span.dtype == np.int64
