"""Batches hold all that PyG's loaders would put there of the same data."""

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.loader import NodeLoader

from mmgraph.sampling import BatchLoader, NeighbourSampler
from tests.sampling.conftest import AB


def both(data: HeteroData) -> tuple[HeteroData, HeteroData]:
    sampler = NeighbourSampler(data, [3], seed=0)
    nodes = ("a", torch.arange(10))
    ours = BatchLoader(data, sampler, input_nodes=nodes, batch_size=10)
    return next(iter(ours)), next(iter(NodeLoader(data, sampler, nodes, batch_size=10)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float8_e5m2, torch.bool, torch.int8])
def test_any_kind_of_numbers(data, dtype):
    data["a"].other = (torch.arange(40).view(40, 1) % 7).float().to(dtype)
    ours, theirs = both(data)
    assert ours["a"].other.dtype == dtype
    assert torch.equal(ours["a"].other.float(), theirs["a"].other.float())


def test_a_gradient_flows(data):
    data["a"].x = torch.ones(40, 2, requires_grad=True)
    ours, _ = both(data)
    ours["a"].x.sum().backward()
    assert data["a"].x.grad.sum() == 2 * ours["a"].num_nodes


def test_arrays_and_what_is_no_row_come_along(data):
    data["a"].array = np.arange(40.0)
    data["a"].origin, data["a"].levels = "shop", [1, 2, 3]
    data[AB].kinds = {"x": 1}
    # Along another dimension, as PyG has it for what is called an index.
    data[AB].far_index = torch.arange(300).view(2, 150)
    data.scale, data.names = 3.0, ["one", "two"]
    ours, theirs = both(data)
    for store in [*theirs.node_stores, *theirs.edge_stores]:
        assert set(store.keys()) - {"num_nodes"} == set(ours[store._key].keys()) - {"num_nodes"}
    assert torch.equal(ours["a"].array, theirs["a"].array)
    assert torch.equal(ours[AB].far_index, theirs[AB].far_index)
    for name in ("origin", "levels"):
        assert ours["a"][name] == theirs["a"][name] == data["a"][name]
    assert ours[AB].kinds == {"x": 1}
    assert (ours.scale, ours.names) == (theirs.scale, theirs.names) == (3.0, ["one", "two"])


def test_lists_of_rows_come_along_though_pyg_refuses_them(data):
    data["a"].title = [f"node {number}" for number in range(40)]
    sampler = NeighbourSampler(data, [3], seed=0)
    batch = next(iter(BatchLoader(data, sampler, input_nodes="a", batch_size=10)))
    assert batch["a"].title == [f"node {number}" for number in batch["a"].n_id.tolist()]


def test_what_the_loader_tells_is_not_overwritten(data):
    data["a"].n_id, data["a"].batch_size = torch.arange(40) + 100, 7
    sampler = NeighbourSampler(data, [3], seed=0)
    batch = next(iter(BatchLoader(data, sampler, input_nodes="a", batch_size=10)))
    assert torch.equal(batch["a"].x.flatten(), batch["a"].n_id.float())
    assert batch["a"].batch_size == 10
