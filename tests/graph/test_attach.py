"""New entities of a graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import mmgraph as mg
from mmgraph.data.dataset import Dataset
from mmgraph.errors import GraphError, MMGraphError
from mmgraph.graph import Graph, build_graph, load_graph

PRODUCT = ("product", "closest", "product")
HEADER = "sku,title,picture,shelf\n"


@pytest.fixture
def closest_graph(shop: Dataset, closest, tmp_path: Path) -> Iterator[Graph]:
    """A graph of the shop whose only relation is inductive, opened from its folder."""
    build_graph(shop, relations=[closest(scope="training")], cache=False).save(tmp_path / "graph")
    return load_graph(tmp_path / "graph")


@pytest.fixture
def newcomers(tmp_path: Path) -> Path:
    """Two new products: one with a name alone, one with a vector alone."""
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "products.csv").write_text(HEADER + "p101,red round,,\np6.4,,,\n")
    np.save(folder / "vectors.npy", np.ones((2, 6), np.float32))
    return folder


def test_new_entities_come_behind_the_known_and_hear_from_training_ones(closest_graph, newcomers):
    attached = mg.attach(closest_graph, newcomers)
    graph = attached.graph
    assert attached.new == {"product": ["p101", "p6.4"], "maker": []}
    assert graph.nodes["product"]["id"].tolist()[24:] == ["p101", "p6.4"]
    assert graph.nodes["product"]["title"].tolist()[24:] == ["red round", "p6.4"]
    assert not graph.nodes["product"]["training"][24:].any()
    assert graph.nodes["product"]["split:colour"].tolist()[24:] == ["", ""]
    assert graph.nodes["product"]["target:price"][24:].isna().all()
    source, target = graph.edge_index[PRODUCT]
    old = closest_graph.edge_index[PRODUCT].shape[1]
    assert target[old:].tolist() == [24, 25]
    training = np.flatnonzero(closest_graph.nodes["product"]["training"])
    assert source[old:].tolist() == [training[-1], training[abs(training - 6.4).argmin()]]
    table = attached.edge_table()
    assert table["target"].tolist() == ["p101", "p6.4"]
    assert table["source"].tolist() == [f"p{n}" for n in source[old:]]
    assert set(table["relation"]) == {"closest"}


def test_features_are_those_of_the_fitted_encoders(closest_graph, newcomers, shop):
    graph = mg.attach(closest_graph, newcomers).graph
    for name, features in closest_graph.features.items():
        assert np.array_equal(graph.features[name][: len(features)], features)
    assert len(graph.features["product/picture"]) == len(closest_graph.features["product/picture"])
    assert len(graph.features["product/name"]) == len(closest_graph.features["product/name"]) + 1
    assert graph.nodes["product/name"]["entity_index"].tolist()[-1] == 24
    again = closest_graph.encoders["product/vector"].transform(np.ones((2, 6), np.float32))
    assert np.allclose(graph.features["product/vector"][24:], again)


def test_states_of_known_nodes_stay_and_new_ones_do_not_depend_on_each_other(closest_graph, newcomers):
    model = mg.models.build(closest_graph.schema, layers=["late_fusion", "hetero_gat", "hetero_gat"]).eval()

    def states(graph: Graph) -> torch.Tensor:
        with torch.no_grad():
            return model(graph.data.x_dict, graph.data.edge_index_dict)["product"]

    before, both = states(closest_graph), states(mg.attach(closest_graph, newcomers).graph)
    assert torch.allclose(both[:24], before, atol=1e-5)
    (newcomers / "products.csv").write_text(HEADER + "p101,red round,,\n")
    np.save(newcomers / "vectors.npy", np.ones((1, 6), np.float32))
    alone = states(mg.attach(closest_graph, newcomers).graph)
    assert torch.allclose(alone[24], both[24], atol=1e-5)


def test_all_faults_come_at_once_and_nothing_is_saved(closest_graph, newcomers, graph, tmp_path):
    (newcomers / "products.csv").write_text(HEADER + "p1,x,,\np2,y,,\n")
    with pytest.raises(GraphError, match=r"products.csv: the graph has 'p1', 'p2' already"):
        mg.attach(closest_graph, newcomers)
    with pytest.raises(GraphError, match=r"holds none of the tables makers.csv, products.csv"):
        mg.attach(closest_graph, tmp_path)
    (newcomers / "products.csv").write_text(HEADER + "p101,x,,\np102,y,,\n")
    with pytest.raises(GraphError, match="entities have been attached"):
        mg.attach(closest_graph, newcomers).graph.save(tmp_path / "grown")
    assert not (tmp_path / "grown").exists()


def test_relations_that_are_not_inductive_say_so(shop, tmp_path, newcomers):
    relation = mg.relation("ladder", source="product", target="product")

    def ladder(source, target):
        return [0], [1]

    graph = build_graph(shop, relations=[relation(ladder)], cache=False)
    try:
        with pytest.raises(MMGraphError, match=r"relations.ladder: .*cannot be extended by new entities"):
            mg.attach(graph, newcomers)
    finally:
        mg.RELATIONS._things.pop("ladder")


def test_a_graph_made_elsewhere_cannot_tell_how_entities_are_read(newcomers):
    from torch_geometric.data import HeteroData

    data = HeteroData()
    data["product"].x = torch.ones(2, 3)
    with pytest.raises(GraphError, match="was not built from a dataset"):
        mg.attach(mg.from_hetero_data(data), newcomers)


def test_relations_that_are_skipped_give_no_edges(closest_graph, newcomers):
    attached = mg.attach(closest_graph, newcomers, skip=["closest"])
    assert attached.edge_table().empty
    old = closest_graph.edge_index[PRODUCT].shape[1]
    assert attached.graph.edge_index[PRODUCT].shape[1] == old
    assert len(mg.attach(closest_graph, newcomers).edge_table()) == 2


def test_new_entities_may_come_without_the_file_of_a_modality(closest_graph, newcomers):
    (newcomers / "vectors.npy").unlink()
    graph = mg.attach(closest_graph, newcomers).graph
    assert len(graph.features["product/vector"]) == len(closest_graph.features["product/vector"])
    assert len(graph.features["product/name"]) == len(closest_graph.features["product/name"]) + 1
