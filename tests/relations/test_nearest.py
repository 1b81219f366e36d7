"""The search for nearest neighbours against a comparison of all with all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mmgraph.progress import Advance
from mmgraph.relations.nearest import exact_neighbours
from mmgraph.relations.vector_space import VectorSpace

METRICS = ("cosine", "euclidean")


def normalise(features, metric):
    return VectorSpace.of(features, metric).place(features)


def brute_force(vectors, k, metric):
    """Return the k nearest others of every row in double precision, ties to the lower index."""
    vectors = vectors.astype(np.float64)
    if metric == "cosine":
        similarity = np.einsum("id,jd->ij", vectors, vectors)
    else:
        similarity = np.stack([-np.square(row - vectors).sum(axis=1) for row in vectors])
    np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(similarity, order, axis=1)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("n", "d", "k"), [(2, 3, 1), (30, 2, 5), (700, 16, 10), (1100, 8, 3)])
def test_exact_equals_brute_force(metric, n, d, k):
    features = np.random.default_rng(n).normal(size=(n, d)).astype(np.float32)
    vectors = normalise(features, metric)
    index, similarity = exact_neighbours(vectors, k, metric)
    true_index, true = brute_force(vectors, k, metric)
    assert np.array_equal(index, true_index)
    assert similarity == pytest.approx(true, abs=1e-12)


@settings(max_examples=60)
@given(
    features=npst.arrays(
        np.float32, st.tuples(st.integers(2, 25), st.integers(1, 3)), elements=st.integers(-2, 2)
    ),
    metric=st.sampled_from(METRICS),
    data=st.data(),
)
def test_similarities_are_right_where_many_tie(features, metric, data):
    k = data.draw(st.integers(1, len(features) - 1))
    vectors = normalise(features, metric)
    index, similarity = exact_neighbours(vectors, k, metric)
    assert similarity == pytest.approx(brute_force(vectors, k, metric)[1], abs=1e-9)
    assert all(len(set(row)) == k and own not in row for own, row in enumerate(index.tolist()))


@pytest.mark.parametrize("metric", METRICS)
def test_ties_go_to_the_lower_index(metric):
    # Far more copies than the search keeps candidates, so that the rule must hold among candidates as well.
    features = np.tile(np.array([[1.0, 2.0, 3.0]], dtype=np.float32), (300, 1))
    features[150:] = [3.0, -1.0, 0.5]
    index, _ = exact_neighbours(normalise(features, metric), 4, metric)
    assert index[200].tolist() == [150, 151, 152, 153]
    assert index[151].tolist() == [150, 152, 153, 154]
    assert index[0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("metric", METRICS)
def test_copies_in_any_order_come_in_the_order_of_their_index(metric):
    rng = np.random.default_rng(8)
    vectors = normalise(rng.normal(size=(3, 5)).astype(np.float32)[rng.integers(3, size=120)], metric)
    index, _ = exact_neighbours(vectors, 90, metric)
    assert np.array_equal(index, brute_force(vectors, 90, metric)[0])


def test_an_outlier_does_not_blur_the_others():
    features = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    features[0] = 1e4
    vectors = normalise(features, "euclidean")
    index, _ = exact_neighbours(vectors, 3, "euclidean")
    assert (index == brute_force(vectors, 3, "euclidean")[0]).mean() > 0.99


@pytest.mark.parametrize("metric", METRICS)
def test_the_number_of_threads_changes_nothing(metric):
    features = np.random.default_rng(1).normal(size=(1500, 33)).astype(np.float32)
    vectors = normalise(np.concatenate([features, features[:700]]), metric)
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            results.append(exact_neighbours(vectors, 5, metric))
    finally:
        torch.set_num_threads(threads)
    for index, similarity in results[1:]:
        assert np.array_equal(index, results[0][0])
        assert similarity.tobytes() == results[0][1].tobytes()


@settings(max_examples=60)
@given(
    sources=npst.arrays(np.float32, st.tuples(st.integers(0, 20), st.just(2)), elements=st.integers(-2, 2)),
    queries=npst.arrays(np.float32, st.tuples(st.integers(0, 9), st.just(2)), elements=st.integers(-2, 2)),
    metric=st.sampled_from(METRICS),
    k=st.integers(1, 24),
    data=st.data(),
)
def test_queries_find_sources_but_never_themselves(sources, queries, metric, k, data):
    own = st.integers(-1, len(sources) - 1)
    own = np.array(data.draw(st.lists(own, min_size=len(queries), max_size=len(queries))), dtype=np.int64)
    space = VectorSpace.of(sources, metric)
    found = exact_neighbours(space.place(sources), k, metric, queries=space.place(queries), own=own)
    a, b = space.place(queries).astype(float)[:, None], space.place(sources).astype(float)[None]
    near = (a * b).sum(axis=2) if metric == "cosine" else -np.square(a - b).sum(axis=2)
    near[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
    for row, index, similarity in zip(near, *found, strict=True):
        order = [j for j in np.lexsort((np.arange(len(row)), -row)) if row[j] > -np.inf][:k]
        assert index.tolist() == order + [-1] * (k - len(order))
        assert similarity[: len(order)] == pytest.approx(row[order])


@pytest.mark.parametrize("metric", METRICS)
def test_neighbours_too_close_to_call_in_single_precision(metric):
    # Points so near to each other that products of single precision cannot tell them apart.
    angle = np.random.default_rng(0).permutation(900) * 1e-4 / 900
    features = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    vectors = normalise(features, metric)
    index, similarity = exact_neighbours(vectors, 3, metric)
    true_index, true = brute_force(vectors, 3, metric)
    assert np.array_equal(similarity, true)
    assert np.array_equal(index, true_index)


def test_lower_precision_for_training_changes_nothing():
    vectors = normalise(np.random.default_rng(3).normal(size=(300, 64)).astype(np.float32), "cosine")
    allowed = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        index, _ = exact_neighbours(vectors, 5, "cosine")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(allowed)
    assert np.array_equal(index, brute_force(vectors, 5, "cosine")[0])


class Counter(Advance):
    done = 0

    def __call__(self, steps: int = 1, note: str = "") -> None:
        self.done += steps


def test_progress_counts_every_row():
    counter = Counter()
    vectors = normalise(np.random.default_rng(5).normal(size=(2500, 4)).astype(np.float32), "cosine")
    exact_neighbours(vectors, 2, "cosine", advance=counter)
    assert counter.done == 2500


def test_every_query_is_told_also_one_that_is_the_copy_of_another():
    counter = Counter()
    rows = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)[[*range(30), 3, 3, 7]]
    exact_neighbours(rows, 2, "euclidean", advance=counter)
    assert counter.done == 33
