"""Node types and edge types."""

from __future__ import annotations

import json

import pytest

from mmgraph.errors import GraphError
from mmgraph.graph import EdgeType, Graph, GraphSchema, NodeType

A = NodeType("a", 3, 0, "a")
A_X = NodeType("a/x", 2, 5, "a", "x", "text")
OF = EdgeType("a/x", "of", "a", 2, "of", made_from=("a/x",))
REV = EdgeType("a", "rev_of", "a/x", 2, "of", reverse_of="of", made_from=("a/x",))
NEAR = EdgeType("a", "near", "a", 4, "derived", weighted=True, symmetric=True)
SCHEMA = GraphSchema((A, A_X), (OF, REV, NEAR))


def test_what_models_ask_for():
    assert SCHEMA.metadata == (["a", "a/x"], [("a/x", "of", "a"), ("a", "rev_of", "a/x"), ("a", "near", "a")])
    assert SCHEMA.channels == {"a": 0, "a/x": 5}
    assert SCHEMA.weighted == [("a", "near", "a")]
    assert SCHEMA.relations == ["near"]
    assert SCHEMA.node_type("a/x") is A_X
    assert SCHEMA.edge_type(("a", "near", "a")) is NEAR
    assert (REV.relation, NEAR.relation) == ("of", "near")


def test_json_round_trip():
    assert GraphSchema.from_json(json.loads(json.dumps(SCHEMA.to_json()))) == SCHEMA


def test_round_trip_of_a_built_graph(graph: Graph):
    assert GraphSchema.from_json(json.loads(json.dumps(graph.schema.to_json()))) == graph.schema


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"node_types": 3}, "node_types: got 3; wanted a list"),
        ({"more": 1}, "more: is a key that is not known here"),
        ({"edge_types": [{"source": "a"}]}, "is missing"),
        ({"node_types": [{"name": "../a", "num_nodes": 1, "channels": 0, "entity": "a"}]}, "got '../a'"),
        ({"node_types": [{"name": "a", "num_nodes": -1, "channels": 0, "entity": "a"}]}, "got -1"),
        (
            {"node_types": [{"name": "b", "num_nodes": 1, "channels": 0, "entity": "b"}]},
            "names 'a', which is no",
        ),
    ],
)
def test_foreign_json_is_refused(change, message):
    with pytest.raises(GraphError) as caught:
        GraphSchema.from_json(SCHEMA.to_json() | change, where="m.json: schema")
    assert message in str(caught.value)


def test_names_stand_once():
    with pytest.raises(GraphError) as caught:
        GraphSchema((A, A), (NEAR, NEAR))
    assert "the node type a stands 2 times" in str(caught.value)
    assert "the edge type a -> near -> a stands 2 times" in str(caught.value)
