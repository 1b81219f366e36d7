"""Equality with PyG's RGCNConv in float64, with and without bases."""

import pytest
import torch
from torch.nn import functional
from torch_geometric.nn import RGCNConv

from mmgraph.errors import ConfigError
from mmgraph.layers import RGCN

CHANNELS = 16
EXACT = {"atol": 1e-8, "rtol": 0.0}


def make_pair(metadata, num_bases):
    """Return our layer and PyG's convolution with the same weights; it has one root for all node types."""
    layer = RGCN(metadata, CHANNELS, num_bases=num_bases, norm="none").double()
    conv = RGCNConv(CHANNELS, CHANNELS, len(metadata[1]), num_bases=num_bases).double()
    with torch.no_grad():
        torch.nn.init.normal_(conv.bias)
        layer.weight.copy_(conv.weight)
        if num_bases is not None:
            layer.coefficient.copy_(conv.comp)
        for receive in layer.receive.values():
            receive.self_path.weight.copy_(conv.root.t())
            receive.self_path.bias.copy_(conv.bias)
    return layer, conv


def as_one_graph(x_dict, edges):
    """Return all nodes as one type, their edges and the relation of each edge."""
    offset, first = {}, 0
    for name, x in x_dict.items():
        offset[name] = first
        first += x.shape[0]
    index = [i + torch.tensor([[offset[s]], [offset[t]]]) for (s, _, t), i in edges.items()]
    kinds = [torch.full((i.shape[1],), number) for number, i in enumerate(edges.values())]
    return torch.cat(list(x_dict.values())), torch.cat(index, dim=1), torch.cat(kinds)


@pytest.mark.parametrize("num_bases", [None, 2, 7])
def test_it_is_pygs_rgcn_conv(random_graph, assert_equal, num_bases):
    metadata, x_dict, edges = random_graph
    layer, conv = make_pair(metadata, num_bases)

    def theirs(x_dict):
        x, index, kinds = as_one_graph(x_dict, edges)
        new = x + functional.gelu(conv(x, index, kinds))
        return dict(zip(x_dict, new.split([len(x) for x in x_dict.values()]), strict=True))

    assert_equal(lambda x_dict: layer(x_dict, edges), theirs, x_dict)
    torch.testing.assert_close(layer.weight.grad, conv.weight.grad, **EXACT)
    if num_bases is not None:
        torch.testing.assert_close(layer.coefficient.grad, conv.comp.grad, **EXACT)
    root = sum(receive.self_path.weight.grad for receive in layer.receive.values())
    bias = sum(receive.self_path.bias.grad for receive in layer.receive.values())
    torch.testing.assert_close(root.t(), conv.root.grad, **EXACT)
    torch.testing.assert_close(bias, conv.bias.grad, **EXACT)


def test_bases_are_fewer_parameters(graph):
    count = [sum(p.numel() for p in RGCN(graph[0], CHANNELS, num_bases=b).parameters()) for b in (None, 2)]
    assert count[0] - count[1] == (9 - 2) * CHANNELS**2 - 9 * 2


@pytest.mark.parametrize("num_bases", [None, 2])
def test_without_relations_only_the_self_path_is_left(num_bases):
    layer = RGCN((["a"], []), CHANNELS, num_bases=num_bases)
    assert {name.partition(".")[0] for name, _ in layer.named_parameters()} == {"norm", "receive"}
    assert layer({"a": torch.randn(2, CHANNELS)}, {})["a"].shape == (2, CHANNELS)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_bases": 0}, r"rgcn\.num_bases: got 0"), ({"aggr": "min"}, r"rgcn\.aggr")],
)
def test_an_option_that_cannot_be_is_refused(graph, options, message):
    with pytest.raises(ConfigError, match=message):
        RGCN(graph[0], CHANNELS, **options)
