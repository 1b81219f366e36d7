"""Edges from children to ancestors, and between siblings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmgraph.errors import GraphError
from mmgraph.graph import build_graph
from mmgraph.graph.attach import attach
from mmgraph.relations import Hierarchy
from mmgraph.relations.ancestry import find_cycle, written

PROPERTY = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
TRIPLE = ("thing", "r", "thing")
DEPTH = st.one_of(st.none(), st.integers(1, 3))


@st.composite
def steps(draw, size):
    """Return steps up among so many nodes, never to a later one."""
    pairs = [(c, p) for c in range(size) for p in range(c)]
    return draw(st.lists(st.sampled_from(pairs), max_size=8)) if pairs else []


def table(pairs):
    return "child,parent\n" + "".join(f"t{c},t{p}\n" for c, p in pairs)


def things(size, start=0):
    return [{"id": f"t{start + n}"} for n in range(size)]


def brute_force(pairs, size, depth):
    found = {}
    for node in range(size):
        level, number = {node}, 0
        while level and (depth is None or number < depth):
            number += 1
            level = {p for c, p in pairs if c in level}
            for top in level:
                found.setdefault((node, top), number)
    return found


@PROPERTY
@given(data=st.data(), size=st.integers(2, 7), depth=DEPTH)
def test_ancestors_equal_walking_up(make_dataset, data, size, depth):
    pairs = data.draw(steps(size))
    dataset = make_dataset(things(size), tables={"tree.csv": table(pairs)})
    builder = Hierarchy("thing", table="tree.csv", depth=depth, allow_empty=True)
    graph = build_graph(dataset, relations=[("r", builder)])
    edges, wanted = graph.edges[TRIPLE], brute_force(pairs, size, depth)
    found = map(tuple, edges.index.T.tolist())
    if depth == 1:
        assert edges.attr is None
        assert set(found) == set(wanted)
    else:
        assert dict(zip(found, edges.attr[:, 0].tolist(), strict=True)) == wanted
    assert [t.name for t in graph.schema.edge_types] == ["r", "rev_r"]


@PROPERTY
@given(data=st.data(), size=st.integers(2, 7), largest=st.integers(2, 4))
def test_siblings_have_a_parent_in_common(make_dataset, data, size, largest):
    pairs = data.draw(steps(size))
    dataset = make_dataset(things(size), tables={"tree.csv": table(pairs)})
    builder = Hierarchy("thing", table="tree.csv", link="siblings", max_group=largest, allow_empty=True)
    graph = build_graph(dataset, relations=[("r", builder)])
    children = {p: {c for c, q in pairs if q == p} for _, p in pairs}
    wanted = {(a, b) for own in children.values() if len(own) <= largest for a in own for b in own if a != b}
    assert set(map(tuple, graph.edge_index[TRIPLE].T.tolist())) == wanted
    assert graph.schema.edge_type(TRIPLE).symmetric


@settings(PROPERTY, max_examples=12)
@given(data=st.data(), size=st.integers(2, 6), depth=DEPTH, link=st.sampled_from(["ancestors", "siblings"]))
def test_new_ones_hear_what_they_would_in_a_graph_with_them(check_joining, data, size, depth, link):
    parents = [None, *(data.draw(st.one_of(st.none(), st.integers(0, n - 1))) for n in range(1, size))]
    rows = [{"id": f"t{n}", "parent": None if p is None else f"t{p}"} for n, p in enumerate(parents)]
    new = [{"id": f"t{100 + n}", "parent": data.draw(st.sampled_from(["t0", "t1", None]))} for n in range(3)]
    check_joining(Hierarchy("thing", link=link, depth=depth, max_group=3, allow_empty=True), rows, new)


def test_a_new_entity_may_come_between_known_ones(make_dataset):
    tree = {"tree.csv": table([(1, 0)])}
    graph = build_graph(
        make_dataset(things(3), tables=tree),
        relations=[("r", Hierarchy("thing", table="tree.csv", depth=None))],
    )
    new = make_dataset(things(2, 10), tables={"tree.csv": table([(10, 1), (2, 10), (11, 10)])})
    found = attach(graph, new).relations["r"]
    outgoing = zip(found.outgoing.source, found.outgoing.target, found.outgoing.attr[:, 0], strict=True)
    assert set(outgoing) == {(0, 1, 1), (0, 0, 2)}
    assert list(zip(found.incoming.source, found.incoming.target, strict=True)) == [(2, 0)]


def test_a_new_entity_may_have_a_parent_or_a_child_that_nobody_is(make_dataset):
    tree = {"tree.csv": table([(1, 0)])}
    graph = build_graph(
        make_dataset(things(3), tables=tree), relations=[("r", Hierarchy("thing", table="tree.csv"))]
    )
    new = make_dataset(things(3, 10), tables={"tree.csv": table([(10, 1), (11, 77), (78, 11), (79, 80)])})
    found = attach(graph, new).relations["r"]
    assert found.unknown["thing"].tolist() == [0, 2, 0]
    assert list(zip(found.outgoing.source, found.outgoing.target, strict=True)) == [(0, 1)]

    rows = [{"id": "a", "up": None}, {"id": "b", "up": "a"}]
    graph = build_graph(make_dataset(rows), relations=[("r", Hierarchy("thing", "up"))])
    found = attach(graph, make_dataset([{"id": "x", "up": "q"}, {"id": "y", "up": "b"}])).relations["r"]
    assert found.unknown["thing"].tolist() == [1, 0]


def test_a_column_of_the_entity_table_is_enough(make_dataset):
    rows = [{"id": "a", "up": None}, {"id": "b", "up": "a"}, {"id": "c", "up": "b"}]
    graph = build_graph(make_dataset(rows), relations=[Hierarchy("thing", "up")])
    assert graph.edge_index["thing", "parent", "thing"].tolist() == [[1, 2], [0, 1]]
    assert graph.schema.edge_type(("thing", "parent", "thing")).kind == "given"


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=9))
def test_a_cycle_is_found_if_there_is_one(pairs):
    child, parent = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    cycle = find_cycle(child, parent, 6)
    reach = brute_force(pairs, 6, 6)
    assert bool(cycle) == any((n, n) in reach for n in range(6))
    assert len(set(cycle)) == len(cycle)
    for step in zip(cycle, [*cycle[1:], *cycle[:1]], strict=True):
        assert step in pairs


def test_a_long_cycle_is_cut():
    assert written(range(20), [str(n) for n in range(20)]).startswith(
        "'0' -> '1' -> '2' -> '3' -> ... 13 more"
    )


@pytest.mark.parametrize(
    ("pairs", "parameters", "message"),
    [
        (
            [(1, 0), (2, 1), (0, 2)],
            {},
            "parent_column: the hierarchy has a cycle: 't0' -> 't2' -> 't1' -> 't0'",
        ),
        ([(1, 1)], {}, "a cycle: 't1' -> 't1'"),
        ([(1, 9)], {}, "column 'parent', row 1: got 't9'; wanted an id of the type 'thing'"),
        ([(9, 1)], {}, "column 'child', row 1: got 't9'; wanted an id of the type 'thing'"),
        ([(9, 1)], {"unknown": "skip"}, "no edge: no entity has a parent in 'parent'"),
        ([(1, 0)], {"child_column": "chld"}, "child_column: got 'chld'; .* Did you mean 'child'"),
        ([(1, 0)], {"link": "siblings"}, "no edge: no two entities have a parent"),
        ([(n + 1, n) for n in range(9)], {"depth": None, "max_edges": 20}, "max_edges: got 20; .* pairs"),
    ],
)
def test_faults(make_dataset, pairs, parameters, message):
    size = 3 if len(pairs) < 5 else 10
    dataset = make_dataset(things(size), tables={"tree.csv": table(pairs)})
    with pytest.raises(GraphError, match=message):
        build_graph(dataset, relations=[Hierarchy("thing", table="tree.csv", **parameters)])


def test_a_target_is_refused(make_dataset):
    rows = [{"id": f"t{n}", "parent": f"t{n % 2}"} for n in range(8)]
    with pytest.raises(GraphError, match="parent_column: got 'parent', which the task 'answer' predicts"):
        build_graph(make_dataset(rows, target="parent"), relations=[Hierarchy("thing")])
