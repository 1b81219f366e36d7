"""Edges between boxes that overlap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmgraph.errors import GraphError
from mmgraph.graph import build_graph
from mmgraph.relations import SpatialBoxes

PROPERTY = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
TRIPLE = ("thing", "r", "thing")
BOXES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 6)),
        st.integers(0, 6),
        st.integers(1, 5),
        st.integers(1, 5),
        st.sampled_from(["a", "b", None]),
    ),
    min_size=1,
    max_size=7,
)


def rows(boxes, start=0):
    names = ("x", "y", "w", "h", "image")
    return [{"id": f"b{start + n}"} | dict(zip(names, box, strict=True)) for n, box in enumerate(boxes)]


def seen(one, other):
    """Return how a box is seen from another."""
    (x, y, w, h, _), (a, b, c, d, _) = one, other
    sides = [max(0, min(p + r, q + s) - max(p, q)) for p, r, q, s in ((x, w, a, c), (y, h, b, d))]
    shared = sides[0] * sides[1]
    iou = shared / (w * h + c * d - shared)
    return ((x + w / 2 - a - c / 2) / c, (y + h / 2 - b - d / 2) / d, math.log(w / c), math.log(h / d), iou)


def brute_force(boxes, least):
    return {
        (s, t): features
        for s, one in enumerate(boxes)
        for t, other in enumerate(boxes)
        if s != t and None not in (one[0], other[0], one[4]) and one[4] == other[4]
        if (features := seen(one, other))[4] >= (least or 0)
    }


@PROPERTY
@given(boxes=BOXES, least=st.sampled_from([None, 0.05, 0.2, 0.5]), corners=st.booleans())
def test_it_equals_looking_at_every_pair(make_dataset, boxes, least, corners):
    things = rows(boxes)
    if corners:
        things = [r | {"w": (r["x"] or 0) + r["w"], "h": r["y"] + r["h"]} for r in things]
    builder = SpatialBoxes(
        "thing",
        ["x", "y", "w", "h"],
        form="corners" if corners else "xywh",
        min_iou=least,
        within="image",
        weight="iou" if least else "none",
        allow_empty=True,
    )
    graph = build_graph(make_dataset(things), relations=[("r", builder)])
    edges = graph.edges[TRIPLE]
    wanted = brute_force(boxes, least)
    found = dict(zip(map(tuple, edges.index.T.tolist()), edges.attr.tolist(), strict=True))
    assert set(found) == set(wanted)
    for pair, features in wanted.items():
        assert found[pair] == pytest.approx(features, rel=1e-5, abs=1e-6)
    if least:
        assert np.array_equal(edges.weight, edges.attr[:, 4])
    assert [t.name for t in graph.schema.edge_types] == ["r"]
    assert graph.schema.edge_type(TRIPLE).attr_names == ("dx", "dy", "log_width", "log_height", "iou")


@settings(PROPERTY, max_examples=12)
@given(known=BOXES, new=BOXES, least=st.sampled_from([None, 0.05, 0.2]))
def test_new_ones_hear_what_they_would_in_a_graph_with_them(check_joining, known, new, least):
    builder = SpatialBoxes("thing", ["x", "y", "w", "h"], min_iou=least, within="image", allow_empty=True)
    check_joining(builder, rows(known), rows(new, 100))


def test_sorting_spares_most_pairs(make_dataset):
    things = rows([(10 * n, 0, 4, 4, None) for n in range(50)])
    builder = SpatialBoxes("thing", ["x", "y", "w", "h"], max_edges=60, allow_empty=True)
    assert build_graph(make_dataset(things), relations=[("r", builder)]).edges[TRIPLE].index.shape == (2, 0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"columns": ["x", "y", "w", "z"]}, r"columns\[3\]: got 'z'; .* no such column"),
        ({"columns": ["x", "y", "w", "y"]}, r"column 'y', row 1 .*: got 0; wanted a size above 0"),
        ({"form": "corners"}, "column 'w', row 3 .*: got 4; wanted more than the least one"),
        ({"min_iou": None, "weight": "iou"}, "weight: got 'iou', but without min_iou"),
        ({"min_iou": 0.9}, "no edge: no two boxes overlap by 0.9"),
        ({"min_iou": None, "max_edges": 5}, "max_edges: got 5; .* look at about 9 pairs"),
    ],
)
def test_faults(make_dataset, parameters, message):
    things = rows([(0, 0, 4, 4, "a"), (1, 1, 4, 4, "a"), (5, 2, 4, 4, "a")])
    with pytest.raises(GraphError, match=message):
        build_graph(
            make_dataset(things),
            relations=[SpatialBoxes("thing", **({"columns": ["x", "y", "w", "h"]} | parameters))],
        )
