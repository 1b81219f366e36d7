"""Degrees and their histogram, against counting."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgraph.graph.structure import degree_statistics


@settings(max_examples=60)
@given(st.lists(st.integers(0, 4), max_size=60), st.integers(5, 9))
def test_degrees(ends, num_nodes):
    found = degree_statistics(np.array(ends, dtype=np.int64), num_nodes)
    degrees = sorted(ends.count(node) for node in range(num_nodes))
    assert found["max"] == degrees[-1]
    assert found["isolated"] == degrees.count(0)
    assert found["mean"] == sum(degrees) / num_nodes
    for name, share in (("median", 0.5), ("q90", 0.9), ("q99", 0.99)):
        assert found[name] == next(d for d in degrees if sum(o <= d for o in degrees) >= share * num_nodes)
    bins = [0] * len(found["histogram"])
    for degree in degrees:
        bins[degree.bit_length()] += 1
    assert found["histogram"] == bins


def test_no_node_at_all():
    found = degree_statistics(np.empty(0, dtype=np.int64), 0)
    assert found["histogram"] == [0]
    assert (found["mean"], found["max"], found["median"], found["isolated"]) == (0, 0, 0, 0)
