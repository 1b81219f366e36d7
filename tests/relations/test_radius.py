"""Everything that is near enough, as a relation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph import build_graph
from mmgraph.relations import Radius
from mmgraph.relations.vector_space import VectorSpace
from mmgraph.relations.within import within

MODALITY = ("thing/vector", "radius_vector", "thing/vector")
ENTITY = ("thing", "radius_vector", "thing")


def similarities(queries, sources, metric):
    """Return how near all are to all: cosines, or minus distances; [Q, N]."""
    a, b = queries.astype(np.float64), sources.astype(np.float64)
    if metric == "euclidean":
        return -np.linalg.norm(a[:, None] - b[None], axis=2)
    lengths = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
    return (a @ b.T) / np.where(lengths > 0, lengths, 1)


@settings(max_examples=60)
@given(
    features=npst.arrays(
        np.float32, st.tuples(st.integers(1, 25), st.integers(1, 3)), elements=st.integers(-2, 2)
    ),
    least=st.floats(-3, -0.1),
    most=st.integers(1, 6),
)
def test_all_within_a_distance_equal_brute_force(features, least, most):
    space = VectorSpace.of(features, "euclidean")
    vectors, everything = space.place(features), np.arange(len(features))
    least = round(least, 2) + 0.003  # not on any distance of a grid
    limit = -((least / space.unit) ** 2)
    found = within(vectors, limit, "euclidean", queries=vectors, own=everything, most=most)
    near = similarities(features, features, "euclidean")
    np.fill_diagonal(near, -np.inf)
    expected, cut = [], 0
    for query, row in enumerate(near):
        enough = [j for j in np.argsort(-row.round(6), kind="stable") if row[j] >= least]
        expected += [(query, j) for j in enough[:most]]
        cut += len(enough[most:])
    assert cut == found.cut
    counts = np.bincount(found.query, minlength=len(features))
    assert counts.tolist() == np.bincount([q for q, _ in expected], minlength=len(features)).tolist()
    if not cut:
        assert set(zip(found.query.tolist(), found.source.tolist(), strict=True)) == set(expected)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_many_blocks_equal_brute_force(metric, monkeypatch):
    monkeypatch.setattr("mmgraph.relations.within._BLOCK", 64)
    features = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    space = VectorSpace.of(features, metric)
    vectors = space.place(features)
    near = similarities(features, features, metric)
    np.fill_diagonal(near, -np.inf)
    limit = float(np.quantile(near[near > -np.inf], 0.9))
    least = limit if metric == "cosine" else -((limit / space.unit) ** 2)
    found = within(vectors, least, metric, queries=vectors, own=np.arange(300), most=300)
    query, source = np.nonzero(near >= limit)
    pairs = set(zip(found.query.tolist(), found.source.tolist(), strict=True))
    assert len(pairs ^ set(zip(query.tolist(), source.tolist(), strict=True))) <= 2
    assert found.cut == 0


def clustered(n=60, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(6, d))[rng.integers(6, size=n)] * 3 + rng.normal(size=(n, d))


def radius(make_dataset, *, scope="all", present=None, **parameters):
    present = [True] * 60 if present is None else present
    things = [{"id": f"t{n}", "present": bool(p), "kind": n % 2} for n, p in enumerate(present)]
    dataset = make_dataset(things, vectors=clustered(), target="kind")
    graph = build_graph(dataset, relations=[Radius("thing/vector", scope=scope, **parameters)], cache=False)
    return dataset, graph


def edges(graph, triple=MODALITY):
    return set(map(tuple, graph.edge_index[triple].T.tolist()))


@pytest.mark.parametrize(
    "parameters",
    [{"min_similarity": 0.8}, {"metric": "euclidean", "max_distance": 1.5}],
)
@pytest.mark.parametrize("scope", ["all", "training"])
def test_a_node_hears_from_all_that_are_near_enough(make_dataset, attached, parameters, scope):
    options = parameters | {"weight": "similarity", "connect": "entity"}
    present = np.arange(60) % 3 > 0
    dataset, graph = radius(make_dataset, scope=scope, present=present, **options)
    metric, rows = parameters.get("metric", "cosine"), np.flatnonzero(present)
    features = graph.features["thing/vector"]
    near = similarities(features, features, metric)
    limit = parameters.get("min_similarity", -parameters.get("max_distance", 0))
    sender = dataset.training_rows("thing")[rows] if scope == "training" else np.ones(len(rows), bool)
    expected = {
        (rows[s], rows[t]): near[t, s]
        for t, s in zip(*np.nonzero(near >= limit), strict=True)
        if s != t and sender[s]
    }
    assert edges(graph, ENTITY) == set(expected)
    pairs = map(tuple, graph.edge_index[ENTITY].T.tolist())
    scale = parameters.get("max_distance", 1)
    weigh = (lambda s: (1 + s) / 2) if metric == "cosine" else (lambda s: 1 / (1 - s / scale))
    weights = dict(zip(pairs, graph.edge_weight[ENTITY], strict=True))
    assert weights == pytest.approx({e: weigh(s) for e, s in expected.items()}, rel=1e-5)
    new = attached(graph, dataset, "radius_vector").incoming
    again = set(zip(new.source.tolist(), new.target.tolist(), strict=True))
    loops = {(i, i) for i in rows[sender]}
    assert again == set(expected) | loops


def test_copies_are_near_enough_for_a_similarity_of_1(make_dataset):
    vectors = np.repeat(np.random.default_rng(0).normal(size=(5, 7)), 2, axis=0)
    dataset = make_dataset([{"id": str(n)} for n in range(10)], vectors=vectors)
    graph = build_graph(dataset, relations=[Radius("thing/vector", min_similarity=1)], cache=False)
    assert edges(graph) == {(n, n ^ 1) for n in range(10)}


def test_too_many_neighbours_are_cut_to_the_nearest_and_counted(make_dataset):
    _, whole = radius(make_dataset, min_similarity=0.5)
    _, graph = radius(make_dataset, min_similarity=0.5, max_neighbors=3)
    near = similarities(*[graph.features["thing/vector"]] * 2, "cosine")
    for target in range(60):
        heard = sorted(s for s, t in edges(graph) if t == target)
        all_near = sorted((s for s, t in edges(whole) if t == target), key=lambda s: -near[target, s])
        assert heard == sorted(all_near[:3])
    described = graph.manifest["relations"]["radius_vector"]
    assert described["counts"]["beyond_max_neighbors"] == len(edges(whole)) - len(edges(graph)) > 0
    assert "more than max_neighbors=3" in described["warnings"][0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "min_similarity: is not given; wanted how near is near enough by metric: cosine"),
        ({"metric": "euclidean"}, "max_distance: is not given"),
        ({"max_distance": 2}, "max_distance: got 2, but near is measured by metric: cosine"),
        ({"metric": "euclidean", "min_similarity": 0.5}, "min_similarity: got 0.5, but near is measured by"),
        (
            {"min_similarity": 1, "max_neighbors": 1},
            "no two nodes of thing/vector are above the similarity 1",
        ),
    ],
)
def test_faults(make_dataset, parameters, message):
    with pytest.raises(GraphError) as caught:
        radius(make_dataset, **parameters)
    assert message in str(caught.value)


@pytest.mark.parametrize("parameters", [{"min_similarity": 2}, {"max_distance": 0}, {"max_neighbors": 0}])
def test_parameters_are_checked(parameters):
    with pytest.raises(ConfigError):
        Radius("thing/vector", **parameters)
