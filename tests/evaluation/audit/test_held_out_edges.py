"""Held-out edges in the graph: in their own relation, in a copy of it, at other times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mmgraph.evaluation.audit.audit import audit
from mmgraph.evaluation.audit.report import Finding
from mmgraph.graph.edges import StoredEdges, merge
from mmgraph.graph.graph import Graph
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import EdgeType, GraphSchema


def _found(graph: Graph, **options: Any) -> list[Finding]:
    return [f for check, f in audit(graph, task="kind", **options).findings if check == "held_out_edges"]


def _with(graph: Graph, edge_type: EdgeType, edges: Edges) -> Graph:
    schema = GraphSchema(graph.schema.node_types, (*graph.schema.edge_types, edge_type))
    return replace(graph, schema=schema, edges={**graph.edges, edge_type.triple: StoredEdges.of(edges)})


@pytest.mark.parametrize("turned", [False, True])
def test_a_relation_that_repeats_them_is_found(parts: Callable[..., Any], turned: bool) -> None:
    graph = parts(0).graph()
    aside = graph.held_out["follows"].edges
    copy = merge(aside.reversed() if turned else aside, 300)
    (finding,) = _found(_with(graph, EdgeType("thing", "again", "thing", len(copy)), copy))
    assert finding.where == "relation again"
    assert finding.figure == 1
    assert ("the other way round" in finding.what) == turned


def test_half_of_them_is_no_copy(parts: Callable[..., Any]) -> None:
    graph = parts(0).graph()
    aside = graph.held_out["follows"].edges
    some = merge(aside.take(np.arange(len(aside) // 2)), 300)
    assert not _found(_with(graph, EdgeType("thing", "again", "thing", len(some)), some))


def test_a_relation_of_everybody_with_everybody_tells_nothing(parts: Callable[..., Any]) -> None:
    graph = parts(0, count=60).graph()
    one, other = np.divmod(np.arange(3600), 60)
    everything = merge(Edges(one, other), 60)
    assert not _found(_with(graph, EdgeType("thing", "near", "thing", 3600), everything))


def test_a_part_that_is_not_asked_about_does_not_count(parts: Callable[..., Any]) -> None:
    graph = parts(0).graph()
    triple = ("thing", "follows", "thing")
    tested = graph.held_out["follows"].of("test")
    index = graph.edge_index[triple]
    back = merge(Edges(np.append(index[0], tested.source[:1]), np.append(index[1], tested.target[:1])), 300)
    edge_types = tuple(
        replace(t, num_edges=len(back)) if t.name == "follows" else t for t in graph.schema.edge_types
    )
    leaking = replace(
        graph,
        schema=GraphSchema(graph.schema.node_types, edge_types),
        edges={**graph.edges, triple: StoredEdges.of(back)},
    )
    assert [finding.count for finding in _found(leaking)] == [1]
    assert not _found(leaking, split="validation")


def test_an_earlier_meeting_is_no_leak_by_time_but_the_same_one_is(parts: Callable[..., Any]) -> None:
    graph = parts(0).graph()
    triple = ("thing", "follows", "thing")
    held_out = graph.held_out["follows"]
    aside = replace(held_out.edges, time=np.full(len(held_out), 9, dtype=np.int64))
    for time, expected in ((3, []), (9, [len(held_out)])):
        again = merge(replace(aside, time=np.full(len(aside), time, dtype=np.int64)), 300)
        edge_types = tuple(
            replace(t, num_edges=len(again), timed=True) if t.name == "follows" else t
            for t in graph.schema.edge_types
        )
        timed = replace(
            graph,
            schema=GraphSchema(graph.schema.node_types, edge_types),
            edges={**graph.edges, triple: StoredEdges.of(again)},
            held_out={"follows": replace(held_out, edges=aside)},
        )
        # Those that were held out in both directions are found the other way round as well.
        assert [finding.count for finding in _found(timed)][:1] == expected
