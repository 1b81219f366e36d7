"""Trainings on graphs with node types that have no features, from any source, and runs that come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

from mmgraph.errors import GraphError
from mmgraph.graph.exchange.from_hetero_data import from_hetero_data
from mmgraph.training import load_run, resolve_config, train

FEATURELESS = ["degree", "learned"]


@pytest.fixture
def ids_only(graph):
    """Return a graph whose tags are a table of ids."""
    return graph.without(modalities=["tag/name"])


@pytest.mark.parametrize("featureless", FEATURELESS)
def test_a_table_of_ids_trains_and_the_run_comes_back(ids_only, quick, tmp_path, featureless):
    ids_only.save(tmp_path / "graph")
    overrides = [*quick, f"model.featureless={featureless}"]
    run = train(tmp_path / "graph", task="colour", overrides=overrides, out=tmp_path / "run")
    learnt = run.module.model.featureless
    assert [name for name, _ in learnt.named_parameters()] == [
        {"degree": "degree.tag.weight", "learned": "embedding.tag"}[featureless]
    ]
    opened = load_run(tmp_path / "run")
    assert opened.config.model.featureless == featureless
    assert np.array_equal(opened.embed("tag")[1], run.embed("tag")[1])
    again = train(ids_only, task="colour", overrides=overrides)
    state, other = run.module.state_dict(), again.module.state_dict()
    assert all(torch.equal(state[name], other[name]) for name in state)


def test_degrees_are_the_default_and_serve_a_graph_with_other_nodes():
    assert resolve_config().model.featureless == "degree"


@pytest.mark.parametrize("featureless", FEATURELESS)
def test_a_graph_without_any_features_trains(graph, quick, featureless):
    bare = graph.without(modalities=["text", "image", "name"])
    run = train(bare, task="colour", overrides=[*quick, f"model.featureless={featureless}"])
    assert run.history["train_loss"].iloc[-1] < run.history["train_loss"].iloc[0]
    control = train(bare, task="colour", overrides=[*quick, "edges=none", "max_epochs=1"])
    assert len(control.history) == 1


def shop(count=60):
    """Return plain PyG data: the class is whether a product is by the maker of many; features are noise."""
    generator = torch.Generator().manual_seed(0)
    data = HeteroData()
    data["product"].x = torch.randn(count, 4, generator=generator)
    data["product"].image = torch.randn(count, 5, generator=generator)
    data["product"].image_mask = torch.arange(count) % 4 > 0
    # Half of the products share ten makers, the others have a maker each.
    few = torch.arange(count) % 2 == 0
    maker = torch.where(few, torch.arange(count) // 2 % 5, 5 + torch.arange(count))
    data["maker"].num_nodes = 5 + count
    data["product", "made_by", "maker"].edge_index = torch.stack([torch.arange(count), maker])
    data["product"].y = few.long()
    part = torch.randperm(count, generator=generator) % 4
    masks = {"train_mask": part < 2, "val_mask": part == 2, "test_mask": part == 3}
    for name, mask in masks.items():
        data["product"][name] = mask
    return data


def test_a_foreign_hetero_data_trains_and_degrees_tell_what_vectors_cannot(quick):
    graph = from_hetero_data(shop(), modalities={"product": ["x", "image"]})
    accuracy = {}
    for featureless in FEATURELESS:
        overrides = [*quick, f"model.featureless={featureless}", "max_epochs=60"]
        run = train(graph, task="product", model="hetero_sage", overrides=overrides)
        accuracy[featureless] = run.evaluate("test")["accuracy"]
    assert accuracy["degree"] > 0.9
    assert accuracy["degree"] >= accuracy["learned"]


def test_learned_vectors_refuse_another_graph(quick):
    one, other = from_hetero_data(shop()), from_hetero_data(shop(40))
    overrides = [*quick, "max_epochs=1"]
    learned = train(one, task="product", overrides=[*overrides, "model.featureless=learned"])
    with pytest.raises(GraphError, match="each of 65"):
        learned.module.model(other.data.x_dict, other.data.edge_index_dict)
    degree = train(one, task="product", overrides=overrides)
    degree.module.eval()
    out = degree.module.model(other.data.x_dict, other.data.edge_index_dict)
    assert out["maker"].shape[0] == 45
