"""GraphML: well-formed for other tools, hostile files refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import mmgraph as mg
from mmgraph.errors import GraphError, MMGraphError, UserError
from mmgraph.graph import Graph


def test_a_built_graph_comes_back(graph: Graph, tmp_path: Path):
    mg.write_graphml(graph, tmp_path / "shop.graphml")
    back = mg.read_graphml(tmp_path / "shop.graphml")
    assert (back.fingerprint(), back.schema) == (graph.fingerprint(), graph.schema)


def test_other_programs_can_read_it(graph: Graph, tmp_path: Path):
    mg.write_graphml(graph, tmp_path / "shop.graphml")
    network = nx.read_graphml(tmp_path / "shop.graphml", force_multigraph=True)
    own = graph.to_networkx()
    assert (network.number_of_nodes(), network.number_of_edges()) == (len(own), own.number_of_edges())
    node = next(n for n, a in network.nodes(data=True) if a["type"] == "product" and a["id"] == "p0")
    assert network.nodes[node]["target:price"] == 10.5
    assert isinstance(network.nodes[node]["training"], bool)


def test_without_features_it_is_to_look_at(graph: Graph, tmp_path: Path):
    mg.write_graphml(graph, tmp_path / "shop.graphml", features=False)
    assert 'attr.name="x"' not in (tmp_path / "shop.graphml").read_text()
    with pytest.raises(GraphError, match="the features were left out when this was written"):
        mg.read_graphml(tmp_path / "shop.graphml")


def test_a_file_from_elsewhere(tmp_path: Path):
    network = nx.Graph([("a", "b"), ("b", "c")])
    nx.set_node_attributes(network, {"a": "0.5 1", "b": "2 3"}, "x")
    nx.write_graphml_xml(network, tmp_path / "own.graphml")
    graph = mg.read_graphml(tmp_path / "own.graphml")
    assert graph.name == "own"
    assert graph.nodes["node"]["id"].tolist() == ["a", "b", "c"]
    assert graph.features["node/x"].tolist() == [[0.5, 1], [2, 3]]
    assert graph.schema.edge_type(("node", "edge", "node")).num_edges == 4


def with_id(graph: Graph, text: str) -> Graph:
    makers = graph.nodes["maker"].assign(id=["acme", text])
    return replace(graph, nodes={**graph.nodes, "maker": makers})


@pytest.mark.parametrize("text", ["\0", "a\x07", "\x1b[31m", "\ufffe"])
def test_what_xml_cannot_hold_is_refused_and_nothing_is_left(graph: Graph, tmp_path: Path, text: str):
    with pytest.raises(GraphError, match=r"the id .* holds the character U.*, which XML cannot"):
        mg.write_graphml(with_id(graph, text), tmp_path / "shop.graphml")
    assert list(tmp_path.iterdir()) == []


def test_markup_in_ids_is_text(graph: Graph, tmp_path: Path):
    hostile = '"/><node id="n0"/><![CDATA[ & \r\n'
    mg.write_graphml(with_id(graph, hostile), tmp_path / "shop.graphml")
    assert mg.read_graphml(tmp_path / "shop.graphml").nodes["maker"]["id"].tolist() == ["acme", hostile]


BOMB = """<?xml version="1.0"?>
<!DOCTYPE g [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed">&b;</graph></graphml>"""
OUTSIDE = """<!DOCTYPE g SYSTEM "file:///etc/passwd"><graphml/>"""
UTF16 = BOMB.replace("?>", ' encoding="UTF-16"?>', 1).encode("utf-16")


@pytest.mark.parametrize("content", [BOMB.encode(), OUTSIDE.encode(), UTF16])
def test_a_document_type_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "bad.graphml").write_bytes(content)
    with pytest.raises(GraphError, match="has a document type, which is refused"):
        mg.read_graphml(tmp_path / "bad.graphml")


GRAPH = (
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{keys}'
    '<graph edgedefault="directed">{body}</graph></graphml>'
)
KEY_X = '<key id="x" for="node" attr.name="x" attr.type="string"/>'
KEY_SAID = '<key id="s" for="graph" attr.name="mmgraph" attr.type="string"/>'


@pytest.mark.parametrize(
    ("keys", "body", "message"),
    [
        ("", "<node", "is no XML|is no GraphML"),
        ("", '<node id="a"><data key="no">1</data></node>', "is no GraphML"),
        (KEY_X.replace("string", "int"), '<node id="a"><data key="x">one</data></node>', "is no GraphML"),
        (KEY_X, '<node id="a"><data key="x">1 two</data></node>', "node a: got '1 two' as x"),
        (KEY_SAID, '<data key="s">{</data>', "the data of the key mmgraph is damaged"),
        (KEY_SAID, '<data key="s">{}</data>', "is no description of a graph"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, keys: str, body: str, message: str):
    (tmp_path / "bad.graphml").write_text(GRAPH.format(keys=keys, body=body))
    with pytest.raises(MMGraphError, match=message):
        mg.read_graphml(tmp_path / "bad.graphml")


def test_places(graph: Graph, tmp_path: Path):
    with pytest.raises(UserError, match="there is no such file"):
        mg.read_graphml(tmp_path / "none.graphml")
    with pytest.raises(UserError, match="is a folder; wanted a file"):
        mg.write_graphml(graph, tmp_path)
    (tmp_path / "a.graphml").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        mg.write_graphml(graph, tmp_path / "a.graphml")
    assert (tmp_path / "a.graphml").read_text() == "mine"
    mg.write_graphml(graph, tmp_path / "a.graphml", overwrite=True)
    assert np.array_equal(
        mg.read_graphml(tmp_path / "a.graphml").features["product/name"], graph.features["product/name"]
    )
