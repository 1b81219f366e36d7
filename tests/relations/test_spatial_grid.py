"""Edges between neighbouring cells of a grid."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmgraph.errors import GraphError
from mmgraph.graph import build_graph
from mmgraph.relations import SpatialGrid

PROPERTY = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
TRIPLE = ("thing", "grid", "thing")
CELLS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-2, 2)), st.integers(-2, 2), st.sampled_from(["a", "b", None])
    ),
    min_size=1,
    max_size=10,
)


def rows(cells, start=0):
    return [{"id": f"p{start + n}", "row": r, "column": c, "image": i} for n, (r, c, i) in enumerate(cells)]


@PROPERTY
@given(cells=CELLS, neighbours=st.sampled_from([4, 8]))
def test_it_equals_looking_at_every_pair(make_dataset, cells, neighbours):
    builder = SpatialGrid("thing", within="image", neighbours=neighbours, allow_empty=True)
    graph = build_graph(make_dataset(rows(cells)), relations=[builder])
    wanted = set()
    for s, (r, c, i) in enumerate(cells):
        for t, (p, q, j) in enumerate(cells):
            if None in (r, p, i) or i != j:
                continue
            down, right = abs(r - p), abs(c - q)
            if down + right == 1 or (neighbours == 8 and (down, right) == (1, 1)):
                wanted.add((s, t))
    assert set(map(tuple, graph.edge_index[TRIPLE].T.tolist())) == wanted
    assert graph.schema.edge_type(TRIPLE).symmetric


@settings(PROPERTY, max_examples=12)
@given(known=CELLS, new=CELLS, neighbours=st.sampled_from([4, 8]))
def test_new_ones_hear_what_they_would_in_a_graph_with_them(check_joining, known, new, neighbours):
    builder = SpatialGrid("thing", within="image", neighbours=neighbours, allow_empty=True)
    check_joining(builder, rows(known), rows(new, 100))


@pytest.mark.parametrize(
    ("cells", "parameters", "message"),
    [
        ([(0, 0.5, "a")], {}, r"column 'column', row 1 \(id 'p0'\): got 0.5; wanted a whole number"),
        ([(1e20, 0, "a")], {}, "column 'row', row 1 .*: got 1e.20; wanted a whole number"),
        ([(0, 0, "a")], {"row": "rwo"}, "row: got 'rwo'; .* no such column"),
        ([(0, 0, "a"), (0, 1, "b")], {"within": "image"}, "no edge: .* neighbouring cells of one 'image'"),
    ],
)
def test_faults(make_dataset, cells, parameters, message):
    with pytest.raises(GraphError, match=message):
        build_graph(make_dataset(rows(cells)), relations=[SpatialGrid("thing", **parameters)])
