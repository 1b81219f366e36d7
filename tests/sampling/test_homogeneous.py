"""A graph without types is sampled like one that has a single one, and PyG's loaders take it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import LinkLoader, NodeLoader
from torch_geometric.nn import GCNConv
from torch_geometric.sampler import EdgeSamplerInput, NodeSamplerInput, SamplerOutput
from torch_geometric.utils import k_hop_subgraph

from mmgraph.errors import ConfigError, GraphError
from mmgraph.sampling import Negatives, NeighbourSampler

NODES, EDGES = 40, 160


@pytest.fixture
def plain() -> Data:
    """A graph with parallel edges, loops and isolated nodes."""
    generator = torch.Generator().manual_seed(0)
    return Data(
        x=torch.arange(float(NODES)).unsqueeze(1),
        edge_index=torch.randint(NODES - 4, (2, EDGES), generator=generator),
        edge_weight=torch.arange(EDGES) % 2 + 1,
        time=torch.randint(100, (NODES,), generator=generator),
    )


def check_batch(plain: Data, batch: Data, fanout: list[int]) -> None:
    """Check every edge and every count against the graph itself."""
    assert type(batch) is Data
    assert (batch.x.flatten() == batch.n_id).all()
    assert (plain.edge_index[:, batch.e_id] == batch.n_id[batch.edge_index]).all()
    assert len(batch.e_id.unique()) == len(batch.e_id)
    assert len(batch.n_id.unique()) == len(batch.n_id) == sum(batch.num_sampled_nodes)
    degree = torch.bincount(plain.edge_index[1], minlength=NODES)
    bounds = np.cumsum([0, *batch.num_sampled_nodes])
    for hop, most in enumerate(fanout):
        for place in range(bounds[hop], bounds[hop + 1]):
            wanted = int(degree[batch.n_id[place]])
            wanted = wanted if most < 0 else min(most, wanted)
            assert int((batch.edge_index[1] == place).sum()) == wanted
    assert sum(batch.num_sampled_edges) == batch.num_edges


@pytest.mark.parametrize("fanout", [[3, 2], [-1, -1]])
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_nodes_get_their_neighbours(plain, fanout, workers):
    sampler = NeighbourSampler(plain, fanout, seed=0)
    seen = []
    for batch in NodeLoader(plain, sampler, input_nodes=None, batch_size=7, num_workers=workers):
        check_batch(plain, batch, fanout)
        own = batch.n_id[: batch.batch_size]
        seen += own.tolist()
        if fanout == [-1, -1]:
            whole = k_hop_subgraph(own, 2, plain.edge_index, num_nodes=NODES)[0]
            assert set(batch.n_id.tolist()) == set(whole.tolist())
    assert seen == list(range(NODES))


def test_a_layer_makes_of_a_whole_neighbourhood_what_it_makes_of_the_graph(plain):
    layer = GCNConv(1, 2, normalize=False)
    batch = next(iter(NodeLoader(plain, NeighbourSampler(plain, [-1]), input_nodes=torch.arange(9))))
    whole = layer(plain.x, plain.edge_index)
    torch.testing.assert_close(layer(batch.x, batch.edge_index)[:1], whole[:1])


@pytest.mark.parametrize("mode", ["binary", "triplet"])
def test_links_and_what_stands_against_them(plain, mode):
    sampler = NeighbourSampler(plain, [4], seed=0)
    links = plain.edge_index[:, :30]
    negatives = Negatives("uniform", mode=mode)
    loader = LinkLoader(plain, sampler, edge_label_index=links, neg_sampling=negatives, batch_size=10)
    batches = list(loader)
    assert len(batches) == 3
    there = set(map(tuple, plain.edge_index.t().tolist()))
    for number, batch in enumerate(batches):
        asked = links[:, 10 * number : 10 * number + 10]
        hidden = set(map(tuple, asked.t().tolist()))
        kept = set(map(tuple, batch.n_id[batch.edge_index].t().tolist()))
        assert kept <= there
        assert not kept & (hidden | {(b, a) for a, b in hidden})
        if mode == "triplet":
            found = torch.stack([batch.src_index, batch.dst_pos_index])
            opposite = torch.stack([batch.src_index, batch.dst_neg_index])
        else:
            found, opposite = batch.edge_label_index.split(10, dim=1)
            assert batch.edge_label.tolist() == [1.0] * 10 + [0.0] * 10
        assert (batch.n_id[found] == asked).all()
        assert not set(map(tuple, batch.n_id[opposite].t().tolist())) & there


@pytest.mark.parametrize(
    "options",
    [
        {"disjoint": True},
        {"replace": True, "weight_attr": "edge_weight"},
        {"time_attr": "time", "temporal_strategy": "last"},
    ],
)
def test_it_is_what_the_same_graph_with_one_type_gives(plain, options):
    typed = HeteroData()
    typed["node"].x, typed["node"].time = plain.x, plain.time
    typed["node", "edge", "node"].edge_index = plain.edge_index
    typed["node", "edge", "node"].edge_weight = plain.edge_weight
    own, other = (NeighbourSampler(data, [3, 2], seed=1, **options) for data in (plain, typed))
    node, link, time = torch.arange(12), plain.edge_index[:, :12], torch.full((12,), 99)
    limit = time if "time_attr" in options else None
    pairs = [
        (
            own.sample_from_nodes(NodeSamplerInput(None, node)),
            other.sample_from_nodes(NodeSamplerInput(None, node, None, "node")),
        ),
        (
            own.sample_from_edges(EdgeSamplerInput(None, *link, None, limit)),
            other.sample_from_edges(EdgeSamplerInput(None, *link, None, limit, ("node", "edge", "node"))),
        ),
    ]
    for found, wanted in pairs:
        assert type(found) is SamplerOutput
        assert found.edge.numel() > 12
        for name in ("row", "col", "edge"):
            assert torch.equal(getattr(found, name), getattr(wanted, name)["node", "edge", "node"])
        assert torch.equal(found.node, wanted.node["node"])
        assert (found.batch is None) == (wanted.batch is None) == ("replace" in options)
        if found.batch is not None:
            assert torch.equal(found.batch, wanted.batch["node"])


def test_what_is_not_there_is_refused(plain):
    with pytest.raises(ConfigError, match="weight_attr: no type has 'w'"):
        NeighbourSampler(plain, [1], weight_attr="w")
    with pytest.raises(GraphError, match="data: has no edge_index"):
        NeighbourSampler(Data(x=plain.x), [1])
    with pytest.raises(GraphError, match="names the node 40; wanted 0 to 39"):
        NeighbourSampler(plain, [1]).sample_from_nodes(NodeSamplerInput(None, torch.tensor([40])))
