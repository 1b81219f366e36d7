"""Edge sets: merged, reversed, compressed."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgraph.graph.edges import compress, decompress, merge, reverse
from mmgraph.graph.relation import Edges

SOURCES, TARGETS = 7, 5


@st.composite
def edge_lists(draw, *, square=False):
    """Edges between 7 sources and 5 targets (or among 7 nodes), with weights."""
    size = draw(st.integers(0, 30))
    targets = SOURCES if square else TARGETS
    ends = [draw(st.lists(st.integers(0, n - 1), min_size=size, max_size=size)) for n in (SOURCES, targets)]
    weight = draw(st.lists(st.integers(1, 64), min_size=size, max_size=size))
    return Edges(*(np.array(end, dtype=np.int64) for end in ends), np.array(weight, dtype=np.float32))


def as_dict(index, weight):
    return dict(zip(map(tuple, index.T.tolist()), weight.tolist(), strict=True))


@given(edges=edge_lists())
def test_merging_sums_weights_and_sorts(edges):
    merged = merge(edges, SOURCES, homogeneous=False, symmetric=False)
    total: dict[tuple[int, int], float] = {}
    for s, t, w in zip(edges.source, edges.target, edges.weight, strict=True):
        total[int(s), int(t)] = total.get((int(s), int(t)), 0) + float(w)
    assert as_dict(merged.edge_index, merged.edge_weight) == pytest.approx(total)
    assert merged.edge_index.T.tolist() == sorted(map(list, total), key=lambda pair: (pair[1], pair[0]))
    assert merged.duplicates == len(edges) - len(total)
    assert merged.self_loops == 0
    assert merged.edge_index.dtype == np.int64
    assert merged.edge_weight.dtype == np.float32


@given(edges=edge_lists(square=True))
def test_a_symmetric_relation_equals_its_reverse(edges):
    merged = merge(edges, SOURCES, homogeneous=True, symmetric=True)
    pairs = as_dict(merged.edge_index, merged.edge_weight)
    assert pairs == {(t, s): w for (s, t), w in pairs.items()}
    assert set(pairs) >= set(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    assert merged.self_loops == sum(s == t for s, t in pairs)
    again = merge(Edges(*merged.edge_index, merged.edge_weight), SOURCES, homogeneous=True, symmetric=True)
    assert as_dict(again.edge_index, again.edge_weight) == pytest.approx(pairs)


@given(edges=edge_lists())
def test_reversing_twice_changes_nothing(edges):
    merged = merge(edges, SOURCES, homogeneous=False, symmetric=False)
    index, weight = reverse(merged.edge_index, merged.edge_weight)
    assert as_dict(index[::-1], weight) == as_dict(merged.edge_index, merged.edge_weight)
    assert (np.diff(index[1]) >= 0).all()
    back, back_weight = reverse(index, weight)
    assert np.array_equal(back, merged.edge_index)
    assert np.array_equal(back_weight, merged.edge_weight)


@settings(max_examples=50)
@given(edges=edge_lists())
def test_compressed_form_is_scipys(edges):
    from scipy.sparse import csc_array

    merged = merge(edges, SOURCES, homogeneous=False, symmetric=False)
    indptr, indices = compress(merged.edge_index, TARGETS)
    assert indptr.dtype == indices.dtype == np.int32
    matrix = csc_array((merged.edge_weight, indices, indptr), shape=(SOURCES, TARGETS)).toarray()
    dense = np.zeros((SOURCES, TARGETS))
    np.add.at(dense, (edges.source, edges.target), edges.weight)
    assert np.array_equal(matrix, dense)
    assert np.array_equal(decompress(indptr, indices), merged.edge_index)


def test_large_numbers_stay_64_bits_wide():
    edge_index = np.array([[2**31, 5], [0, 0]])
    indptr, indices = compress(edge_index[:, ::-1], 2)
    assert indices.dtype == np.int64
    assert indptr.dtype == np.int32
    assert decompress(indptr, indices).tolist() == [[5, 2**31], [0, 0]]


def test_many_edges_take_no_loop():
    rng = np.random.default_rng(0)
    edges = Edges(*rng.integers(0, 200_000, size=(2, 300_000)), rng.random(300_000, dtype=np.float32) + 0.1)
    start = time.perf_counter()
    merged = merge(edges, 200_000, homogeneous=True, symmetric=True)
    reverse(merged.edge_index, merged.edge_weight)
    compress(merged.edge_index, 200_000)
    assert time.perf_counter() - start < 10
