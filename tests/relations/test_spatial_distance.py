"""Edges between what is near in space."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmgraph.errors import GraphError
from mmgraph.graph import build_graph
from mmgraph.relations import SpatialDistance

PROPERTY = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 10**6)
TRIPLE = ("thing", "near", "thing")


def test_a_k_that_nobody_can_have_is_worth_a_warning(make_dataset):
    dataset = make_dataset([{"id": f"t{n}", "x": n, "y": 0} for n in range(3)])
    for k, warned in ((2, []), (3, ["k=3, but there are only 2 others; each hears from all within reach"])):
        builder = SpatialDistance(entity="thing", columns=["x", "y"], k=k)
        described = build_graph(dataset, relations=[builder], cache=False).manifest["relations"]["near"]
        assert described["warnings"] == warned
        assert described["counts"].get("k_beyond_others", 0) == len(warned)


def rows(count, seed, start=0, scale=(1.0, 1.0)):
    """Return things at random places, a few of them nowhere or in no group."""
    rng = np.random.default_rng(seed + start)
    made = []
    for n in range(count):
        x, y = (rng.uniform(-1, 1, 2) * scale).tolist()
        group = rng.choice(["p", "q", ""], p=[0.6, 0.3, 0.1]).item()
        made.append(
            {"id": f"t{start + n}", "x": None if rng.random() < 0.1 else x, "y": y, "g": group or None}
        )
    return made


def haversine(one, other):
    (a, b), (c, d) = np.radians(one), np.radians(other)
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * 6371.0088 * math.asin(min(1.0, math.sqrt(half)))


def brute_force(things, measure, k, radius):
    found = {}
    for t, target in enumerate(things):
        if None in (target["x"], target["g"]):
            continue
        near = sorted(
            (measure((target["x"], target["y"]), (source["x"], source["y"])), s)
            for s, source in enumerate(things)
            if s != t and source["x"] is not None and source["g"] == target["g"]
        )
        for distance, s in near[:k]:
            if radius is None or distance <= radius:
                found[s, t] = distance
    return found


def edges_of(graph):
    edges = graph.edges[TRIPLE]
    return dict(zip(map(tuple, edges.index.T.tolist()), edges.attr[:, 0].tolist(), strict=True))


@PROPERTY
@given(
    seed=SEEDS,
    count=st.integers(1, 12),
    k=st.one_of(st.none(), st.integers(1, 4)),
    radius=st.sampled_from([None, 0.5, 1.0]),
)
def test_it_equals_looking_at_every_pair(make_dataset, seed, count, k, radius):
    if k is None and radius is None:
        radius = 0.7
    things = rows(count, seed)
    builder = SpatialDistance("thing", ["x", "y"], k=k, radius=radius, within="g", allow_empty=True)
    graph = build_graph(make_dataset(things), relations=[builder])
    assert edges_of(graph) == pytest.approx(brute_force(things, math.dist, k, radius), rel=1e-5)
    assert graph.schema.edge_type(TRIPLE).symmetric == (k is None)


@PROPERTY
@given(
    seed=SEEDS, k=st.one_of(st.none(), st.integers(1, 3)), radius=st.sampled_from([300.0, 5000.0, 30000.0])
)
def test_the_globe_is_round(make_dataset, seed, k, radius):
    things = rows(10, seed, scale=(90, 180))
    builder = SpatialDistance(
        "thing", ["x", "y"], metric="haversine", k=k, radius=radius, within="g", allow_empty=True
    )
    graph = build_graph(make_dataset(things), relations=[builder])
    assert edges_of(graph) == pytest.approx(brute_force(things, haversine, k, radius), rel=1e-5)


@settings(PROPERTY, max_examples=12)
@given(
    seed=SEEDS,
    known=st.integers(1, 9),
    new=st.integers(1, 4),
    k=st.one_of(st.none(), st.integers(1, 3)),
    metric=st.sampled_from(["euclidean", "haversine"]),
    far=st.booleans(),
)
def test_new_ones_hear_what_they_would_in_a_graph_with_them(check_joining, seed, known, new, k, metric, far):
    radius = None if far and k else 120 if metric == "haversine" else 0.8
    builder = SpatialDistance(
        "thing",
        ["x", "y"],
        metric=metric,
        k=k,
        radius=radius,
        within="g",
        half_distance=0.5 if metric == "euclidean" else 70,
        allow_empty=True,
    )
    check_joining(builder, rows(known, seed), rows(new, seed, 100))


def test_paris_and_london_are_344_km_apart(make_dataset):
    # Paris, London, and two sides of the date line near Fiji.
    places = {
        "a": (48.8566, 2.3522),
        "b": (51.5074, -0.1278),
        "c": (-17.7, 179.9),
        "d": (-17.7, -179.9),
    }
    things = [{"id": name, "lat": lat, "lon": lon} for name, (lat, lon) in places.items()]
    builder = SpatialDistance("thing", ["lat", "lon"], metric="haversine", radius=400, half_distance=343.56)
    graph = build_graph(make_dataset(things), relations=[builder])
    found = edges_of(graph)
    assert set(found) == {(0, 1), (1, 0), (2, 3), (3, 2)}
    assert found[0, 1] == pytest.approx(343.56, abs=0.01)
    # Across the date line.
    assert found[2, 3] == pytest.approx(21.19, abs=0.01)
    assert graph.edge_weight[TRIPLE][0] == pytest.approx(0.5, abs=1e-4)
    assert graph.schema.edge_type(TRIPLE).attr_names == ("distance",)


def test_many_at_one_place_are_k_neighbours_but_none_is_its_own(make_dataset):
    things = [{"id": str(n), "x": 1.0, "y": 2.0} for n in range(9)]
    graph = build_graph(make_dataset(things), relations=[SpatialDistance("thing", ["x", "y"], k=3)])
    source, target = graph.edge_index[TRIPLE]
    assert (source != target).all()
    assert np.bincount(target).tolist() == [3] * 9


def test_scope_training_chooses_among_those_that_may_send(make_dataset):
    things = [{"id": str(n), "x": n**1.1, "kind": n % 2} for n in range(12)]
    dataset = make_dataset(things, target="kind")
    graph = build_graph(dataset, relations=[SpatialDistance("thing", ["x"], k=2, scope="training")])
    source, target = graph.edge_index[TRIPLE]
    assert graph.nodes["thing"]["training"].to_numpy()[source].all()
    assert np.bincount(target, minlength=12).tolist() == [2] * 12


THREE = [{"id": str(n), "x": n, "y": 95 * n, "kind": n % 2} for n in range(8)]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"columns": ["x", "y"]}, "k: is missing, and so is radius"),
        (
            {"columns": ["x"], "metric": "haversine", "k": 1},
            "columns: got 1 column; wanted latitude and longi",
        ),
        (
            {"columns": ["y", "x"], "metric": "haversine", "k": 1},
            r"column 'y', row 2 \(id '1'\): got 95; wanted -90 to 90 degrees \(also in rows 3, 4",
        ),
        ({"columns": ["x", "y"], "metric": "haversine", "k": 1}, "wanted -180 to 180 degrees"),
        ({"columns": ["x", "z"], "k": 1}, r"columns\[1\]: got 'z'; .* no such column"),
        ({"columns": ["x", "kind"], "k": 1}, r"columns\[1\]: got 'kind', which the task 'answer' predicts"),
        ({"columns": ["x", "y"], "radius": 0.5}, "no edge: no two entities have places within 0.5"),
        ({"columns": ["x"], "radius": 99, "max_edges": 9}, "max_edges: got 9; .* look at about 64 pairs"),
    ],
)
def test_faults(make_dataset, parameters, message):
    with pytest.raises(GraphError, match=message):
        build_graph(make_dataset(THREE, target="kind"), relations=[SpatialDistance("thing", **parameters)])
