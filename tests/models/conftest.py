"""A schema with two entity types, three modalities and relations, and a graph of it."""

import pytest
import torch

from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType


@pytest.fixture
def schema():
    node_types = (
        NodeType("e", 6, 0, "e"),
        NodeType("e/text", 5, 7, "e", "text", "text"),
        NodeType("e/image", 3, 4, "e", "image", "image"),
        NodeType("f", 3, 0, "f"),
        NodeType("f/table", 3, 2, "f", "table", "tabular"),
    )
    edge_types = (
        EdgeType("e/text", "of", "e", 5, "of"),
        EdgeType("e", "rev_of", "e/text", 5, "of", reverse_of="of"),
        EdgeType("e/image", "of", "e", 3, "of"),
        EdgeType("e", "rev_of", "e/image", 3, "of", reverse_of="of"),
        EdgeType("f/table", "of", "f", 3, "of"),
        EdgeType("f", "rev_of", "f/table", 3, "of", reverse_of="of"),
        EdgeType("e", "near", "e", 6, weighted=True),
        EdgeType("f", "has", "e", 4),
        EdgeType("e", "rev_has", "f", 4, reverse_of="has"),
    )
    return GraphSchema(node_types, edge_types)


@pytest.fixture
def graph(schema):
    """Return features, edges and weights; entity 5 has no modality and no relation."""
    generator = torch.Generator().manual_seed(0)
    x_dict = {
        node_type.name: torch.randn(node_type.num_nodes, node_type.channels, generator=generator)
        for node_type in schema.node_types
    }
    forward = {
        ("e/text", "of", "e"): [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]],
        ("e/image", "of", "e"): [[1, 0, 2], [2, 0, 4]],
        ("f/table", "of", "f"): [[0, 1, 2], [0, 1, 2]],
        ("f", "has", "e"): [[0, 1, 2, 2], [1, 1, 0, 3]],
        ("e", "near", "e"): [[0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3]],
    }
    edges = {edge_type: torch.tensor(index) for edge_type, index in forward.items()}
    for (source, name, target), index in list(edges.items()):
        if name != "near":
            edges[target, f"rev_{name}", source] = index.flip(0)
    return x_dict, edges, {("e", "near", "e"): torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0, 4.0])}
