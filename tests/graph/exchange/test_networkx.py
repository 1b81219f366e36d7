"""networkx out and in: what nodes and edges hold, graphs made elsewhere, one clear error for the rest."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

import mmgraph as mg
from mmgraph.errors import MMGraphError
from mmgraph.graph import Graph


def test_networkx_has_the_same_nodes_and_edges(graph: Graph):
    result = graph.to_networkx()
    assert isinstance(result, nx.MultiDiGraph)
    assert result.number_of_nodes() == 88
    assert result.nodes["product", "p0"]["type"] == "product"
    assert result.nodes["product", "p0"]["target:colour"] == "red"
    assert "preview" not in result.nodes["product/picture", "p1"]
    forward = [t for t in graph.schema.edge_types if t.reverse_of is None]
    assert result.number_of_edges() == sum(t.num_edges for t in forward)
    ids = graph.nodes["product"]["id"]
    triple = ("product", "bought_with", "product")
    for s, t, w in zip(*graph.edge_index[triple], graph.edge_weight[triple], strict=True):
        edge = result.edges[("product", ids[s]), ("product", ids[t]), "bought_with"]
        assert edge == {"relation": "bought_with", "weight": float(w)}
    assert result.edges[("product/name", "p0"), ("product", "p0"), "of"] == {"relation": "of"}


def test_networkx_with_reverse_relations(graph: Graph):
    result = graph.to_networkx(reverse=True)
    assert result.number_of_edges() == sum(t.num_edges for t in graph.schema.edge_types)
    assert result.has_edge(("maker", "bolt"), ("product", "p0"), "rev_made_by")


def test_networkx_holds_the_features(graph: Graph):
    node = graph.to_networkx().nodes["product/vector", "p3"]
    row = graph.nodes["product/vector"]["id"].tolist().index("p3")
    assert np.array_equal(node["x"], graph.features["product/vector"][row])
    assert np.shares_memory(node["x"], graph.features["product/vector"])


def test_what_is_missing_has_no_key(graph: Graph):
    network = graph.to_networkx()
    assert "target:colour" not in network.nodes["product", "p2"]
    assert ("product/name", "p4") not in network


def test_a_built_graph_comes_back(graph: Graph):
    back = mg.from_networkx(graph.to_networkx())
    assert (back.fingerprint(), back.schema, back.tasks) == (graph.fingerprint(), graph.schema, graph.tasks)
    assert back.nodes["product"]["title"].tolist() == graph.nodes["product"]["title"].tolist()
    assert back.nodes["product"]["training"].tolist() == graph.nodes["product"]["training"].tolist()


def shop() -> nx.MultiDiGraph:
    """Return three products, one without a picture, and a maker, as another program may hold them."""
    network = nx.MultiDiGraph(name="shop")
    for n, split in enumerate(["train", "train", "test"]):
        network.add_node(f"p{n}", type="product", title=f"Product {n}", y="cup", split=split, text=[n, 1])
    network.nodes["p2"]["y"] = None
    network.nodes["p0"]["image"] = np.ones(3)
    network.nodes["p1"]["image"] = np.full(3, np.nan)
    network.add_node(7, type="maker")
    network.add_edge("p0", 7, relation="made_by", weight=2)
    network.add_edge("p1", 7, relation="made_by", weight=3)
    network.add_edge("p0", "p1", key="with", time=5, stars=1)
    network.add_edge("p0", "p1", key="with_again", relation="with", time=9, stars=4)
    return network


def test_a_graph_from_elsewhere():
    graph = mg.from_networkx(shop(), modalities={"product": ["text", "image"]}, edge_attr=["stars"])
    assert graph.schema.channels == {"product": 0, "product/text": 2, "product/image": 3, "maker": 0}
    assert graph.name == "shop"
    assert graph.nodes["product/image"]["id"].tolist() == ["p0"]
    assert graph.nodes["product"]["title"].tolist() == ["Product 0", "Product 1", "Product 2"]
    assert graph.nodes["maker"]["id"].tolist() == ["7"]
    assert graph.tasks["product"].kind == "classification"
    assert graph.nodes["product"]["target:product"].isna().tolist() == [False, False, True]
    assert graph.edge_weight["product", "made_by", "maker"].tolist() == [2, 3]
    both = graph.edges["product", "with", "product"]
    assert both.time.tolist() == [5, 9]
    assert both.attr.tolist() == [[1], [4]]


def test_numbers_that_are_not_all_whole_are_a_regression():
    network = shop()
    for n in range(3):
        network.nodes[f"p{n}"]["y"] = n / 2
    assert mg.from_networkx(network).tasks["product"].kind == "regression"
    for n in range(3):
        network.nodes[f"p{n}"]["y"] = n
    assert mg.from_networkx(network).tasks["product"].kind == "classification"


def test_an_undirected_graph_holds_both_ways():
    graph = mg.from_networkx(nx.path_graph(3))
    triple = ("node", "edge", "node")
    assert graph.schema.metadata[1] == [triple]
    assert graph.schema.edge_type(triple).symmetric
    assert graph.edge_index[triple].tolist() == [[1, 0, 2, 1], [0, 1, 1, 2]]
    between = nx.Graph([("a", "b"), ("c", "a")])
    nx.set_node_attributes(between, {"a": "x", "b": "y", "c": "y"}, "type")
    assert mg.from_networkx(between).edge_index["x", "edge", "y"].tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (lambda n: n.nodes["p0"].update(type=3), {}, "node 'p0': got the type 3; wanted text"),
        (lambda n: n.nodes[7].update(type="a b"), {}, "got the name 'a b'"),
        (lambda n: n.add_edge("p0", 7, relation="a-b"), {}, "got the name 'a-b'"),
        (lambda n: n.add_edge("p0", 7, relation="of"), {}, "'of' is the name of the edges that tie"),
        (lambda n: n.add_edge("p2", 7, relation="made_by"), {}, "1 of 3 edges has no 'weight'"),
        (lambda n: n.edges["p0", 7, 0].update(weight=-1), {}, "not above 0"),
        (lambda n: n.edges["p0", "p1", "with"].update(time="noon"), {}, "as times; wanted whole numbers"),
        (lambda n: n.nodes["p1"].update(id="p0"), {}, "'p0' stands more than once"),
        (lambda n: n.nodes["p1"].update(split="training"), {}, "got 'training'; wanted train, validation"),
        (lambda n: None, {"modalities": {"produkt": ["x"]}}, "no such node type. Did you mean 'product'"),
        (lambda n: None, {"modalities": {"product": "x"}}, "got 'x'; wanted a list of names"),
        (lambda n: None, {"modalities": {"product": ["sound"]}}, "sound: no node has it"),
        (lambda n: n.nodes["p0"].update(x="ab"), {}, "got 'ab' for node 0; wanted numbers"),
        (
            lambda n: (n.nodes["p0"].update(x=[1]), n.nodes["p1"].update(x=[1, 2])),
            {},
            "got 2 numbers for node 1",
        ),
        (lambda n: n.nodes["p0"].update(x=[1, np.inf]), {}, "a value that is not finite"),
        (
            lambda n: n.add_node("i", type="product/image", x=[1]),
            {},
            "1 of 1 node does not lead to one entity",
        ),
        (lambda n: n.add_node("i", type="toy/image", x=[1]), {}, "there is no node type 'toy'"),
        (
            lambda n: n.graph.update(mmgraph={"version": 9}),
            {},
            "has version 9; this version of mmgraph reads",
        ),
    ],
)
def test_what_cannot_be_read(change, arguments, message):
    network = shop()
    change(network)
    with pytest.raises(MMGraphError, match=message):
        mg.from_networkx(network, **arguments)


def test_something_else_is_refused():
    with pytest.raises(MMGraphError, match="got a dict; wanted a networkx graph"):
        mg.from_networkx({})


def test_all_faults_are_reported_at_once():
    network = shop()
    network.nodes["p1"]["id"] = "p0"
    network.nodes["p2"]["split"] = "later"
    with pytest.raises(MMGraphError, match="2 faults"):
        mg.from_networkx(network)


def test_a_symmetric_relation_that_lost_an_edge_gets_a_reverse(graph: Graph):
    network = graph.to_networkx()
    edge = next(e for e in network.edges(keys=True) if e[2] == "same_shelf")
    network.remove_edge(*edge)
    back = mg.from_networkx(network)
    assert graph.schema.edge_type(("product", "same_shelf", "product")).symmetric
    assert not back.schema.edge_type(("product", "same_shelf", "product")).symmetric
    assert ("product", "rev_same_shelf", "product") in back.edge_index
