"""Equality with PyG's TransformerConv and HeteroConv in float64."""

import pytest
import torch
from torch.nn import functional
from torch_geometric.nn import HeteroConv, TransformerConv

from mmgraph.errors import ConfigError
from mmgraph.layers import HeteroTransformer

CHANNELS, HEADS, WIDTH = 16, 4, 4
EXACT = {"atol": 1e-8, "rtol": 0.0}


def rows(relations, relation):
    position = relations.index(relation)
    return slice(position * CHANNELS, (position + 1) * CHANNELS)


def parts(layer, conv, relation):
    """Yield the pairs of our part of a parameter and PyG's, as functions of what to take of a parameter."""
    send, receive = layer.send[relation[0]], layer.receive[relation[2]]
    sent = rows(layer._relations_from(relation[0]), relation)
    received = rows(layer._relations_into(relation[2]), relation)
    yield (send.key.weight, sent), conv.lin_key.weight
    yield (send.value.weight, sent), conv.lin_value.weight
    yield (send.value.bias, sent), conv.lin_value.bias
    yield (receive.attention.weight, received), conv.lin_query.weight
    yield (receive.attention.bias, received), conv.lin_query.bias


def make_pair(metadata):
    """Return our layer and PyG's convolution with the same weights; the skips act as their sum."""
    layer = HeteroTransformer(metadata, CHANNELS, heads=HEADS, norm="none").double()
    options = {"heads": HEADS, "root_weight": True, "bias": True}
    convolutions = {r: TransformerConv((CHANNELS, CHANNELS), WIDTH, **options) for r in metadata[1]}
    convolution = HeteroConv(convolutions, aggr="sum").double()
    with torch.no_grad():
        for receive in layer.receive.values():
            receive.self_path.weight.zero_()
            receive.self_path.bias.zero_()
        for relation in metadata[1]:
            conv, receive = convolution.convs[relation], layer.receive[relation[2]]
            for (mine, where), theirs in parts(layer, conv, relation):
                mine[where] = theirs
            receive.self_path.weight += conv.lin_skip.weight
            receive.self_path.bias += conv.lin_skip.bias
    return layer, convolution


def test_all_relations_are_pygs_hetero_conv_of_transformer_conv(random_graph, assert_equal):
    metadata, x_dict, edges = random_graph
    layer, convolution = make_pair(metadata)

    def theirs(x_dict):
        messages = convolution(x_dict, edges)
        return {n: x + functional.gelu(messages[n]) if n in messages else x for n, x in x_dict.items()}

    assert_equal(lambda x_dict: layer(x_dict, edges), theirs, x_dict)
    for relation in metadata[1]:
        conv, receive = convolution.convs[relation], layer.receive[relation[2]]
        for (mine, where), wanted in parts(layer, conv, relation):
            torch.testing.assert_close(mine.grad[where], wanted.grad, **EXACT)
        torch.testing.assert_close(receive.self_path.weight.grad, conv.lin_skip.weight.grad, **EXACT)
        torch.testing.assert_close(receive.self_path.bias.grad, conv.lin_skip.bias.grad, **EXACT)
        # What the layer does without.
        if conv.lin_key.bias.grad is not None:
            assert conv.lin_key.bias.grad.abs().max() < 1e-8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 3}, r"hetero_transformer\.heads: got 3 heads for 16 channels"),
        ({"aggr": "min"}, r"hetero_transformer\.aggr"),
        ({"edge_dropout": 1}, r"hetero_transformer\.edge_dropout"),
    ],
)
def test_an_option_that_cannot_be_is_refused(graph, options, message):
    with pytest.raises(ConfigError, match=message):
        HeteroTransformer(graph[0], CHANNELS, **options)
