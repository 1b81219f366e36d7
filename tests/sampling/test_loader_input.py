"""Input of a loader in all the ways in which PyG's loaders take it; all else is one clear error."""

import numpy as np
import pytest
import torch
from torch_geometric.loader import LinkLoader, NodeLoader

from mmgraph.errors import ConfigError, GraphError
from mmgraph.sampling import BatchLoader, NeighbourSampler
from tests.sampling.conftest import AB

MASK = torch.arange(40) % 3 == 0


@pytest.mark.parametrize(
    "nodes", ["a", ("a", None), ("a", MASK), ("a", [5, 2, 5]), ("a", torch.tensor([3, 1]))]
)
def test_nodes_as_pyg_takes_them(data, nodes):
    sampler = NeighbourSampler(data, [2], seed=0)
    loader = BatchLoader(data, sampler, input_nodes=nodes, batch_size=4)
    of_pyg = NodeLoader(data, sampler, nodes, batch_size=4)
    assert len(loader) == len(of_pyg) > 0
    for ours, theirs in zip(loader, of_pyg, strict=True):
        assert torch.equal(ours["a"].n_id, theirs["a"].n_id)
        assert torch.equal(ours["a"].input_id, theirs["a"].input_id)
        assert ours["a"].batch_size == theirs["a"].batch_size


@pytest.mark.parametrize("links", [AB, (AB, None), (AB, torch.tensor([[0, 1, 2], [2, 1, 0]]))])
def test_links_as_pyg_takes_them(data, links):
    sampler = NeighbourSampler(data, [2], seed=0)
    loader = BatchLoader(data, sampler, edge_label_index=links, batch_size=64)
    of_pyg = LinkLoader(data, sampler, links, batch_size=64)
    assert len(loader) == len(of_pyg) > 0
    for ours, theirs in zip(loader, of_pyg, strict=True):
        assert torch.equal(ours[AB].edge_label_index, theirs[AB].edge_label_index)
        assert torch.equal(ours["b"].n_id, theirs["b"].n_id)


def test_numpy_and_lists_are_taken_too(data):
    sampler = NeighbourSampler(data, [2], seed=0)
    for given in (
        {"input_nodes": ("a", np.array([4, 2]))},
        {"input_nodes": ("a", MASK.numpy())},
        {"edge_label_index": (AB, [[0, 1], [2, 3]])},
        {"edge_label_index": (AB, np.array([[0, 1], [2, 3]]))},
    ):
        assert len(list(BatchLoader(data, sampler, **given, batch_size=50))) == 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"input_nodes": "c"}, GraphError, "input_nodes: there is no node type 'c'"),
        ({"input_nodes": torch.arange(3)}, ConfigError, "input_nodes: got Tensor; wanted the node type and"),
        ({"input_nodes": ("a", MASK[:9])}, ConfigError, r"got a mask of shape \(9,\); wanted \(40,\)"),
        ({"input_nodes": ("a", torch.rand(3))}, ConfigError, r"got float32 of shape \(3,\); wanted node num"),
        ({"input_nodes": ("a", torch.ones(2, 2).long())}, ConfigError, "int64 of shape \\(2, 2\\)"),
        ({"input_nodes": ("a", ["x"])}, ConfigError, "input_nodes: "),
        ({"edge_label_index": ("a", "ab", "c")}, GraphError, "there is no edge type 'a -> ab -> c'"),
        ({"edge_label_index": (AB, torch.arange(4))}, ConfigError, "wanted links \\[2, B\\]"),
        ({"edge_label_index": (AB, torch.ones(3, 2).long())}, ConfigError, "wanted links \\[2, B\\]"),
        ({"edge_label_index": torch.ones(2, 3).long()}, ConfigError, "got Tensor; wanted the edge type and"),
        (
            {"edge_label_index": AB, "edge_label": torch.ones(3)},
            ConfigError,
            "edge_label: got shape \\(3,\\)",
        ),
        ({"input_nodes": "a", "input_time": torch.ones(3)}, ConfigError, "input_time: got shape \\(3,\\)"),
    ],
)
def test_what_cannot_be_asked_for(data, change, error, message):
    with pytest.raises(error, match=message):
        BatchLoader(data, NeighbourSampler(data, [1], seed=0), **change, batch_size=2)
