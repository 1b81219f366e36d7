"""A graph that is trained on in a moment."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import HeteroData

from mmgraph.graph import Graph
from mmgraph.graph.exchange.from_hetero_data import from_hetero_data

COUNT = 60


@pytest.fixture(scope="session")
def graph() -> Graph:
    """Sixty things of three kinds (task `thing`) with two modalities, one of which some lack."""
    rng = torch.Generator().manual_seed(0)
    kinds = torch.arange(COUNT) % 3
    centres = torch.randn(3, 6, generator=rng)
    data = HeteroData()
    data["thing"].text = centres[kinds] + torch.randn(COUNT, 6, generator=rng)
    data["thing"].image = torch.randn(COUNT, 4, generator=rng)
    data["thing"].image[::4] = float("nan")
    data["thing"].y = kinds
    parts = torch.arange(COUNT) // 3 % 4
    data["thing"].train_mask = parts < 2
    data["thing"].val_mask = parts == 2
    data["thing"].test_mask = parts == 3
    data["thing", "beside", "thing"].edge_index = torch.randint(COUNT, (2, 2 * COUNT), generator=rng)
    return from_hetero_data(data, modalities={"thing": ["text", "image"]}, name="things")
