"""The approximate search for nearest neighbours: it finds what is asked for, or looks everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgraph.relations import clusters
from mmgraph.relations.clusters import ApproximateSearch, Clusters, centres
from mmgraph.relations.nearest import exact_neighbours
from mmgraph.relations.vector_space import VectorSpace

METRICS = ("cosine", "euclidean")


def structured(metric, n=2000, seed=0):
    """Return vectors that lie in clusters, as those of real things do."""
    rng = np.random.default_rng(seed)
    middle = rng.normal(size=(40, 16))
    features = (middle[rng.integers(40, size=n)] + 0.3 * rng.normal(size=(n, 16))).astype(np.float32)
    return VectorSpace.of(features, metric).place(features)


def true_recall(found, vectors, metric, k, **options):
    true = exact_neighbours(vectors, k, metric, **options).similarity
    return float((found.similarity >= true[:, -1:]).mean())


@pytest.mark.parametrize("metric", METRICS)
def test_it_finds_enough_by_looking_at_little(metric):
    vectors = structured(metric)
    search = ApproximateSearch(metric, 0.95)
    found = search.neighbours(vectors, 8)
    assert search.looked_at < 0.25
    assert search.recall >= 0.95
    assert true_recall(found, vectors, metric, 8) > 0.93
    again = ApproximateSearch(metric, 0.95).neighbours(vectors, 8)
    assert np.array_equal(found.source, again.source)
    assert not (found.source == np.arange(len(vectors))[:, None]).any()


def test_more_recall_takes_more_looks():
    vectors, looked_at = structured("cosine"), []
    for recall in (0.5, 0.99):
        search = ApproximateSearch("cosine", recall)
        search.neighbours(vectors, 8)
        looked_at.append(search.looked_at)
    assert looked_at[0] < looked_at[1]


def test_it_is_exact_where_vectors_have_no_structure():
    features = np.random.default_rng(0).normal(size=(3000, 64)).astype(np.float32)
    vectors = VectorSpace.of(features, "cosine").place(features)
    search = ApproximateSearch("cosine", 0.99)
    found = search.neighbours(vectors, 5)
    assert (search.recall, search.looked_at) == (1.0, 1.0)
    assert np.array_equal(found.source, exact_neighbours(vectors, 5, "cosine").source)


def test_a_sample_that_promised_too_much_leads_to_more_looks(monkeypatch):
    vectors = structured("cosine")
    monkeypatch.setattr(Clusters, "looks_for", lambda *_: 1)
    search = ApproximateSearch("cosine", 0.9999)
    found = search.neighbours(vectors, 8)
    assert search.recall >= 0.9999
    assert search.looked_at > 1 / round(len(vectors) ** 0.5)
    assert true_recall(found, vectors, "cosine", 8) > 0.995


def test_what_is_noted_is_what_was_found(monkeypatch):
    # Asked for nothing and looking into one cluster, the search finds little: then it must not claim more.
    vectors = structured("cosine", n=2000)
    monkeypatch.setattr(Clusters, "looks_for", lambda *_: 1)
    search = ApproximateSearch("cosine", 1e-9)
    found = search.neighbours(vectors, 60)
    assert search.recall == pytest.approx(true_recall(found, vectors, "cosine", 60), abs=0.05)
    assert search.recall < 0.9


@pytest.mark.parametrize("metric", METRICS)
def test_queries_look_among_the_sources_without_themselves(metric):
    vectors = structured(metric)
    sources, own = vectors[::2], np.where(np.arange(len(vectors)) % 2 == 0, np.arange(len(vectors)) // 2, -1)
    search = ApproximateSearch(metric, 0.95)
    found = search.neighbours(sources, 8, queries=vectors, own=own)
    assert search.looked_at < 0.25
    assert not (found.source == own[:, None])[own >= 0].any()
    assert true_recall(found, sources, metric, 8, queries=vectors, own=own) > 0.93


def test_queries_are_dealt_out_in_parts(monkeypatch):
    vectors = structured("cosine", n=1500)
    whole = ApproximateSearch("cosine", 0.9).neighbours(vectors, 4)
    monkeypatch.setattr(clusters, "_DEALT", 400)
    assert np.array_equal(ApproximateSearch("cosine", 0.9).neighbours(vectors, 4).source, whole.source)


@settings(max_examples=15)
@given(n=st.integers(1, 60), copies=st.integers(1, 3), k=st.integers(1, 70), metric=st.sampled_from(METRICS))
def test_all_of_few_sources_are_found_if_all_are_asked_for(n, copies, k, metric):
    features = np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)
    vectors = VectorSpace.of(features, metric).place(np.repeat(features, copies, axis=0))
    found = ApproximateSearch(metric, 1.0).neighbours(vectors, k)
    true = exact_neighbours(vectors, k, metric)
    assert np.array_equal(found.similarity, true.similarity)


def test_centres_are_means_of_what_is_near_to_them():
    vectors = structured("euclidean", n=1000)
    middle = centres(vectors, 12, "euclidean")
    nearest = exact_neighbours(middle, 1, "euclidean", queries=vectors).source[:, 0]
    apart = np.square(vectors - middle[nearest]).sum()
    by_chance = vectors[np.linspace(0, 999, 12).astype(int)]
    others = exact_neighbours(by_chance, 1, "euclidean", queries=vectors).source[:, 0]
    assert apart < 0.8 * np.square(vectors - by_chance[others]).sum()
    assert np.allclose(np.linalg.norm(centres(structured("cosine"), 12, "cosine"), axis=1), 1, atol=1e-6)
