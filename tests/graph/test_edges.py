"""Edge sets: merged, reversed, compressed."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgraph.graph.edges import StoredEdges, compress, decompress, merge, symmetrise
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


def stored(edges):
    return StoredEdges.of(merge(edges, SOURCES))


@given(edges=edge_lists())
def test_merging_sums_weights_and_sorts(edges):
    merged = stored(edges)
    total: dict[tuple[int, int], float] = {}
    for s, t, w in zip(edges.source, edges.target, edges.weight, strict=True):
        total[int(s), int(t)] = total.get((int(s), int(t)), 0) + float(w)
    assert as_dict(merged.index, merged.weight) == pytest.approx(total)
    assert merged.index.T.tolist() == sorted(map(list, total), key=lambda pair: (pair[1], pair[0]))
    assert merged.index.dtype == np.int64
    assert merged.weight.dtype == np.float32


@given(edges=edge_lists(), seed=st.integers(0, 9))
def test_what_edges_carry_is_merged_with_them_and_times_keep_them_apart(edges, seed):
    rng = np.random.default_rng(seed)
    time, attr = rng.integers(0, 2, len(edges)), rng.normal(size=(len(edges), 2)).astype(np.float32)
    merged = merge(replace(edges, attr=attr, attr_names=("a", "b"), time=time), SOURCES)
    rows: dict[tuple[int, int, int], list] = {}
    for n, key in enumerate(zip(edges.target.tolist(), edges.source.tolist(), time.tolist(), strict=True)):
        rows.setdefault(key, []).append(n)
    keys = list(zip(merged.target.tolist(), merged.source.tolist(), merged.time.tolist(), strict=True))
    assert keys == sorted(rows)
    for n, key in enumerate(keys):
        assert merged.weight[n] == pytest.approx(edges.weight[rows[key]].sum())
        assert merged.attr[n] == pytest.approx(attr[rows[key]].mean(axis=0), abs=1e-6)


@given(edges=edge_lists(square=True))
def test_a_symmetric_relation_equals_its_reverse(edges):
    merged = symmetrise(merge(edges, SOURCES), SOURCES)
    both = StoredEdges.of(merged)
    pairs = as_dict(both.index, both.weight)
    assert pairs == {(t, s): w for (s, t), w in pairs.items()}
    assert set(pairs) >= set(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    again = StoredEdges.of(symmetrise(merged, SOURCES))
    assert as_dict(again.index, again.weight) == pytest.approx(pairs)


@given(edges=edge_lists())
def test_reversing_twice_changes_nothing(edges):
    merged = stored(edges)
    back = merged.reversed()
    assert as_dict(back.index[::-1], back.weight) == as_dict(merged.index, merged.weight)
    assert (np.diff(back.index[1]) >= 0).all()
    again = back.reversed()
    assert np.array_equal(again.index, merged.index)
    assert np.array_equal(again.weight, merged.weight)


@settings(max_examples=50)
@given(edges=edge_lists())
def test_compressed_form_is_scipys(edges):
    from scipy.sparse import csc_array

    merged = stored(edges)
    indptr, indices = compress(*merged.index, TARGETS)
    assert indptr.dtype == indices.dtype == np.int32
    matrix = csc_array((merged.weight, indices, indptr), shape=(SOURCES, TARGETS)).toarray()
    dense = np.zeros((SOURCES, TARGETS))
    np.add.at(dense, (edges.source, edges.target), edges.weight)
    assert np.array_equal(matrix, dense)
    assert np.array_equal(decompress(indptr, indices), merged.index)


def test_large_numbers_stay_64_bits_wide():
    edge_index = np.array([[2**31, 5], [0, 0]])
    indptr, indices = compress(*edge_index[:, ::-1], 2)
    assert indices.dtype == np.int64
    assert indptr.dtype == np.int32
    assert decompress(indptr, indices).tolist() == [[5, 2**31], [0, 0]]


def test_many_edges_take_no_loop():
    rng = np.random.default_rng(0)
    edges = Edges(*rng.integers(0, 200_000, size=(2, 300_000)), rng.random(300_000, dtype=np.float32) + 0.1)
    start = time.perf_counter()
    merged = StoredEdges.of(symmetrise(merge(edges, 200_000), 200_000))
    merged.reversed()
    compress(*merged.index, 200_000)
    assert time.perf_counter() - start < 10
