"""Sparse matrices out and in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import mmgraph as mg
from mmgraph.errors import MMGraphError
from mmgraph.graph import Graph, load_graph


def test_rows_are_sources_and_a_sum_over_edges_is_a_product(graph: Graph):
    for triple, matrix in graph.to_scipy().items():
        sizes = [graph.schema.node_type(end).num_nodes for end in (triple[0], triple[2])]
        assert list(matrix.shape) == sizes
        assert matrix.dtype == np.float32
        x = np.random.default_rng(0).normal(size=(sizes[0], 2))
        source, target = graph.edge_index[triple]
        weight = graph.edge_weight.get(triple, np.ones(len(source)))
        summed = np.zeros((sizes[1], 2))
        np.add.at(summed, target, weight[:, None] * x[source])
        assert np.allclose(matrix.T @ x, summed)


def test_a_matrix_may_be_written_to(graph: Graph, stored):
    opened = load_graph(stored)
    triple = ("product", "bought_with", "product")
    opened.to_scipy()[triple].data[:] = 0
    assert np.array_equal(opened.edge_weight[triple], graph.edge_weight[triple])


def test_a_built_graph_comes_back(graph: Graph):
    entities = {name: table for name, table in graph.nodes.items() if "/" not in name}
    back = mg.from_scipy(graph.to_scipy(), features=graph.features, nodes=entities)
    assert back.schema.metadata == graph.schema.metadata
    for triple, index in graph.edge_index.items():
        assert np.array_equal(index, back.edge_index[triple])


def test_features_without_of_have_a_row_an_entity():
    likes = sp.coo_matrix((np.array([2.0, 1.0]), ([0, 1], [2, 0])), shape=(2, 3))
    text = np.array([[1.0, 2.0], [np.nan, np.nan]])
    users = pd.DataFrame({"id": ["ann", "bob"], "y": ["x", "z"], "split": ["train", "test"]})
    graph = mg.from_scipy(
        {("user", "likes", "item"): likes}, features={"user/text": text}, nodes={"user": users}
    )
    assert graph.nodes["user/text"]["id"].tolist() == ["ann"]
    assert graph.nodes["item"]["id"].tolist() == ["0", "1", "2"]
    assert graph.edge_weight["user", "likes", "item"].tolist() == [1, 2]
    assert graph.tasks["user"].kind == "classification"


def test_ones_and_booleans_have_no_weights():
    for values in (np.ones(2), np.ones(2, dtype=bool), np.ones(2, dtype=int)):
        graph = mg.from_scipy({("a", "r", "a"): sp.csr_array((values, ([0, 1], [1, 0])), shape=(2, 2))})
        assert graph.schema.weighted == []
        assert graph.schema.edge_types[0].symmetric


PLAIN = sp.csr_array(np.eye(2))


@pytest.mark.parametrize(
    ("matrices", "arguments", "message"),
    [
        ({("a", "r"): PLAIN}, {}, r"has no key \(source, name, target\)"),
        ({("a", "r", "a"): np.eye(2)}, {}, "got a ndarray; wanted a sparse matrix"),
        ({("a", "r", "a"): sp.csr_array(np.eye(2) * 1j)}, {}, "wanted a sparse matrix of numbers"),
        ({("a", "r", "a"): PLAIN, ("a", "s", "b"): sp.csr_array((3, 2))}, {}, "has 2 by .*, 3 by "),
        ({("a", "r", "a"): -PLAIN}, {}, "not above 0"),
        ({("a", "of", "a"): PLAIN}, {}, "'of' is the name of the edges that tie"),
        ({("a b", "r", "a b"): PLAIN}, {}, "got the name 'a b'"),
        ({("a/x", "of", "a"): PLAIN}, {}, r"features\['a/x'\]: is missing"),
        ({("a", "r", "a"): PLAIN}, {"features": {"a": np.eye(2)}}, "Write 'a/x'"),
        ({("a", "r", "a"): PLAIN}, {"features": {"a/x": np.ones(2)}}, r"got float64 of shape \(2,\)"),
        ({("a", "r", "a"): PLAIN}, {"features": {"a/x": np.array([[1, np.inf]] * 2)}}, "2 rows hold a value"),
        (
            {("a", "r", "a"): PLAIN},
            {"nodes": {"a": pd.DataFrame({"x": [1, 2]})}},
            "no table with a column 'id'",
        ),
        (
            {("a/x", "of", "a"): sp.csr_array(np.ones((2, 2)))},
            {"features": {"a/x": np.eye(2)}},
            "2 of 2 nodes do not lead to one entity, first node 0 with 2 edges",
        ),
    ],
)
def test_what_cannot_be_read(matrices, arguments, message):
    with pytest.raises(MMGraphError, match=message):
        mg.from_scipy(matrices, **arguments)
