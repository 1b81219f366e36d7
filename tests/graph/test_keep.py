"""A part of a graph has the nodes that stay, under new numbers, and the edges between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.graph import Graph
from mmgraph.graph.keep import keep
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType

LIKE, OF, NEAR = ("a", "like", "a"), ("a/text", "of", "a"), ("a/text", "near", "a/text")


@pytest.fixture
def graph() -> Graph:
    schema = GraphSchema(
        (NodeType("a", 3, 0, "a"), NodeType("a/text", 3, 2, "a", "text", "text")),
        (
            EdgeType(*OF, 3, "of"),
            EdgeType(*NEAR, 4, weighted=True),
            EdgeType(*LIKE, 2),
        ),
    )
    edges = {
        OF: StoredEdges(np.array([[0, 1, 2], [0, 1, 2]])),
        NEAR: StoredEdges(np.array([[1, 2, 0, 1], [0, 0, 1, 2]]), np.array([1, 2, 3, 4], np.float32)),
        LIKE: StoredEdges(np.array([[0, 1], [1, 2]])),
    }
    nodes = {
        "a": pd.DataFrame({"id": ["x", "y", "z"], "title": ["X", "Y", "Z"]}),
        "a/text": pd.DataFrame({"id": ["x", "y", "z"], "entity_index": [0, 1, 2], "preview": list("xyz")}),
    }
    features = {"a/text": np.arange(6, dtype=np.float32).reshape(3, 2)}
    manifest = {"format": 2, "name": "small", "relations": {}, "encoders": {}}
    return Graph(schema, manifest, {}, nodes, features, edges)


def test_edges_leave_with_their_ends(graph):
    part = keep(graph, nodes={"a/text": np.array([False, True, True])}, change={"why": "test"})
    assert part.nodes["a/text"]["id"].tolist() == ["y", "z"]
    assert part.features["a/text"].tolist() == [[2, 3], [4, 5]]
    assert part.edge_index[OF].tolist() == [[0, 1], [1, 2]]
    assert part.edge_index[NEAR].tolist() == [[0], [1]]
    assert part.edge_weight[NEAR].tolist() == [4]
    assert part.edge_index[LIKE].tolist() == graph.edge_index[LIKE].tolist()
    sizes = {t.name: t.num_nodes for t in part.schema.node_types}
    assert sizes == {"a": 3, "a/text": 2}
    assert {t.name: t.num_edges for t in part.schema.edge_types} == {"of": 2, "near": 1, "like": 2}
    assert part.data["a/text"].x.shape == (2, 2)
    assert part.manifest["changes"][-1] == {"why": "test"}
    assert graph.schema.node_type("a/text").num_nodes == 3


def test_what_trainable_encoders_read_leaves_with_its_nodes(graph):
    tokens = np.array([[1, -1], [2, 3], [4, -1]], dtype=np.int32)
    kept = {"a/text": np.array([False, True, True])}
    part = keep(replace(graph, inputs={"a/text": tokens}), nodes=kept, change={})
    assert part.inputs["a/text"].tolist() == [[2, 3], [4, -1]]


def test_edges_leave_by_themselves(graph):
    part = keep(graph, edges={NEAR: np.array([True, False, False, True])}, change={})
    assert part.edge_index[NEAR].tolist() == [[1, 1], [0, 2]]
    assert part.edge_weight[NEAR].tolist() == [1, 4]


def test_everything_may_leave(graph):
    part = keep(graph, nodes={"a/text": np.zeros(3, dtype=bool)}, change={})
    assert part.features["a/text"].shape == (0, 2)
    assert part.edge_index[OF].shape == part.edge_index[NEAR].shape == (2, 0)
