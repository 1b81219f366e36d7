"""Edge features from a graph to a model: what only they tell is learnt, and who reads none says so."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import HeteroData

import mmgraph as mg
from mmgraph.graph import Graph

ITEMS, EACH = 400, 2


@pytest.fixture(scope="module")
def data() -> HeteroData:
    """Items whose label is the sign of one of their two neighbours: that at the end of the short edge."""
    torch.manual_seed(0)
    data = HeteroData()
    x = torch.randn(ITEMS, 4)
    x[:, 0] = torch.where(x[:, 0] > 0, 2.0, -2.0)
    source = torch.randint(ITEMS, (EACH, ITEMS))
    near = torch.randint(EACH, (ITEMS,))
    item = torch.arange(ITEMS)
    data["item"].x = x
    data["item"].y = (x[source[near, item], 0] > 0).long()
    part = torch.rand(ITEMS)
    data["item"].train_mask = part < 0.6
    data["item"].val_mask = (part >= 0.6) & (part < 0.7)
    data["item"].test_mask = part >= 0.7
    metres = torch.where(torch.arange(EACH).unsqueeze(1) == near, 100.0, 900.0) + 20 * torch.randn(
        EACH, ITEMS
    )
    data["item", "hears", "item"].edge_index = torch.stack([source.flatten(), item.repeat(EACH)])
    data["item", "hears", "item"].edge_attr = metres.flatten().unsqueeze(1)
    data["item", "hears", "item"].attr_names = ["metres"]
    return data


def accuracy(graph: Graph, model: str) -> float:
    overrides = ["max_epochs=120", "patience=120", "model.hidden_channels=32", "model.dropout=0.2"]
    overrides += ["model.input_dropout=0", "optimiser.lr=0.01"]
    return mg.train(graph, task="item", model=model, seed=0, overrides=overrides).evaluate("test")["accuracy"]


def test_what_only_edge_features_tell_is_learnt(data: HeteroData) -> None:
    graph = mg.from_hetero_data(data)
    assert accuracy(graph, "hetero_gat") > 0.92
    blind = data.clone()
    del blind["item", "hears", "item"].edge_attr, blind["item", "hears", "item"].attr_names
    assert accuracy(mg.from_hetero_data(blind), "hetero_gat") < 0.85


def test_a_graph_folder_keeps_features_and_their_scale(data: HeteroData, tmp_path) -> None:
    graph = mg.from_hetero_data(data)
    graph.save(tmp_path / "graph")
    loaded = mg.load_graph(tmp_path / "graph")
    (hears,) = (t for t in loaded.schema.edge_types if t.name == "hears")
    ((mean, std),) = hears.attr_scale
    attr = graph.edge_attr[hears.triple].astype(float)
    assert mean == pytest.approx(attr.mean())
    assert std == pytest.approx(attr.std())


def test_a_model_that_reads_none_says_so(data: HeteroData) -> None:
    run = mg.train(mg.from_hetero_data(data), task="item", model="hgt", seed=0, overrides=["max_epochs=1"])
    assert run.describe()["notes"] == ["no layer of the model reads the edge features of hears"]
    read = mg.train(mg.from_hetero_data(data), task="item", model="hetero_gat", overrides=["max_epochs=1"])
    assert read.describe()["notes"] == []


def test_a_training_says_that_it_does_not_look_at_times(data: HeteroData) -> None:
    timed = data.clone()
    timed["item", "hears", "item"].time = torch.arange(EACH * ITEMS)
    run = mg.train(mg.from_hetero_data(timed), task="item", model="hetero_gat", overrides=["max_epochs=1"])
    assert "the times of hears are not looked at" in run.describe()["notes"][-1]
