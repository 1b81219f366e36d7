"""Changed edges are as many as asked for, nested, symmetric where they were, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmgraph.graph.changed_edges import EDGE_CHANGES, with_changed_edges
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType

LIKE, REV, TWIN = ("a", "like", "a"), ("a", "rev_like", "a"), ("a", "twin", "a")
COUNT = 40


@pytest.fixture
def graph() -> Graph:
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(COUNT, size=(2, 100)), axis=1)
    pairs = pairs[:, pairs[0] != pairs[1]]
    like = StoredEdges(pairs, np.arange(1, pairs.shape[1] + 1, dtype=np.float32))
    like = like.ordered(pairs, np.lexsort((pairs[0], pairs[1])))
    half = np.unique(np.sort(rng.integers(COUNT, size=(2, 60)), axis=0), axis=1)
    half = half[:, half[0] < half[1]]
    both = np.concatenate([half, half[::-1]], axis=1)
    twin = StoredEdges(both[:, np.lexsort((both[0], both[1]))])
    schema = GraphSchema(
        (NodeType("a", COUNT, 0, "a"),),
        (
            EdgeType(*LIKE, like.num_edges, weighted=True),
            EdgeType(*REV, like.num_edges, weighted=True, reverse_of="like"),
            EdgeType(*TWIN, twin.num_edges, symmetric=True),
        ),
    )
    nodes = {"a": pd.DataFrame({"id": [str(i) for i in range(COUNT)], "title": ""})}
    manifest = {"format": 2, "name": "small", "relations": {}, "encoders": {}}
    edges = {LIKE: like, REV: like.reversed(), TWIN: twin}
    return Graph(schema, manifest, {}, nodes, {}, edges)


def pairs(graph: Graph, triple) -> set[tuple[int, int]]:
    return set(zip(*graph.edge_index[triple].tolist(), strict=True))


@pytest.mark.parametrize("change", EDGE_CHANGES)
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_relations_keep_their_form(graph, change, share):
    new = with_changed_edges(graph, change, share, relations=["like", "twin"], seed=1)
    assert pairs(new, REV) == {(t, s) for s, t in pairs(new, LIKE)}
    assert pairs(new, TWIN) == {(t, s) for s, t in pairs(new, TWIN)}
    for triple in (LIKE, REV, TWIN):
        index, edge_type = new.edge_index[triple], new.schema.edge_type(triple)
        assert edge_type.num_edges == index.shape[1]
        order = np.lexsort((index[0], index[1]))
        assert order.tolist() == list(range(index.shape[1]))
    assert len(new.edge_weight[LIKE]) == new.edge_index[LIKE].shape[1]
    if share == 0:
        assert pairs(new, LIKE) == pairs(graph, LIKE)


@pytest.mark.parametrize("triple", [LIKE, TWIN])
def test_as_many_are_removed_or_added_as_asked_for(graph, triple):
    count = graph.schema.edge_type(triple).num_edges
    few, many = (
        with_changed_edges(graph, "removed", share, relations=[triple[1]], seed=2) for share in (0.25, 0.5)
    )
    assert few.edge_index[triple].shape[1] == pytest.approx(0.75 * count, abs=1)
    assert pairs(many, triple) < pairs(few, triple) < pairs(graph, triple)
    added = with_changed_edges(graph, "added", 0.5, relations=[triple[1]], seed=2)
    assert added.edge_index[triple].shape[1] == pytest.approx(1.5 * count, abs=1)
    assert pairs(added, triple) > pairs(graph, triple)
    assert not any(s == t for s, t in pairs(added, triple))


def test_rewired_edges_keep_degrees_and_others_stay(graph):
    new = with_changed_edges(graph, "rewired", 0.5, relations=["like"], seed=3)
    for end in (0, 1):
        before, after = (np.bincount(g.edge_index[LIKE][end], minlength=COUNT) for g in (graph, new))
        assert (before == after).all()
    same = len(pairs(new, LIKE) & pairs(graph, LIKE)) / graph.schema.edge_type(LIKE).num_edges
    assert 0.45 < same < 0.65
    assert pairs(new, TWIN) == pairs(graph, TWIN)
    assert sorted(new.edge_weight[LIKE]) == sorted(graph.edge_weight[LIKE])


def test_the_seed_decides(graph):
    one, same, other = (
        with_changed_edges(graph, "removed", 0.5, relations=["like"], seed=seed) for seed in (0, 0, 1)
    )
    assert pairs(one, LIKE) == pairs(same, LIKE) != pairs(other, LIKE)
