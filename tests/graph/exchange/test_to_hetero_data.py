"""A graph as HeteroData."""

from __future__ import annotations

import numpy as np
import torch
from torch_geometric.nn import HeteroConv, SAGEConv

from mmgraph.graph import Graph, load_graph


def test_hetero_data_is_whole_and_valid(graph: Graph):
    data = graph.data
    assert data.validate(raise_on_error=True)
    assert data.metadata() == graph.schema.metadata
    assert data["product"].x.shape == (24, 0)
    assert data["product"].num_nodes == 24
    for name, features in graph.features.items():
        assert data[name].x.dtype == torch.float32
        assert np.array_equal(data[name].x.numpy(), features)
        assert data[name].entity_index.tolist() == graph.nodes[name]["entity_index"].tolist()
    for triple, index in graph.edge_index.items():
        assert data[triple].edge_index.dtype == torch.int64
        assert np.array_equal(data[triple].edge_index.numpy(), index)
    assert set(data.edge_weight_dict) == set(graph.edge_weight)
    assert data is graph.data


def test_features_share_memory(graph: Graph, stored):
    for some in (graph, load_graph(stored)):
        assert some.data["product/name"].x.data_ptr() == some.features["product/name"].ctypes.data


def test_writing_to_a_tensor_leaves_the_file_alone(stored):
    before = load_graph(stored, verify=True).features["product/name"].copy()
    load_graph(stored).data["product/name"].x.zero_()
    assert np.array_equal(load_graph(stored, verify=True).features["product/name"], before)


def test_a_pyg_layer_runs_on_it(graph: Graph):
    data = graph.view("price").data
    triple = ("product/vector", "alike", "product/vector")
    layer = HeteroConv({triple: SAGEConv(6, 4)})
    assert layer(data.x_dict, {triple: data[triple].edge_index})["product/vector"].shape == (24, 4)
