"""A task in HeteroData trains a plain PyG model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from torch_geometric.nn import HeteroConv, SAGEConv

from mmgraph.errors import ConfigError
from mmgraph.graph import build_graph
from mmgraph.tasks.task_data import task_data


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    folder = tmp_path_factory.mktemp("things")
    rng = np.random.default_rng(0)
    kinds = ["red", "blue"] * 15
    table = pd.DataFrame({"id": [f"t{n}" for n in range(30)], "kind": kinds, "size": rng.normal(size=30)})
    table.loc[3, "kind"] = None
    table.to_parquet(folder / "things.parquet")
    np.save(folder / "vectors.npy", rng.normal(size=(30, 4)).astype("float32"))
    spec = {
        "name": "things",
        "entities": {
            "thing": {
                "table": "things.parquet",
                "modalities": {"vector": {"kind": "features", "file": "vectors.npy"}},
            }
        },
        "relations": {"near": {"builder": "knn", "on": "thing/vector", "k": 2}},
        "splits": {
            "random": {
                "kind": "random",
                "entity": "thing",
                "fractions": {"train": 0.5, "validation": 0.25, "test": 0.25},
            }
        },
        "tasks": {
            "kind": {
                "entity": "thing",
                "target": "kind",
                "split": "random",
                "without": {"relations": ["near"]},
            },
            "size": {"entity": "thing", "target": "size", "split": "random", "kind": "regression"},
        },
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec))
    return build_graph(folder, cache=False)


def test_targets_and_masks_are_those_of_the_graph(graph):
    store = task_data(graph, "kind")["thing"]
    table = graph.nodes["thing"]
    assert store.id == table["id"].tolist()
    named = [store.classes[number] if number >= 0 else None for number in store.y.tolist()]
    assert named == [None if pd.isna(value) else value for value in table["target:kind"]]
    for split, mask in (
        ("train", store.train_mask),
        ("validation", store.val_mask),
        ("test", store.test_mask),
    ):
        assert mask.tolist() == ((table["split:kind"] == split) & table["target:kind"].notna()).tolist()


def test_numbers_stay_numbers(graph):
    store = task_data(graph, "size")["thing"]
    assert store.y.tolist() == pytest.approx(graph.nodes["thing"]["target:size"].tolist())
    assert "classes" not in store


def test_what_the_task_must_not_see_is_not_there(graph):
    assert ("thing/vector", "near", "thing/vector") not in task_data(graph, "kind").edge_types
    assert ("thing/vector", "near", "thing/vector") in task_data(graph, "size").edge_types


def test_the_graph_itself_stays_as_it_is(graph):
    task_data(graph, "size")["thing"].x = torch.ones(30, 1)
    assert "y" not in graph.data["thing"]
    assert graph.data["thing"].x.shape == (30, 0)


def test_an_unknown_task(graph):
    with pytest.raises(ConfigError, match=r"has no task 'kimd'\. Did you mean 'kind'"):
        task_data(graph, "kimd")


def test_a_model_of_pyg_learns_from_it(graph):
    data = task_data(graph, "kind")
    data["thing"].x = torch.ones(30, 1)

    torch.manual_seed(0)
    network = HeteroConv({triple: SAGEConv((-1, -1), 2) for triple in data.edge_types})
    store = data["thing"]
    with torch.no_grad():
        network(data.x_dict, data.edge_index_dict)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.1)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        out = network(data.x_dict, data.edge_index_dict)["thing"]
        loss = torch.nn.functional.cross_entropy(out[store.train_mask], store.y[store.train_mask])
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
