"""When entities come into being is kept in every form that has a place for it, and taken from other tools."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

import mmgraph as mg
from mmgraph.errors import GraphError
from mmgraph.graph import Graph
from mmgraph.graph.exchange.convert import convert


@pytest.fixture
def timed(graph: Graph) -> Graph:
    """The graph of the shop, whose products have come one after the other, the last one of late."""
    products = graph.nodes["product"].copy()
    times = np.arange(len(products)) * 1.5
    times[-1] = np.nan
    products.insert(2, "time", times)
    return replace(graph, nodes={**graph.nodes, "product": products}, stored_fingerprint=None)


@pytest.mark.parametrize("name", ["tables", "a.graphml"])
def test_files(timed: Graph, tmp_path: Path, name: str):
    timed.save(tmp_path / "graph")
    convert(tmp_path / "graph", tmp_path / name)
    convert(tmp_path / name, tmp_path / "again")
    assert mg.load_graph(tmp_path / "again", verify=True).fingerprint() == timed.fingerprint()


def test_networkx(timed: Graph):
    back = mg.from_networkx(timed.to_networkx())
    assert back.fingerprint() == timed.fingerprint()
    assert back.nodes["product"]["time"].equals(timed.nodes["product"]["time"])


def test_a_network_from_elsewhere():
    network = nx.DiGraph()
    network.add_node("a", type="paper", time=2019)
    network.add_node("b", type="paper", time=2021.5)
    network.add_edge("a", "b", relation="cites")
    assert mg.from_networkx(network).nodes["paper"]["time"].tolist() == [2019.0, 2021.5]
    network.nodes["b"]["time"] = "noon"
    with pytest.raises(
        GraphError, match=r"time: got 'noon'; wanted a number, when the entity comes into being"
    ):
        mg.from_networkx(network)


@pytest.mark.parametrize(
    ("time", "message"),
    [
        (torch.zeros(3, 2), r"data\['paper'\]\.time: got shape \(3, 2\); wanted \(3,\)"),
        (torch.tensor([1.0, torch.nan, 2.0]), r"wanted \(3,\), and no NaN"),
    ],
)
def test_data_of_pyg(time, message):
    data = HeteroData()
    data["paper"].x = torch.ones(3, 2)
    data["paper"].time = torch.tensor([2019, 2020, 2021])
    assert mg.from_hetero_data(data).nodes["paper"]["time"].tolist() == [2019.0, 2020.0, 2021.0]
    data["paper"].time = time
    with pytest.raises(GraphError, match=message):
        mg.from_hetero_data(data)
