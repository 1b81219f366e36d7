"""Graphs to sample from, and what a sample must be whatever was asked for."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.sampler import NodeSamplerInput

from mmgraph.graph import Triple
from mmgraph.sampling import NeighbourSampler, SortedSamplerOutput

AB, BA, AA = ("a", "ab", "b"), ("b", "ba", "a"), ("a", "aa", "a")


def make_data(seed: int = 0, sizes: tuple[int, int] = (40, 25), edges: int = 150) -> HeteroData:
    """A graph with parallel edges, loops, isolated nodes and a relation without edges."""
    generator = np.random.default_rng(seed)
    data = HeteroData()
    size = dict(zip("ab", sizes, strict=True))
    for name, count in size.items():
        data[name].x = torch.arange(float(count)).unsqueeze(1)
    for triple in (AB, BA, AA):
        # The last nodes have no edge.
        ends = [generator.integers(0, max(size[name] - 3, 1), edges) for name in (triple[0], triple[2])]
        data[triple].edge_index = torch.from_numpy(np.stack(ends))
    data[AA].edge_index = torch.cat([data[AA].edge_index, torch.tensor([[0, 1, 2, 2], [0, 1, 3, 3]])], 1)
    data["b", "none", "b"].edge_index = torch.empty((2, 0), dtype=torch.int64)
    return data


@pytest.fixture
def data() -> HeteroData:
    return make_data()


def sample(sampler: NeighbourSampler, nodes, name: str = "a", time=None) -> SortedSamplerOutput:
    node = torch.as_tensor(nodes)
    return sampler.sample_from_nodes(NodeSamplerInput(None, node, time, name))


def check_sample(
    data: HeteroData,
    out: SortedSamplerOutput,
    fanout: dict[Triple, list[int]],
    *,
    replace: bool = False,
    eligible=lambda triple, edge, tree: np.ones(edge.size, bool),
) -> None:
    """Check every edge, every count and the order against the graph itself."""
    for triple in data.edge_types:
        source, _, target = triple
        index = data[triple].edge_index.numpy()
        row, col, edge = (part[triple].numpy() for part in (out.row, out.col, out.edge))
        nodes = {name: out.node[name].numpy() for name in (source, target)}
        assert (index[0][edge] == nodes[source][row]).all()
        assert (index[1][edge] == nodes[target][col]).all()
        if out.batch is not None:
            assert (out.batch[source].numpy()[row] == out.batch[target].numpy()[col]).all()
        rank = col * (len(nodes[source]) + 1) + row
        assert (np.diff(rank) >= 0).all()
        pointer = np.concatenate([[0], np.cumsum(np.bincount(col, minlength=len(nodes[target])))])
        assert (out.indptr[triple].numpy() == pointer).all()
        _check_counts(data, out, triple, fanout.get(triple), replace, eligible)
    for name in data.node_types:
        assert sum(out.num_sampled_nodes[name]) == len(out.node[name])


def _check_counts(data, out, triple, hops, replace, eligible) -> None:
    """Each target has as many edges as its hop and its degree allow, each once unless they may come again."""
    target = triple[2]
    node, edge = out.node[target].numpy(), out.edge[triple].numpy()
    tree = None if out.batch is None else out.batch[target].numpy()
    pointer = out.indptr[triple].numpy()
    bounds = np.cumsum([0, *out.num_sampled_nodes[target]])
    hops = hops or [0] * (len(bounds) - 2)
    whole = data[triple].edge_index[1].numpy()
    for hop, fanout in enumerate([*hops, 0]):
        found = 0
        for place in range(bounds[hop], bounds[hop + 1]):
            there = np.flatnonzero(whole == node[place])
            there = there[eligible(triple, there, None if tree is None else tree[place])]
            own = edge[pointer[place] : pointer[place + 1]]
            wanted = there.size if fanout < 0 else min(fanout, there.size)
            if replace and fanout > 0:
                wanted = fanout if there.size else 0
            assert own.size == wanted
            assert set(own) <= set(there)
            if not replace or fanout < 0:
                assert max(Counter(own.tolist()).values(), default=1) == 1
            found += own.size
        if hop < len(hops):
            assert out.num_sampled_edges[triple][hop] == found
