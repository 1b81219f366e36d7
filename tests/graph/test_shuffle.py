"""The control with random neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.graph import EdgeType, Graph, GraphSchema, NodeType
from mmgraph.graph.edges import StoredEdges, merge, symmetrise
from mmgraph.graph.relation import Edges
from mmgraph.graph.shuffle import shuffled_edges

N = 40


def schema_of(num_edges, *, symmetric):
    forward = EdgeType("a", "near", "a", num_edges, symmetric=symmetric, weighted=True)
    back = EdgeType("a", "rev_near", "a", num_edges, reverse_of="near", weighted=True)
    return GraphSchema((NodeType("a", N, 0, "a"),), (forward,) if symmetric else (forward, back))


def relation(pairs, *, symmetric):
    source, target = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    weight = (1 + source % 7).astype(np.float32)
    edges = merge(Edges(source, target, weight), N)
    stored = StoredEdges.of(symmetrise(edges, N) if symmetric else edges)
    found = {("a", "near", "a"): stored}
    if not symmetric:
        found["a", "rev_near", "a"] = stored.reversed()
    return schema_of(stored.index.shape[1], symmetric=symmetric), found


def shuffled(schema, edges, seed):
    """Return edge indices and weights of the control."""
    new = shuffled_edges(schema, edges, seed=seed)
    return {t: e.index for t, e in new.items()}, {t: e.weight for t, e in new.items()}


PAIRS = st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), min_size=1, max_size=120)


@given(pairs=PAIRS, symmetric=st.booleans(), seed=st.integers(0, 5))
def test_degrees_symmetry_and_reverse_are_kept(pairs, symmetric, seed):
    schema, edges = relation(pairs, symmetric=symmetric)
    index, weight = {t: e.index for t, e in edges.items()}, {t: e.weight for t, e in edges.items()}
    new, new_weight = shuffled(schema, edges, seed)
    forward = ("a", "near", "a")
    for end in (0, 1):
        old_degrees = np.bincount(index[forward][end], minlength=N)
        assert np.bincount(new[forward][end], minlength=N).tolist() == old_degrees.tolist()
    assert sorted(new_weight[forward].tolist()) == sorted(weight[forward].tolist())
    assert np.lexsort(new[forward]).tolist() == list(range(new[forward].shape[1]))
    listed = [
        (*pair, w) for pair, w in zip(new[forward].T.tolist(), new_weight[forward].tolist(), strict=True)
    ]
    turned = sorted((t, s, w) for s, t, w in listed)
    if symmetric:
        assert turned == sorted(listed)
    else:
        back = ("a", "rev_near", "a")
        assert turned == sorted(
            (*pair, w) for pair, w in zip(new[back].T.tolist(), new_weight[back].tolist(), strict=True)
        )
        own = {(s, w) for s, _, w in listed}
        assert own == {
            (s, w) for s, w in zip(index[forward][0].tolist(), weight[forward].tolist(), strict=True)
        }


@pytest.mark.parametrize("symmetric", [True, False])
def test_neighbours_are_random_without_doubles_and_loops(symmetric):
    rng = np.random.default_rng(0)
    pairs = [(n, (n + step) % N) for n in range(N) for step in (1, 2, 3)] + [(0, 0), (5, 5)]
    schema, stored = relation(rng.permutation(pairs).tolist(), symmetric=symmetric)
    new = shuffled(schema, stored, 1)[0]["a", "near", "a"]
    old = stored["a", "near", "a"].index
    edges = set(map(tuple, new.T.tolist()))
    assert len(edges) == new.shape[1]
    assert {(s, t) for s, t in edges if s == t} == {(0, 0), (5, 5)}
    kept = len(edges & set(map(tuple, old.T.tolist())))
    assert kept < 0.4 * len(edges)


def test_ends_of_a_symmetric_relation_are_alike():
    # Every pair has one end in either half. Were ends kept apart by their order, none could lie in one.
    schema, stored = relation([(n, n + N // 2) for n in range(N // 2)], symmetric=True)
    source, target = shuffled(schema, stored, 0)[0]["a", "near", "a"]
    assert ((source < N // 2) == (target < N // 2)).any()


def test_hubs_keep_their_degrees_even_if_doubles_remain():
    pairs = [(n, 0) for n in range(N)] + [(0, n) for n in range(N)]
    schema, stored = relation(pairs, symmetric=False)
    new = shuffled(schema, stored, 0)[0]["a", "near", "a"]
    assert np.bincount(new[1], minlength=N)[0] == N


def test_on_a_graph(graph: Graph):
    control = graph.shuffled(3)
    assert control.schema == graph.schema
    assert control.manifest["changes"] == [{"shuffled": {"seed": 3}}]
    for edge_type in graph.schema.edge_types:
        same = np.array_equal(control.edge_index[edge_type.triple], graph.edge_index[edge_type.triple])
        assert same == (edge_type.kind == "of"), edge_type.triple
    back = control.edge_index["maker", "rev_made_by", "product"]
    assert sorted(map(tuple, back[::-1].T)) == sorted(
        map(tuple, control.edge_index["product", "made_by", "maker"].T)
    )
    assert control.fingerprint() != graph.fingerprint()


def test_the_seed_decides_and_other_relations_do_not(graph: Graph):
    triple = ("product", "bought_with", "product")
    first = graph.shuffled(1).edge_index[triple]
    assert np.array_equal(first, graph.shuffled(1).edge_index[triple])
    assert not np.array_equal(first, graph.shuffled(2).edge_index[triple])
    assert np.array_equal(first, graph.without(relations=["alike"]).shuffled(1).edge_index[triple])
