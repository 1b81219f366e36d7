"""Which edges of a relation stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph.edges import merge
from mmgraph.graph.filters import Filters, strongest
from mmgraph.graph.relation import Edges

N = 6


class Counter:
    """Stands in for the context of a relation."""

    name = "r"

    def __init__(self):
        self.counts = {}

    def count(self, what, number):
        if number:
            self.counts[what] = number

    def at(self, parameter):
        return f"relations.r.{parameter}"


@st.composite
def edge_lists(draw):
    pairs = draw(st.lists(st.tuples(*[st.integers(0, N - 1)] * 2, st.integers(1, 5)), max_size=40))
    source, target, weight = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
    return merge(Edges(source, target, weight.astype(np.float32)), N)


@given(edges=edge_lists(), k=st.integers(1, 4))
def test_the_strongest_are_those_of_a_sorted_list(edges, k):
    expected = set()
    for target in range(N):
        rows = [n for n in range(len(edges)) if edges.target[n] == target]
        rows.sort(key=lambda n: (-edges.weight[n], edges.source[n]))
        expected.update(rows[:k])
    assert set(np.flatnonzero(strongest(edges, edges.weight, k)).tolist()) == expected


@given(edges=edge_lists(), k=st.integers(1, 3), least=st.integers(1, 5))
def test_filters_apply_in_their_order_and_count_what_goes(edges, k, least):
    context = Counter()
    kept = Filters(self_loops="drop", min_weight=least, top_k=k).apply(edges, context, homogeneous=True)
    assert (kept.source != kept.target).all()
    assert (kept.weight >= least).all()
    assert np.bincount(kept.target, minlength=N).max(initial=0) <= k
    assert len(edges) - len(kept) == sum(context.counts.values())
    assert context.counts.get("self_loops_dropped", 0) == (edges.source == edges.target).sum()


def test_loops_between_two_node_types_are_none():
    edges = Edges(np.array([0, 1]), np.array([0, 0]))
    kept = Filters(self_loops="drop").apply(edges, Counter(), homogeneous=False)
    assert len(kept) == 2


@pytest.mark.parametrize("name", ["min_weight", "top_k"])
def test_weights_are_needed(name):
    edges = Edges(np.array([0]), np.array([1]))
    with pytest.raises(GraphError, match=rf"relations.r.filters.{name}: asks for the largest weights"):
        Filters(**{name: 1}).apply(edges, Counter(), homogeneous=True)


def test_values_are_checked():
    from mmgraph.config import parse

    with pytest.raises(ConfigError) as caught:
        parse(Filters, {"top_k": 0, "min_weight": -1, "loops": "drop"}, where="r.filters")
    assert len(caught.value.faults) == 3
