"""Equality with PyG's SAGEConv and HeteroConv in float64, and what each option does."""

import pytest
import torch
from torch.nn import functional
from torch_geometric.nn import HeteroConv, SAGEConv

from mmgraph.errors import ConfigError
from mmgraph.layers import HeteroSAGE

CHANNELS = 16
EXACT = {"atol": 1e-8, "rtol": 0.0}


def make_pair(metadata, reduce, aggr):
    """Return our layer and PyG's convolution with the same weights; its maps of x_i act as their sum."""
    layer = HeteroSAGE(metadata, CHANNELS, reduce=reduce, aggr=aggr, norm="none").double()
    convolutions = {r: SAGEConv((CHANNELS, CHANNELS), CHANNELS, aggr=reduce) for r in metadata[1]}
    convolution = HeteroConv(convolutions, aggr=aggr).double()
    with torch.no_grad():
        for receive in layer.receive.values():
            receive.self_path.weight.zero_()
            receive.self_path.bias.zero_()
        for relation in metadata[1]:
            conv, self_path = convolution.convs[relation], layer.receive[relation[2]].self_path
            layer.project[relation].weight.copy_(conv.lin_l.weight)
            self_path.weight += conv.lin_r.weight
            self_path.bias += conv.lin_l.bias
    return layer, convolution


@pytest.mark.parametrize("reduce", ["mean", "max"])
def test_all_relations_are_pygs_hetero_conv_of_sage_conv(random_graph, assert_equal, reduce):
    metadata, x_dict, edges = random_graph
    layer, convolution = make_pair(metadata, reduce, "sum")

    def theirs(x_dict):
        messages = convolution(x_dict, edges)
        return {n: x + functional.gelu(messages[n]) if n in messages else x for n, x in x_dict.items()}

    assert_equal(lambda x_dict: layer(x_dict, edges), theirs, x_dict)
    for relation in metadata[1]:
        conv, self_path = convolution.convs[relation], layer.receive[relation[2]].self_path
        if edges[relation].numel():
            torch.testing.assert_close(layer.project[relation].weight.grad, conv.lin_l.weight.grad, **EXACT)
        torch.testing.assert_close(self_path.weight.grad, conv.lin_r.weight.grad, **EXACT)
        torch.testing.assert_close(self_path.bias.grad, conv.lin_l.bias.grad, **EXACT)


def test_an_edge_of_weight_two_is_two_parallel_edges(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    near = ("e", "near", "e")
    layer = HeteroSAGE(metadata, CHANNELS).double()
    weight = torch.tensor([2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0])
    parallel = edge_index_dict[near].repeat_interleave(weight.long(), dim=1)
    one = layer(x_dict, edge_index_dict, {near: weight})["e"]
    other = layer(x_dict, {**edge_index_dict, near: parallel})["e"]
    torch.testing.assert_close(one, other, **EXACT)
    assert not torch.allclose(one, layer(x_dict, edge_index_dict)["e"])


@pytest.mark.parametrize("reduce", ["mean", "max"])
def test_a_dropped_edge_is_as_good_as_none(reduce):
    relation = ("a", "to", "a")
    layer = HeteroSAGE((["a"], [relation]), CHANNELS, reduce=reduce, edge_dropout=0.5).double()
    x_dict = {"a": torch.randn(50, CHANNELS, dtype=torch.float64)}
    edges = torch.randint(0, 50, (2, 120))
    torch.manual_seed(0)
    out = layer(x_dict, {relation: edges})["a"]
    torch.manual_seed(0)
    kept = edges[:, torch.rand(120) >= 0.5]
    torch.testing.assert_close(out, layer.eval()(x_dict, {relation: kept})["a"], **EXACT)
    assert not torch.allclose(out, layer(x_dict, {relation: edges})["a"])


def test_the_maximum_may_be_negative(graph):
    metadata, x_dict, edges, _ = graph
    layer = HeteroSAGE(metadata, CHANNELS, reduce="max", norm="none").double()
    x_dict = {name: -1 - x.abs() for name, x in x_dict.items()}
    texts = x_dict["e/text"]
    relation = ("e/text", "of", "e")
    seen = []
    layer.project[relation].register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    layer(x_dict, edges)
    assert torch.equal(seen[0][:5], texts)
    assert (seen[0][5] == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reduce": "median"}, r"hetero_sage\.reduce: got 'median'; wanted one of mean, max"),
        ({"aggr": "min"}, r"hetero_sage\.aggr"),
        ({"dropout": 2}, r"hetero_sage\.dropout"),
    ],
)
def test_an_option_that_cannot_be_is_refused(graph, options, message):
    with pytest.raises(ConfigError, match=message):
        HeteroSAGE(graph[0], CHANNELS, **options)
