"""Equality with PyG's GATv2Conv and HeteroConv in float64, and what each option does."""

import pytest
import torch
from torch.nn import functional
from torch_geometric.nn import GATv2Conv, HeteroConv

from mmgraph.errors import ConfigError
from mmgraph.layers import HeteroGATv2

CHANNELS, HEADS, WIDTH = 16, 4, 4
EXACT = {"atol": 1e-8, "rtol": 0.0}


def place(layer, relation):
    """Return the rows of a relation in what its source sends and in what its target receives."""
    source = layer._relations_from(relation[0]).index(relation)
    target = layer._relations_into(relation[2]).index(relation)
    return source, *(slice(i * CHANNELS, (i + 1) * CHANNELS) for i in (source, target))


def make_pair(metadata, **options):
    """Return our layer and PyG's convolution with the same weights."""
    layer = HeteroGATv2(metadata, CHANNELS, heads=HEADS, norm="none", **options).double()
    convolutions = {
        relation: GATv2Conv((CHANNELS, CHANNELS), WIDTH, heads=HEADS, add_self_loops=False)
        for relation in metadata[1]
    }
    convolution = HeteroConv(convolutions, aggr="sum").double()
    with torch.no_grad():
        for parameter in convolution.parameters():
            parameter.copy_(torch.randn_like(parameter))
        for receive in layer.receive.values():
            receive.self_path.weight.zero_()
            receive.self_path.bias.zero_()
        for relation in metadata[1]:
            conv, send, receive = (
                convolution.convs[relation],
                layer.send[relation[0]],
                layer.receive[relation[2]],
            )
            source, sent, received = place(layer, relation)
            send.project.weight[sent], send.project.bias[sent] = conv.lin_l.weight, conv.lin_l.bias
            send.vector[source] = conv.att[0]
            receive.attention.weight[received] = conv.lin_r.weight
            receive.attention.bias[received] = conv.lin_r.bias
            receive.self_path.bias += conv.bias
    return layer, convolution


def test_all_relations_are_pygs_hetero_conv_of_gatv2_conv(random_graph, assert_equal):
    metadata, x_dict, edges = random_graph
    layer, convolution = make_pair(metadata)

    def theirs(x_dict):
        messages = convolution(x_dict, edges)
        return {n: x + functional.gelu(messages[n]) if n in messages else x for n, x in x_dict.items()}

    assert_equal(lambda x_dict: layer(x_dict, edges), theirs, x_dict)
    for relation in metadata[1]:
        conv = convolution.convs[relation]
        send, receive = layer.send[relation[0]], layer.receive[relation[2]]
        source, sent, received = place(layer, relation)
        for mine, wanted in (
            (send.project.weight.grad[sent], conv.lin_l.weight.grad),
            (send.project.bias.grad[sent], conv.lin_l.bias.grad),
            (send.vector.grad[source], conv.att.grad[0]),
            (receive.attention.weight.grad[received], conv.lin_r.weight.grad),
            (receive.attention.bias.grad[received], conv.lin_r.bias.grad),
            (receive.self_path.bias.grad, conv.bias.grad),
        ):
            torch.testing.assert_close(mine, wanted, **EXACT)


def test_which_neighbour_weighs_most_can_differ_from_node_to_node():
    """What hetero_gat cannot do: its scores rank the neighbours alike for all."""
    relation = ("a", "to", "a")
    layer = HeteroGATv2((["a"], [relation]), 4, heads=1, norm="none", negative_slope=0.0).double()
    with torch.no_grad():
        layer.send["a"].project.weight.copy_(torch.eye(4))
        layer.send["a"].vector.fill_(1.0)
        layer.receive["a"].attention.weight.copy_(torch.eye(4))
        for bias in (layer.send["a"].project.bias, layer.receive["a"].attention.bias):
            bias.zero_()
        layer.receive["a"].self_path.weight.zero_()
        layer.receive["a"].self_path.bias.zero_()
    x = 3 * torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1], [-5, -5, 0, 0], [0, 0, -5, -5]]).double()
    edges = {relation: torch.tensor([[0, 1, 0, 1], [2, 2, 3, 3]])}
    update = layer({"a": x}, edges)["a"] - x
    assert update[2, 2] > 10 * update[2, 0]
    assert update[3, 0] > 10 * update[3, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 3}, r"hetero_gatv2\.heads: got 3 heads for 16 channels"),
        ({"aggr": "min"}, r"hetero_gatv2\.aggr"),
        ({"norm": "batch"}, r"hetero_gatv2\.norm"),
        ({"negative_slope": 1.5}, r"hetero_gatv2\.negative_slope"),
    ],
)
def test_an_option_that_cannot_be_is_refused(graph, options, message):
    with pytest.raises(ConfigError, match=message):
        HeteroGATv2(graph[0], CHANNELS, **options)
