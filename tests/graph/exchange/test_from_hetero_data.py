"""A HeteroData made elsewhere becomes a graph: features stay apart, what is missing is missing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.transforms import ToUndirected

from mmgraph.errors import GraphError
from mmgraph.graph import load_graph, summarise
from mmgraph.graph.exchange.from_hetero_data import from_hetero_data

COUNT = 6
BOTH = {"product": ["image", "text"]}


@pytest.fixture
def data() -> HeteroData:
    """Return products with two features, some missing, and makers that are only numbers."""
    data = HeteroData()
    data["product"].image = torch.randn(COUNT, 4)
    data["product"].image[2] = float("nan")
    data["product"].text = torch.randn(COUNT, 3)
    data["product"].text_mask = torch.tensor([True, True, True, True, False, True])
    data["product"].y = torch.tensor([0, 1, 0, 1, -1, 0])
    data["product"].train_mask = torch.arange(COUNT) < 3
    data["product"].val_mask = torch.arange(COUNT) == 3
    data["product"].test_mask = torch.arange(COUNT) > 3
    data["maker"].num_nodes = 2
    data["product", "made_by", "maker"].edge_index = torch.tensor([[5, 0, 1, 2, 3], [1, 0, 0, 1, 1]])
    return data


def test_features_of_one_node_type_stay_apart(data):
    graph = from_hetero_data(data, modalities=BOTH)
    assert graph.schema.metadata[0] == ["product", "product/image", "product/text", "maker"]
    assert graph.schema.channels == {"product": 0, "product/image": 4, "product/text": 3, "maker": 0}
    present = [0, 1, 3, 4, 5]
    assert graph.nodes["product/image"]["entity_index"].tolist() == present
    assert np.array_equal(graph.features["product/image"], data["product"].image.numpy()[present])
    assert graph.nodes["product/text"]["id"].tolist() == ["0", "1", "2", "3", "5"]
    assert np.array_equal(graph.features["product/text"], data["product"].text.numpy()[[0, 1, 2, 3, 5]])
    assert graph.edge_index["product/text", "of", "product"].tolist() == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 5]]
    assert ("product", "rev_of", "product/image") in graph.edge_index
    assert graph.data.validate(raise_on_error=True)


def test_x_is_the_feature_unless_others_are_named(data):
    data["product"].x = torch.randn(COUNT, 2)
    assert "product/x" in from_hetero_data(data).schema.channels
    assert "product/x" not in from_hetero_data(data, modalities=BOTH).schema.channels
    data["product"].x = torch.empty(COUNT, 0)
    assert list(from_hetero_data(data).schema.channels) == ["product", "maker"]


def test_relations_get_their_reverse_and_what_leads_both_ways_is_symmetric(data):
    data["product", "like", "product"].edge_index = torch.tensor([[0, 1, 4, 5], [1, 0, 5, 4]])
    data["maker", "sells", "product"].edge_index = torch.tensor([[0, 0, 1], [1, 1, 2]])
    data["maker", "sells", "product"].edge_weight = torch.tensor([1.0, 2.0, 5.0])
    graph = from_hetero_data(data)
    assert graph.schema.relations == ["made_by", "like", "sells"]
    assert graph.schema.edge_type(("product", "like", "product")).symmetric
    assert graph.edge_index["product", "made_by", "maker"].tolist() == [[0, 1, 2, 3, 5], [0, 0, 1, 1, 1]]
    assert graph.edge_index["maker", "rev_made_by", "product"].tolist() == [[0, 0, 1, 1, 1], [0, 1, 2, 3, 5]]
    assert graph.edge_index["maker", "sells", "product"].tolist() == [[0, 1], [1, 2]]
    assert graph.edge_weight["maker", "sells", "product"].tolist() == [3.0, 5.0]


def test_reverse_relations_that_pyg_made_are_not_made_twice(data):
    data["maker", "sells", "product"].edge_index = torch.tensor([[0, 1], [1, 2]])
    data["maker", "sells", "product"].edge_weight = torch.tensor([1.0, 2.0])
    both = ToUndirected()(data.clone())
    assert ("maker", "rev_made_by", "product") in both.edge_types
    assert from_hetero_data(both).schema == from_hetero_data(data).schema
    both["maker", "rev_made_by", "product"].edge_index = torch.tensor([[0], [0]])
    with pytest.raises(GraphError, match="not those of 'made_by' the other way round"):
        from_hetero_data(both)


def test_targets_and_masks_are_a_task(data):
    graph = from_hetero_data(data)
    table = graph.nodes["product"]
    assert graph.tasks["product"].kind == "classification"
    assert table["target:product"].isna().tolist() == [False] * 4 + [True, False]
    assert table["target:product"].dropna().tolist() == ["0", "1", "0", "1", "0"]
    assert table["split:product"].tolist() == ["train"] * 3 + ["validation", "test", "test"]
    data["product"].classes = ["cup", "pot"]
    data["product"].id = list("abcdef")
    table = from_hetero_data(data).nodes["product"]
    assert table["target:product"].iloc[:2].tolist() == ["cup", "pot"]
    assert table["id"].tolist() == list("abcdef")
    data["product"].y = torch.arange(COUNT) / 2
    assert from_hetero_data(data).tasks["product"].kind == "regression"
    assert from_hetero_data(data).nodes["product"]["target:product"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    del data["product"].train_mask
    assert from_hetero_data(data).tasks == {}


def test_it_goes_to_disk_and_is_summarised(data, tmp_path):
    data["maker", "made_by", "maker"].edge_index = torch.tensor([[0], [1]])
    graph = from_hetero_data(data, modalities=BOTH, name="shop")
    graph.save(tmp_path / "graph")
    opened = load_graph(tmp_path / "graph", verify=True)
    assert (opened.name, opened.fingerprint(), opened.schema) == ("shop", graph.fingerprint(), graph.schema)
    summary = summarise(opened)
    assert summary["nodes"]["product/text"]["missing"] == pytest.approx(1 / 6)
    assert {"product made_by maker", "maker made_by maker"} < summary["relations"].keys()


def test_the_data_stay_as_they_are(data):
    before = data.clone()
    from_hetero_data(data, modalities=BOTH)
    assert data.node_types == before.node_types
    assert set(data["product"].keys()) == set(before["product"].keys())
    assert torch.equal(data["product"].image.nan_to_num(), before["product"].image.nan_to_num())


def test_all_faults_are_reported_at_once(data):
    data["product"].text[0, 1] = float("nan")
    data["product"].image = data["product"].image[:4]
    data["product"].num_nodes = COUNT
    data["product"].train_mask = torch.ones(COUNT, dtype=torch.bool)
    with pytest.raises(GraphError) as caught:
        from_hetero_data(data, modalities=BOTH)
    assert "data['product'].val_mask: 1 node is in train as well, first 3" in str(caught.value)
    data["product"].train_mask = torch.arange(COUNT) < 3
    with pytest.raises(GraphError) as caught:
        from_hetero_data(data, modalities=BOTH)
    text = str(caught.value)
    assert "data['product'].image: got shape (4, 4); wanted numbers (6, D)" in text
    assert "data['product'].text: 1 row holds a value that is not finite, first row 0" in text


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        ({"produkt": ["x"]}, r"modalities\['produkt'\]: there is no node type .* Did you mean 'product'"),
        ({"product": ["imge"]}, r"has no 'imge'\. Did you mean 'image'"),
        ({"product": "image"}, r"got 'image'; wanted a list of names"),
        ({"product": ["y"]}, r"data\['product'\]\.y: got shape \(6,\); wanted numbers \(6, D\)"),
    ],
)
def test_modalities_that_are_not_there(data, modalities, message):
    with pytest.raises(GraphError, match=message):
        from_hetero_data(data, modalities=modalities)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["maker"].pop("num_nodes"), "does not tell how many nodes there are"),
        (lambda d: d["a b"].update({"num_nodes": 1}), "got the name 'a b'; wanted letters"),
        (
            lambda d: d["maker", "of", "product"].update({"edge_index": torch.zeros(2, 1).long()}),
            "'of' is the name of the edges that tie",
        ),
        (
            lambda d: d["maker", "in", "town"].update({"edge_index": torch.zeros(2, 1).long()}),
            r"no node type 'town'\. Set data\['town'\]\.num_nodes",
        ),
        (
            lambda d: d["maker", "in", "maker"].update({"edge_index": torch.tensor([[0], [2]])}),
            "target index out of range, first 2",
        ),
        (lambda d: d["maker", "in", "maker"].update({"adj_t": 1}), "has no edge_index"),
        (
            lambda d: d["product"].update({"train_mask": torch.ones(COUNT, 2).bool()}),
            r"train_mask: got bool of shape \(6, 2\); wanted bool \(6,\)",
        ),
        (lambda d: d["product"].update({"y": torch.zeros(COUNT, 3)}), r"\.y: got shape \(6, 3\)"),
        (lambda d: d["product"].update({"classes": ["cup"]}), "names class 1, but there is 1 class"),
        (lambda d: d["product"].update({"id": ["a"] * COUNT}), "got 6 ids, 1 of them different"),
    ],
)
def test_what_cannot_be_used_is_refused(data, change, message):
    change(data)
    with pytest.raises(GraphError, match=message):
        from_hetero_data(data)
