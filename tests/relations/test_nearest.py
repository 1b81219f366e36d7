"""The search for nearest neighbours against a comparison of all with all."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mmgraph.progress import Advance
from mmgraph.relations.nearest import ApproximateNeighbours, exact_neighbours, normalise

METRICS = ("cosine", "euclidean")


def brute_force(vectors, k, metric):
    """Return the k nearest others of every row in double precision, ties to the lower index."""
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


@settings(max_examples=60, deadline=None)
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


def test_queries_are_a_part_of_the_whole():
    vectors = normalise(np.random.default_rng(2).normal(size=(50, 6)).astype(np.float32), "cosine")
    rows = np.array([40, 3, 7])
    assert np.array_equal(
        exact_neighbours(vectors, 4, "cosine", queries=rows)[0],
        exact_neighbours(vectors, 4, "cosine")[0][rows],
    )


@pytest.mark.parametrize("metric", METRICS)
def test_approximate_neighbours_are_good_and_reproducible(metric):
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(40, 24))
    features = (centres[rng.integers(40, size=2000)] + 0.3 * rng.normal(size=(2000, 24))).astype(np.float32)
    vectors = normalise(features, metric)
    results = []
    for _ in range(2):
        index = ApproximateNeighbours(vectors, metric, advance=Advance())
        results.append(index.search(8, ef_search=128, advance=Advance()))
    found, similarity = results[0]
    assert np.array_equal(found, results[1][0])
    assert index.recall(8, similarity) > 0.98
    true, _ = brute_force(vectors, 8, metric)
    assert np.mean([len(set(a) & set(b)) / 8 for a, b in zip(found, true, strict=True)]) > 0.98


def test_recall_sees_a_bad_search():
    vectors = normalise(np.random.default_rng(4).normal(size=(400, 8)).astype(np.float32), "cosine")
    index = ApproximateNeighbours(vectors, "cosine", advance=Advance())
    assert index.recall(5, np.full((400, 5), -1.0)) == 0.0
    assert index.recall(5, exact_neighbours(vectors, 5, "cosine")[1]) == 1.0


def test_progress_counts_every_row():
    class Counter(Advance):
        done = 0

        def __call__(self, steps: int = 1, note: str = "") -> None:
            self.done += steps

    counter = Counter()
    vectors = normalise(np.random.default_rng(5).normal(size=(2500, 4)).astype(np.float32), "cosine")
    exact_neighbours(vectors, 2, "cosine", advance=counter)
    assert counter.done == 2500


@pytest.mark.slow
def test_speed_stays_near_a_bare_product():
    features = np.random.default_rng(6).normal(size=(4000, 256)).astype(np.float32)
    vectors = normalise(features, "cosine")
    single = torch.from_numpy(vectors.astype(np.float32))

    def bare() -> None:
        for start in range(0, len(single), 1024):
            (single[start : start + 1024] @ single.T).topk(10)

    def ours() -> None:
        exact_neighbours(vectors, 10, "cosine")

    times = {run: [] for run in (bare, ours)}
    for _ in range(3):
        for run, taken in times.items():
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    assert min(times[ours]) < 6 * min(times[bare])
