"""Samples of a graph whose entities and edges have times."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.sampler import NodeSamplerInput

from mmgraph.errors import ConfigError
from mmgraph.graph.exchange.from_hetero_data import from_hetero_data
from mmgraph.sampling import NeighbourSampler
from mmgraph.sampling.graph_times import edge_times, entity_times
from mmgraph.sampling.times import latest, read_limits, read_times


@pytest.fixture
def graph():
    """Things with times and features, users with none; edges with times of their own and without."""
    generator = np.random.default_rng(0)
    data = HeteroData()
    data["thing"].num_nodes = 50
    data["thing/x"].x = torch.randn(50, 3)
    data["thing"].time = torch.from_numpy(generator.integers(0, 40, 50) + 0.5)
    data["user"].num_nodes = 9
    for name, source, target, timed in (
        ("cites", "thing", "thing", True),
        ("like", "thing", "thing", False),
        ("has", "user", "thing", False),
        ("near", "thing/x", "thing/x", False),
    ):
        sizes = {"thing": 50, "user": 9, "thing/x": 50}
        ends = np.stack([generator.integers(0, sizes[end], 250) for end in (source, target)])
        data[source, name, target].edge_index = torch.from_numpy(np.unique(ends, axis=1))
        if timed:
            count = data[source, name, target].num_edges
            data[source, name, target].time = torch.from_numpy(generator.integers(0, 40, count))
    data["thing/x", "of", "thing"].edge_index = torch.stack([torch.arange(50), torch.arange(50).flip(0)])
    return from_hetero_data(data)


def of_node(graph, name):
    """Return when a node of a type is there."""
    times = graph.nodes[name.partition("/")[0]].get("time")
    if times is None:
        return np.full(graph.schema.node_type(name).num_nodes, -np.inf)
    times = times.to_numpy()
    return times[graph.nodes[name]["entity_index"]] if "/" in name else times


@pytest.mark.parametrize("strategy", ["uniform", "last"])
@pytest.mark.parametrize("fanout", [[-1, -1], [2, 2]])
def test_no_edge_is_later_than_its_seed_nor_are_its_ends(graph, strategy, fanout):
    sampler = NeighbourSampler(graph, fanout, time_attr="time", temporal_strategy=strategy, seed=0)
    seeds = torch.arange(50)
    out = sampler.sample_from_nodes(NodeSamplerInput(None, seeds, None, "thing"))
    limit = of_node(graph, "thing")
    seen = 0
    for edge_type in graph.schema.edge_types:
        source, _, target = triple = edge_type.triple
        tree = out.batch[target][out.col[triple]].numpy()
        ends = [graph.edge_index[triple][end][out.edge[triple].numpy()] for end in (0, 1)]
        assert (of_node(graph, source)[ends[0]] <= limit[tree]).all()
        assert (of_node(graph, target)[ends[1]] <= limit[tree]).all()
        if edge_type.timed:
            seen += len(tree)
            assert (graph.edge_time[triple][out.edge[triple].numpy()] <= limit[tree]).all()
    assert seen
    for name in ("thing", "thing/x"):
        assert (of_node(graph, name)[out.node[name].numpy()] <= limit[out.batch[name].numpy()]).all()


def test_all_that_is_early_enough_is_found(graph):
    sampler = NeighbourSampler(graph, [-1], time_attr="time", seed=0)
    out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.arange(50), None, "thing"))
    for triple in (("thing", "cites", "thing"), ("user", "has", "thing"), ("thing", "rev_like", "thing")):
        source, target = graph.edge_index[triple]
        own = graph.edge_time[triple] if triple in graph.edge_time else np.full(len(source), -np.inf)
        limit = of_node(graph, "thing")[target]
        wanted = np.flatnonzero((own <= limit) & (of_node(graph, triple[0])[source] <= limit))
        assert sorted(out.edge[triple].tolist()) == wanted.tolist()
        assert 0 < len(wanted) < len(source) or triple[1] == "has"


def test_last_takes_the_latest(graph):
    triple = ("thing", "cites", "thing")
    sampler = NeighbourSampler(graph, {triple: [1]}, time_attr="time", temporal_strategy="last", seed=0)
    out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.arange(50), None, "thing"))
    stored = edge_times(graph, graph.schema.edge_type(triple), entity_times(graph))
    there = (
        stored.ordered
        <= read_limits(entity_times(graph)["thing"], "time").fractional[graph.edge_index[triple][1]]
    )
    for edge, tree in zip(
        out.edge[triple].tolist(), out.batch["thing"][out.col[triple]].tolist(), strict=True
    ):
        own = there & (graph.edge_index[triple][1] == tree)
        assert stored.ordered[edge] == stored.ordered[own].max()


def test_a_time_may_be_given_and_a_type_without_times_needs_one(graph):
    sampler = NeighbourSampler(graph, [-1], time_attr="time", seed=0)
    users = NodeSamplerInput(None, torch.arange(9), torch.full((9,), torch.inf), "user")
    triple = ("thing", "rev_has", "user")
    found = sampler.sample_from_nodes(users).edge[triple]
    assert len(found) == graph.edge_index[triple].shape[1]
    early = NodeSamplerInput(None, torch.arange(9), torch.zeros(9), "user")
    assert not len(sampler.sample_from_nodes(early).edge[triple])


def test_pyg_lib_is_not_asked(graph):
    assert NeighbourSampler(graph, [-1], time_attr="time").backend == "numba"
    with pytest.raises(ConfigError, match=r"backend: pyg-lib cannot keep to times of entities and of edges"):
        NeighbourSampler(graph, [-1], time_attr="time", backend="pyg_lib")


def test_an_entity_whose_time_is_unknown_comes_last(graph):
    graph.nodes["thing"].loc[3, "time"] = np.nan
    assert entity_times(graph)["thing"][3] == np.inf
    assert "user" not in entity_times(graph)


def test_whole_times_beyond_float64_are_never_seen_too_early():
    whole, fractional = (
        read_times([2**60 + 1, 2**63 - 1, -(2**60) - 1], "a"),
        read_times([0.5, 0.5, 0.5], "b"),
    )
    ordered = latest([whole, fractional]).ordered
    limits = read_limits([2.0**60, 2.0**63, 0.5], "c")
    assert (ordered <= limits.fractional).tolist() == [False, True, True]
    assert ordered[2] == fractional.ordered[2]
