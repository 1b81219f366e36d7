"""What a model gets of a sampled graph: every plan made, and for each layer no more than it needs."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from mmgraph.models import build
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.ops import edge_plan
from mmgraph.registry import MODELS
from mmgraph.training.sampled_graph import SampledGraph


def first_batch(graph, model, **options) -> GraphBatch:
    sampled = SampledGraph(graph, model, seed=0, threads=0)
    return next(iter(sampled.loader(model, "thing", torch.arange(50, 70), batch_size=5, **options)))


@pytest.mark.parametrize("model", ["hetero_gat", "hetero_sage", "cross_modal_transformer"])
def test_a_step_makes_no_plan_of_edges(graph, model, monkeypatch):
    model = build(graph.schema, model=model, hidden_channels=8)
    batch = first_batch(graph, model)

    def sort(*_):
        pytest.fail("edges were checked and sorted")

    monkeypatch.setattr(edge_plan, "_make_plan", sort)
    assert model(*batch[:-1])["thing"].shape[1] == 8


def test_each_layer_gets_what_later_ones_need(graph):
    model = build(graph.schema, model="hetero_gat", hidden_channels=8)
    batch = first_batch(graph, model, fanout=[2, 3])
    fusion, one, two = batch.sample.trims
    sizes = {name: x.shape[0] for name, x in batch.x_dict.items()}
    # The last hop finds the modalities of entities, and so no entities.
    assert fusion.num_nodes == sizes
    assert one.num_nodes["thing"] == sizes["thing"] > two.num_nodes["thing"] > 5
    assert one.num_nodes["thing/text"] < sizes["thing/text"]
    beside = ("thing", "beside", "thing")
    assert beside not in fusion.edge_index
    assert torch.equal(one.edge_index[beside], batch.edge_index_dict[beside])
    # Only the entities that were asked for hear anything in the last layer.
    assert two.edge_index[beside][1].max() < 5
    assert two.edge_index[beside].shape[1] <= 2 * 5
    assert batch.seeds.tolist() == [50, 51, 52, 53, 54]
    assert model(*batch[:-1])["thing"].shape[0] == two.num_nodes["thing"]


def test_each_relation_gives_as_many_as_it_is_asked_for(graph):
    model = build(graph.schema, model="hetero_gat", hidden_channels=8)
    beside, reverse = ("thing", "beside", "thing"), ("thing", "rev_beside", "thing")
    degrees = {triple: np.bincount(graph.edge_index[triple][1]) for triple in (beside, reverse)}
    for fanout, wanted in (
        ({"beside": [0, 1], "rev_beside": [2, 0]}, {beside: 0, reverse: 2}),
        ({"beside": [1, 1]}, {beside: 1, reverse: 1}),
        ({"*": [2, 1], "rev_beside": [0, 0]}, {beside: 2, reverse: 0}),
    ):
        batch = first_batch(graph, model, fanout=fanout)
        for triple, most in wanted.items():
            found = np.bincount(batch.edge_index_dict[triple][1].numpy(), minlength=5)[:5]
            assert found.tolist() == np.minimum(degrees[triple][50:55], most).tolist()


@pytest.mark.parametrize("options", [{"missing": "token"}, {"modality_dropout": 0.5}])
def test_nothing_is_trimmed_where_nodes_come_and_go(graph, options):
    model = build(graph.schema, model="hetero_gat", hidden_channels=8, **options)
    batch = first_batch(graph, model)
    assert batch.sample.trims == ()
    assert model(*batch[:-1])["thing"].shape[0] == batch.x_dict["thing"].shape[0]


def test_batches_for_a_gpu_are_pinned_by_the_threads_that_make_them(graph, monkeypatch):
    pinned = []

    def pin_memory(tensor: torch.Tensor) -> torch.Tensor:
        # There may be no GPU here, without which torch pins nothing.
        assert threading.current_thread() is not threading.main_thread()
        pinned.append(tensor.clone())
        return pinned[-1]

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    model = build(graph.schema, model="hetero_gat", hidden_channels=8)
    sampled = SampledGraph(graph, model, seed=0, threads=1)
    options = {"batch_size": 5, "fanout": [2, 3]}
    rows = torch.arange(50, 60)
    (batch, _), (wanted, _) = (
        list(sampled.loader(model, "thing", rows, device=torch.device(device), **options))
        for device in ("cuda", "cpu")
    )
    given = [*batch.x_dict.values(), *batch.edge_index_dict.values(), batch.seeds]
    given += [e for trim in batch.sample.trims for e in trim.edge_index.values()]
    assert {id(tensor) for tensor in given} <= {id(tensor) for tensor in pinned}
    for name, x in wanted.x_dict.items():
        assert torch.equal(batch.x_dict[name], x)
    model.eval()
    assert torch.equal(model(*batch[:-1])["thing"], model(*wanted[:-1])["thing"])


@pytest.mark.parametrize("name", sorted(MODELS.names()))
@pytest.mark.parametrize("readout", ["last", "jk"])
def test_what_is_trimmed_changes_nothing(graph, name, readout):
    torch.manual_seed(0)
    model = build(graph.schema, model=name, hidden_channels=8, readout=readout).double().eval()
    if model.not_local:
        pytest.skip(model.not_local)
    batch = first_batch(graph, model, fanout=[2, 3])
    x = {name: values.double().requires_grad_() for name, values in batch.x_dict.items() if values.shape[1]}
    found = {}
    for sample in (batch.sample, batch.sample.untrimmed()):
        states = model(batch.x_dict | x, batch.edge_index_dict, sample=sample)["thing"][:5]
        learnt = torch.autograd.grad(states.square().sum(), [*x.values()], materialize_grads=True)
        found[sample is batch.sample] = states, *learnt
    for one, other in zip(found[True], found[False], strict=True):
        torch.testing.assert_close(one, other)
