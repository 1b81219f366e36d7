"""Equality with PyG's HANConv in float64."""

import pytest
import torch
from torch.nn import functional
from torch_geometric.nn import HANConv

from mmgraph.errors import ConfigError
from mmgraph.layers import HAN

CHANNELS, HEADS = 16, 4
EXACT = {"atol": 1e-8, "rtol": 0.0}
NEVER = ("c", "never", "b")


def make_pair(metadata):
    """Return our layer and PyG's convolution with the same weights; it weighs relations alike everywhere."""
    layer = HAN(metadata, CHANNELS, heads=HEADS, norm="none").double()
    conv = HANConv(CHANNELS, CHANNELS, metadata, heads=HEADS).double()
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.copy_(torch.randn_like(parameter))
        for name, receive in layer.receive.items():
            receive.self_path.weight.zero_()
            receive.self_path.bias.zero_()
            layer.project[name].load_state_dict(conv.proj[name].state_dict())
            if hasattr(receive, "pool") and receive.pool.aggr == "semantic":
                receive.pool.key.load_state_dict(conv.k_lin.state_dict())
                receive.pool.query.weight.copy_(conv.q)
        for mine, theirs in vectors(layer, conv):
            mine.copy_(theirs[0])
    return layer, conv


def vectors(layer, conv, grad=False):
    for relation in layer.relations:
        name = "__".join(relation)
        sent = layer.send[relation[0]].share.vector, layer._relations_from(relation[0]).index(relation)
        received = layer.receive[relation[2]].share.vector, layer._relations_into(relation[2]).index(relation)
        for (vector, slot), theirs in ((sent, conv.lin_src[name]), (received, conv.lin_dst[name])):
            yield (vector.grad[slot], theirs.grad) if grad else (vector[slot], theirs)


def test_it_is_pygs_han_conv(random_graph, assert_equal):
    metadata, x_dict, edges = random_graph
    layer, conv = make_pair(metadata)
    # PyG lets a relation without edges take part in the semantic attention; here it is as good as absent.
    theirs_edges = {relation: index for relation, index in edges.items() if relation != NEVER}

    def theirs(x_dict):
        messages = conv(x_dict, theirs_edges)
        return {n: x if messages[n] is None else x + functional.gelu(messages[n]) for n, x in x_dict.items()}

    assert_equal(lambda x_dict: layer(x_dict, edges), theirs, x_dict)
    for mine, wanted in vectors(layer, conv, grad=True):
        torch.testing.assert_close(mine, torch.zeros_like(mine) if wanted is None else wanted[0], **EXACT)
    for name in x_dict:
        for part in ("weight", "bias"):
            mine, wanted = getattr(layer.project[name], part), getattr(conv.proj[name], part)
            torch.testing.assert_close(mine.grad, wanted.grad, **EXACT)
    pools = [receive.pool for receive in layer.receive.values() if hasattr(receive, "pool")]
    pools = [pool for pool in pools if pool.aggr == "semantic"]
    assert len(pools) == 2
    key = sum(pool.key.weight.grad for pool in pools)
    torch.testing.assert_close(key, conv.k_lin.weight.grad, **EXACT)
    torch.testing.assert_close(sum(pool.key.bias.grad for pool in pools), conv.k_lin.bias.grad, **EXACT)
    torch.testing.assert_close(sum(pool.query.weight.grad for pool in pools), conv.q.grad, **EXACT)


def test_heads_that_do_not_divide_are_refused(graph):
    with pytest.raises(ConfigError, match=r"han\.heads: got 3 heads for 16 channels"):
        HAN(graph[0], CHANNELS, heads=3)
