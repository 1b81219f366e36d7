"""Edges turned round, against a sort by numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.graph.transpose import _by_counting, transpose


def by_target(rng, num_source, num_target, num_edges, kind):
    target = np.sort(rng.integers(num_target, size=num_edges))
    source = rng.integers(num_source, size=num_edges)
    order = np.lexsort((source, target))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=num_target))])
    return target, source[order], indptr.astype(kind), source[order].astype(np.int32)


def check(target, source, indptr, indices, num_source, positions, turn=transpose):
    pointer, targets, found = turn(indptr, indices, num_source, positions=positions)
    order = np.argsort(source, kind="stable")
    assert pointer.dtype == indptr.dtype
    assert pointer.tolist() == [0, *np.cumsum(np.bincount(source, minlength=num_source)).tolist()]
    assert targets.dtype == indices.dtype
    np.testing.assert_array_equal(targets, target[order])
    if positions:
        assert found.dtype == indptr.dtype
        np.testing.assert_array_equal(found, order)
    else:
        assert found is None


@given(
    seed=st.integers(0, 99),
    # About the ends of a block of 4,096 sources too.
    num_source=st.sampled_from([1, 3, 4095, 4096, 4097, 9000]),
    num_target=st.integers(1, 20),
    num_edges=st.integers(0, 60),
    kind=st.sampled_from([np.int32, np.int64]),
    positions=st.booleans(),
    turn=st.sampled_from([transpose, _by_counting]),
)
def test_edges_are_sorted_by_source(seed, num_source, num_target, num_edges, kind, positions, turn):
    edges = by_target(np.random.default_rng(seed), num_source, num_target, num_edges, kind)
    check(*edges, num_source, positions, turn)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("positions", [False, True])
def test_threads_share_many_edges(threads, positions):
    edges = by_target(np.random.default_rng(0), 30_000, 70_000, 2_000_000, np.int32)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        check(*edges, 30_000, positions)
    finally:
        torch.set_num_threads(before)


def test_no_nodes():
    pointer, targets, _ = transpose(np.zeros(1, np.int32), np.zeros(0, np.int32), 0)
    assert pointer.tolist() == [0]
    assert targets.size == 0
