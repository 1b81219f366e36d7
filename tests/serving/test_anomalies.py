"""Outliers that were planted stand first, and scores depend on training entities alone."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor

from mmgraph.errors import ConfigError, GraphError
from mmgraph.serving.anomalies import anomalies
from mmgraph.tasks.task import Task


@pytest.fixture
def split(shop_graph):
    return shop_graph.nodes["product"]["split:colour"].to_numpy(dtype=str)


@pytest.fixture
def vectors():
    """Return vectors that lie near one direction, but for the last axis, which none uses."""
    rng = np.random.default_rng(0)
    found = np.ones((60, 6)) + 0.3 * rng.normal(size=(60, 6))
    found[:, 5] = 0
    return found * rng.uniform(1, 9, size=(60, 1))


def outliers(split: np.ndarray) -> list[int]:
    """Return a training entity and one of test."""
    return [int(np.flatnonzero(split == part)[2]) for part in ("train", "test")]


@pytest.mark.parametrize("method", ["knn", "lof"])
def test_planted_outliers_stand_first(planted, vectors, split, shop_graph, method):
    rows = outliers(split)
    vectors[rows] = np.eye(6)[[5, 4]] - np.eye(6)[0]
    found = anomalies(planted(vectors), method=method, k=5)
    ids = shop_graph.nodes["product"]["id"].to_numpy(dtype=str)
    assert set(found.table["id"][:2]) == set(ids[rows])
    assert found.table["rarer_than"][:2].min() > 0.95
    assert found.table["score"].is_monotonic_decreasing
    assert found.reference == int((split == "train").sum())
    json.dumps(found.to_json(3))


def test_the_score_is_the_mean_distance_to_the_nearest_training_entities(planted, vectors, split):
    found = anomalies(planted(vectors), k=4, shown=2).table.sort_index()
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    training = np.flatnonzero(split == "train")
    by_id = found.set_index("id")
    for row in (*training[:3], *outliers(split)):
        others = training[training != row]
        distance = np.sort(1 - units[row] @ units[others].T)
        assert by_id.loc[f"p{row}", "score"] == pytest.approx(distance[:4].mean(), abs=1e-6)


def test_the_local_outlier_factor_leaves_an_entity_out_of_its_own_neighbours(planted, vectors, split):
    found = anomalies(planted(vectors), method="lof", k=4).table.set_index("id")
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    training = np.flatnonzero(split == "train")
    factor = -LocalOutlierFactor(n_neighbors=4).fit(units[training]).negative_outlier_factor_
    assert found.loc[[f"p{row}" for row in training], "score"].to_numpy() == pytest.approx(factor, rel=1e-3)


@pytest.mark.parametrize("method", ["knn", "lof"])
def test_held_out_entities_change_no_score_of_others(planted, vectors, split, method):
    changed = vectors.copy()
    row = outliers(split)[1]
    changed[row] = -changed[row]
    scores = [
        anomalies(planted(each), method=method, k=5)
        .table.set_index("id")["score"]
        .drop(f"p{row}")
        .sort_index()
        for each in (vectors, changed)
    ]
    assert scores[0].to_numpy() == pytest.approx(scores[1].to_numpy(), abs=1e-9)


def test_entities_alike_are_no_neighbours_of_themselves(planted, split):
    # All distances are 0: whoever is left out must be oneself and not one's double.
    found = anomalies(planted(np.ones((60, 6))), k=3, shown=1).table
    assert found["score"].abs().max() < 1e-9
    assert found["rarer_than"].max() == 0


def test_how_rare_a_score_is_the_validation_entities_say(planted, vectors, split):
    found = anomalies(planted(vectors), k=4).table
    usual = found.loc[found["split"] == "validation", "score"].to_numpy()
    assert len(usual) == (split == "validation").sum()
    for score, share in zip(found["score"], found["rarer_than"], strict=True):
        assert share == (usual < score).mean()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": 36}, "-k: got 36; wanted from 1 to fewer than there are training entities, 36"),
        ({"k": 0}, "-k: got 0"),
        ({"method": "lov"}, "there is no method 'lov'. Did you mean 'lof'"),
    ],
)
def test_what_cannot_be_is_refused(planted, vectors, options, said):
    with pytest.raises(ConfigError) as caught:
        anomalies(planted(vectors), **options)
    assert said in str(caught.value)


def test_a_graph_must_say_who_trains(planted, vectors, shop_graph):
    run = planted(vectors)
    without = {
        name: table.drop(columns=["training"], errors="ignore") for name, table in shop_graph.nodes.items()
    }
    run.graph = SimpleNamespace(nodes=without)
    run.task.split_of = lambda _: None
    with pytest.raises(GraphError, match="does not say which entities of the type 'product' train"):
        anomalies(run)


@pytest.mark.parametrize("task", ["colour", "retrieval:name,picture", "colour,price"])
def test_the_split_is_that_of_the_task_of_the_run(planted, vectors, split, shop_graph, task):
    run = planted(vectors)
    run.task = Task.from_graph(shop_graph, task)
    found = anomalies(run, k=4).table.set_index("id")["split"]
    assert found[shop_graph.nodes["product"]["id"]].tolist() == split.tolist()
    # Of others, the graph knows who may train, and links have parts where entities have none.
    assert run.task.split_of("maker") is None
    assert Task.from_graph(shop_graph, "link:bought_with").split_of("product") is None


def test_what_is_missing_is_null_in_json(planted, vectors):
    run = planted(vectors)
    run.task.split_of = lambda _: np.full(60, "train")
    found = anomalies(run, k=4).to_json(2)
    assert json.loads(json.dumps(found, allow_nan=False))["anomalies"][0]["rarer_than"] is None


def test_a_real_run_has_scores_and_clusters(run):
    import mmgraph as mg

    assert mg.cluster(run, clusters=3, against="colour").against["adjusted_rand_index"] > 0.5
    table = mg.anomalies(run, k=5).table
    assert sorted(table["id"]) == sorted(run.graph.nodes["product"]["id"])
