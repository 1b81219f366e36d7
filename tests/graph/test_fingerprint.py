"""What the fingerprint of a graph sees, and what it does not."""

from __future__ import annotations

from dataclasses import replace

from mmgraph.graph import Graph


def test_views_differ_in_their_fingerprints(graph: Graph):
    prints = {
        g.fingerprint() for g in (graph, graph.view("colour"), graph.shuffled(0), graph.without_relations())
    }
    assert len(prints) == 4
    assert graph.fingerprint() == graph.fingerprint()


def test_a_fingerprint_sees_every_number(graph: Graph):
    features = dict(graph.features)
    changed = features["product/name"].copy()
    changed[3, 0] += 1e-6
    features["product/name"] = changed
    assert replace(graph, features=features).fingerprint() != graph.fingerprint()
    read = {"product/name": (changed * 10).astype("int32")}
    assert replace(graph, inputs=read).fingerprint() != graph.fingerprint()
    products = graph.nodes["product"].copy()
    products.loc[5, "target:colour"] = "red" if products.loc[5, "target:colour"] == "blue" else "blue"
    assert replace(graph, nodes={**graph.nodes, "product": products}).fingerprint() != graph.fingerprint()
    titled = graph.nodes["product"].assign(title="x")
    assert replace(graph, nodes={**graph.nodes, "product": titled}).fingerprint() == graph.fingerprint()
    dated = graph.nodes["product"].assign(time=0.0)
    assert replace(graph, nodes={**graph.nodes, "product": dated}).fingerprint() != graph.fingerprint()
