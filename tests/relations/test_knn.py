"""Nearest neighbours as a relation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph import build_graph
from mmgraph.relations import KNN, search
from mmgraph.relations.copies import Distinct

MODALITY = ("thing/vector", "knn_vector", "thing/vector")
ENTITY = ("thing", "knn_vector", "thing")


def clustered(n=60, d=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(6, d))[rng.integers(6, size=n)] * 3 + rng.normal(size=(n, d))


def neighbours(make_dataset, vectors, *, present=None, **parameters):
    present = [True] * len(vectors) if present is None else present
    things = [{"id": f"t{n}", "present": bool(p)} for n, p in enumerate(present)]
    dataset = make_dataset(things, vectors=vectors)
    return build_graph(dataset, relations=[KNN("thing/vector", **parameters)], cache=False)


def brute_force(features, k, metric="cosine"):
    """Return {(neighbour, node): similarity}."""
    x = features.astype(np.float64)
    if metric == "cosine":
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        similarity = x @ x.T
    else:
        similarity = -np.linalg.norm(x[:, None] - x[None], axis=2)
    np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1)[:, :k]
    return {(int(s), t): similarity[t, s] for t, row in enumerate(order) for s in row}


def edges(graph, triple):
    return set(map(tuple, graph.edge_index[triple].T.tolist()))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_every_node_hears_from_its_nearest(make_dataset, metric):
    graph = neighbours(make_dataset, clustered(), k=4, metric=metric)
    expected = brute_force(graph.features["thing/vector"], 4, metric)
    assert edges(graph, MODALITY) == set(expected)
    assert np.bincount(graph.edge_index[MODALITY][1]).tolist() == [4] * 60
    assert edges(graph, ("thing/vector", "rev_knn_vector", "thing/vector")) == {(t, s) for s, t in expected}
    edge_type = graph.schema.edge_type(MODALITY)
    assert (edge_type.kind, edge_type.weighted, edge_type.symmetric) == ("derived", False, False)
    assert graph.manifest["relations"]["knn_vector"]["transductive"] is True


def test_edges_can_be_lifted_to_entities(make_dataset):
    present = np.arange(60) % 3 > 0
    graph = neighbours(make_dataset, clustered(), present=present, k=4, connect="entity")
    rows = np.flatnonzero(present)
    expected = {(rows[s], rows[t]) for s, t in brute_force(graph.features["thing/vector"], 4)}
    assert edges(graph, ENTITY) == expected
    assert graph.schema.edge_type(ENTITY).made_from == ("thing/vector",)


def test_mutual_neighbours_are_symmetric(make_dataset):
    graph = neighbours(make_dataset, clustered(), k=4, mutual=True, weight="similarity")
    directed = brute_force(graph.features["thing/vector"], 4)
    expected = {(s, t): w for (s, t), w in directed.items() if (t, s) in directed}
    assert 0 < len(expected) < len(directed)
    found = zip(map(tuple, graph.edge_index[MODALITY].T.tolist()), graph.edge_weight[MODALITY], strict=True)
    assert dict(found) == pytest.approx({pair: (1 + w) / 2 for pair, w in expected.items()}, rel=1e-5)
    assert graph.schema.edge_type(MODALITY).symmetric
    assert graph.schema.relations == ["knn_vector"]
    assert len([t for t in graph.schema.edge_types if "knn" in t.name]) == 1


def test_weights_fall_with_the_distance_and_stay_above_0(make_dataset):
    graph = neighbours(make_dataset, clustered(), k=6, metric="euclidean", weight="similarity")
    distance = {pair: -s for pair, s in brute_force(graph.features["thing/vector"], 6, "euclidean").items()}
    pairs = list(map(tuple, graph.edge_index[MODALITY].T.tolist()))
    weight = graph.edge_weight[MODALITY]
    assert weight.dtype == np.float32
    assert (weight > 0).all()
    assert (weight <= 1).all()
    order = np.argsort([distance[pair] for pair in pairs], kind="stable")
    assert (np.diff(weight[order]) <= 1e-6).all()


def test_opposite_vectors_keep_a_weight_above_0(make_dataset):
    graph = neighbours(make_dataset, [[1.0, 0.0], [-1.0, 0.0]], k=1, weight="similarity")
    assert (graph.edge_weight[MODALITY] > 0).all()


def test_vectors_of_zeros_get_no_neighbours_and_are_counted(make_dataset, monkeypatch):
    features = clustered(20).astype(np.float32)
    features[[3, 8]] = 0
    graph = raw_features(monkeypatch, make_dataset, features, k=5)
    assert not {3, 8} & {node for pair in edges(graph, MODALITY) for node in pair}
    described = graph.manifest["relations"]["knn_vector"]
    assert described["counts"]["zero_vectors"] == 2
    assert "2 of 20 nodes" in described["warnings"][0]


def test_too_few_vectors_that_are_not_zeros(make_dataset, monkeypatch):
    features = np.zeros((6, 3), dtype=np.float32)
    features[:3] = np.eye(3)
    with pytest.raises(
        GraphError, match=r"has 3 nodes whose scaled vectors are not all zeros.*Set k to at most 2"
    ):
        raw_features(monkeypatch, make_dataset, features, k=3)


def raw_features(monkeypatch, make_dataset, features, **parameters):
    """Return a graph whose features are these, whatever the encoder makes of the vectors."""
    from mmgraph.graph import nodes

    def encode(*arguments, **options):
        return replace(encode_modality(*arguments, **options), features=features)

    encode_modality = nodes.encode_modality
    monkeypatch.setattr(nodes, "encode_modality", encode)
    return neighbours(make_dataset, clustered(len(features)), **parameters)


@pytest.mark.parametrize(("k", "fix"), [(6, "Set k to at most 5"), (100, "Set k to at most 5")])
def test_k_larger_than_the_others_is_refused_before_anything_is_encoded(make_dataset, monkeypatch, k, fix):
    monkeypatch.setattr("mmgraph.graph.nodes.encode_modality", None)
    with pytest.raises(GraphError) as caught:
        neighbours(make_dataset, np.eye(6), k=k)
    assert f"k: got {k}; thing/vector has 6 nodes" in str(caught.value)
    assert fix in str(caught.value)


def test_of_a_chain_only_the_closest_are_mutual(make_dataset, monkeypatch):
    features = np.array([[0.0], [1.0], [2.1], [3.3], [4.6]], dtype=np.float32)
    graph = raw_features(monkeypatch, make_dataset, features, k=1, metric="euclidean", mutual=True)
    assert edges(graph, MODALITY) == {(0, 1), (1, 0)}


def test_an_entity_type_has_no_neighbours(make_dataset, things):
    dataset = make_dataset(things, vectors=np.eye(6))
    for on, message in (
        ("thing", "on: got 'thing', an entity type, which has no features.*There are: thing/vector"),
        ("thing/vectr", "on: there is no node type 'thing/vectr'. Did you mean 'thing/vector'"),
    ):
        with pytest.raises(GraphError, match=message):
            build_graph(dataset, relations=[("near", KNN(on))], cache=False)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"k": 0}, "KNN: k: got 0; wanted a number of at least 1"),
        ({"k": "many"}, "KNN: k: got 'many'; wanted an integer"),
        ({"metric": "cosin"}, "KNN: metric: got 'cosin'"),
        ({"method": "hnsw"}, "KNN: method: got 'hnsw'"),
        ({"recall": 0}, "KNN: recall: got 0; wanted a number greater than 0"),
        ({"recall": 1.5}, "KNN: recall: got 1.5; wanted a number of at most 1"),
    ],
)
def test_parameters_are_checked(parameters, message):
    with pytest.raises(ConfigError) as caught:
        KNN("thing/vector", **parameters)
    assert message in str(caught.value)


def test_an_approximate_search_notes_its_recall(make_dataset):
    graph = neighbours(make_dataset, clustered(600, seed=1), k=4, method="approximate", recall=0.9)
    exact = neighbours(make_dataset, clustered(600, seed=1), k=4, method="exact")
    found, true = edges(graph, MODALITY), edges(exact, MODALITY)
    assert len(found & true) / len(true) > 0.85
    assert graph.manifest["relations"]["knn_vector"]["counts"]["recall"] >= 0.9
    assert "recall" not in exact.manifest["relations"]["knn_vector"]["counts"]


def test_auto_is_approximate_for_many_nodes(make_dataset, monkeypatch):
    monkeypatch.setattr(search, "EXACT_UP_TO", 100)
    graph = neighbours(make_dataset, clustered(200), k=4)
    assert graph.manifest["relations"]["knn_vector"]["counts"]["recall"] >= 0.95


def split(make_dataset, vectors, *, present=None):
    """Return a dataset in which half of the things train."""
    present = [True] * len(vectors) if present is None else present
    things = [{"id": f"t{n}", "present": bool(p), "kind": n % 2} for n, p in enumerate(present)]
    return make_dataset(things, vectors=vectors, target="kind")


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_by_scope_training_neighbours_are_sought_among_training_nodes(make_dataset, metric):
    dataset = split(make_dataset, clustered())
    builder = KNN("thing/vector", k=4, metric=metric, weight="similarity", scope="training")
    graph = build_graph(dataset, relations=[builder], cache=False)
    training = dataset.training_rows("thing")
    features = graph.features["thing/vector"].copy()
    everything = brute_force(features, len(features) - 1, metric)
    expected = set()
    for node in range(len(features)):
        near = sorted(((-s, i) for (i, t), s in everything.items() if t == node and training[i]))
        expected |= {(i, node) for _, i in near[:4]}
    assert edges(graph, MODALITY) == expected
    assert "rev_knn_vector" not in {t.name for t in graph.schema.edge_types}


def test_k_is_held_against_the_nodes_that_may_send(make_dataset):
    dataset = split(make_dataset, clustered(12))
    with pytest.raises(GraphError, match=r"k: got 6; thing/vector has 6 nodes of training entities"):
        build_graph(dataset, relations=[KNN("thing/vector", k=6, scope="training")], cache=False)
    with pytest.raises(GraphError, match=r"mutual: got true, but by scope: training"):
        build_graph(dataset, relations=[KNN("thing/vector", mutual=True, scope="training")], cache=False)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("connect", ["modality", "entity"])
@pytest.mark.parametrize("encoder", [None, {"name": "standardise"}])
def test_new_entities_hear_from_their_nearest_known_ones(make_dataset, attached, metric, connect, encoder):
    vectors, present = clustered(), np.arange(60) % 3 > 0
    options = {"k": 4, "metric": metric, "connect": connect, "encoder": encoder, "weight": "similarity"}
    dataset = split(make_dataset, vectors, present=present)
    graph = build_graph(dataset, relations=[KNN("thing/vector", scope="training", **options)], cache=False)
    # The known ones come once more, as strangers: the held-out hear from the same as they did.
    triple = ENTITY if connect == "entity" else MODALITY
    again = make_dataset(dataset_rows(dataset), vectors=vectors, target="kind")
    found = attached(graph, again, "knn_vector")
    held_out = ~dataset.training_rows("thing")
    if connect == "modality":
        held_out = held_out[present]
    source, target = graph.edge_index[triple]
    weight = graph.edge_weight[triple]
    known = {(s, t): w for s, t, w in zip(source, target, weight, strict=True) if held_out[t]}
    new = found.incoming
    pairs = zip(new.source, new.target, new.weight, strict=True)
    assert {(s, t): w for s, t, w in pairs if held_out[t]} == pytest.approx(known, rel=1e-5)
    # A training node finds its own copy first.
    if connect == "modality":
        assert {(i, i) for i in np.flatnonzero(~held_out)} <= set(zip(new.source, new.target, strict=True))


def dataset_rows(dataset):
    frame = dataset.frame("thing")
    return [{"id": r.id, "present": bool(r.present), "kind": int(r.kind)} for r in frame.itertuples()]


def test_the_unit_of_distance_is_that_of_training_nodes(make_dataset):
    dataset = split(make_dataset, clustered())
    builder = KNN("thing/vector", k=3, metric="euclidean", weight="similarity")
    graph = build_graph(dataset, relations=[builder], cache=False)
    training = graph.features["thing/vector"][dataset.training_rows("thing")]
    distances = [-s for s in brute_force(training, 3, "euclidean").values()]
    assert graph.fitted["knn_vector"]["typical_distance"] == pytest.approx(np.mean(distances), rel=1e-5)


def test_known_nodes_are_made_ready_for_new_ones_once(make_dataset, attached, monkeypatch):
    dataset = split(make_dataset, clustered())
    graph = build_graph(dataset, relations=[KNN("thing/vector", k=4)], cache=False)
    of, made = Distinct.of, []
    monkeypatch.setattr(Distinct, "of", lambda rows: made.append(len(rows)) or of(rows))
    again = make_dataset(dataset_rows(dataset), vectors=clustered(), target="kind")
    first, second = (attached(graph, again, "knn_vector").incoming for _ in range(2))
    assert made == [60]
    assert np.array_equal(first.source, second.source)
    # Another graph begins with nothing.
    attached(replace(graph), again, "knn_vector")
    assert made == [60, 60]
