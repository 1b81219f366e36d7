"""Equality with PyG's HGTConv in float64, and the softmax over all relations."""

import pytest
import torch
from torch_geometric.nn import HGTConv

from mmgraph.errors import ConfigError
from mmgraph.layers import HGT

CHANNELS, HEADS = 16, 4
EXACT = {"atol": 1e-8, "rtol": 0.0}


def pairs(layer, conv):
    """Yield our parameters, and a function that takes PyG's numbers for them out of PyG's parameters."""
    relations = layer.edge_types

    def matrices(weight, name):
        numbers = [
            [head * len(relations) + relations.index(r) for head in range(HEADS)]
            for r in layer._relations_from(name)
        ]
        return lambda take: take(weight)[torch.tensor(numbers)]

    for name in layer.send:
        lin = conv.kqv_lin.lins[name]
        send = layer.send[name]
        yield send.key_value.weight, lambda take, lin=lin: torch.cat(take(lin.weight).chunk(3)[::2])
        yield send.key_value.bias, lambda take, lin=lin: torch.cat(take(lin.bias).chunk(3)[::2])
        yield send.key_relation, matrices(conv.k_rel.weight, name)
        yield send.value_relation, matrices(conv.v_rel.weight, name)
        priors = [conv.p_rel["__".join(relation)] for relation in layer._relations_from(name)]
        yield send.prior, lambda take, priors=priors: torch.cat([take(prior) for prior in priors])
    for name in layer.receive:
        lin, receive = conv.kqv_lin.lins[name], layer.receive[name]
        yield receive.query.weight, lambda take, lin=lin: take(lin.weight).chunk(3)[1]
        yield receive.query.bias, lambda take, lin=lin: take(lin.bias).chunk(3)[1]
        out = conv.out_lin.lins[name]
        yield receive.out.weight, lambda take, out=out: take(out.weight)
        yield receive.out.bias, lambda take, out=out: take(out.bias)
        yield receive.gate, lambda take, name=name: take(conv.skip[name])


def make_pair(metadata):
    layer = HGT(metadata, CHANNELS, heads=HEADS, norm="none").double()
    conv = HGTConv(CHANNELS, CHANNELS, metadata, heads=HEADS).double()
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
        for mine, theirs in pairs(layer, conv):
            mine.copy_(theirs(lambda parameter: parameter))
    return layer, conv


def test_it_is_pygs_hgt_conv(random_graph, assert_equal):
    metadata, x_dict, edges = random_graph
    layer, conv = make_pair(metadata)
    assert_equal(
        lambda x_dict: layer(x_dict, edges), lambda x_dict: {**x_dict, **conv(x_dict, edges)}, x_dict
    )
    for mine, theirs in pairs(layer, conv):
        torch.testing.assert_close(mine.grad, theirs(lambda parameter: parameter.grad), **EXACT)


def test_relations_compete_for_a_node(graph):
    metadata, x_dict, edges, _ = graph
    layer = HGT(metadata, CHANNELS, heads=HEADS).double()
    with torch.no_grad():
        # The share of "near" goes to 0 with its prior against the others'.
        layer.send["e"].prior.zero_()
        for send in layer.send.values():
            send.key_value.weight.zero_()
            send.key_value.bias.fill_(1.0)
            send.key_relation.fill_(1.0)
        layer.receive["e"].query.weight.zero_()
        layer.receive["e"].query.bias.fill_(20.0)
    near = ("e", "near", "e")
    without = {relation: index for relation, index in edges.items() if relation != near}
    with_near, alone = layer(x_dict, edges)["e"], layer(x_dict, without)["e"]
    torch.testing.assert_close(with_near, alone, **EXACT)


def test_an_edge_of_weight_two_is_two_parallel_edges_among_all_relations(graph):
    metadata, x_dict, edges, _ = graph
    near = ("e", "near", "e")
    layer = HGT(metadata, CHANNELS).double()
    weight = torch.tensor([2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0])
    one = layer(x_dict, edges, {near: weight})["e"]
    parallel = edges[near].repeat_interleave(weight.long(), dim=1)
    torch.testing.assert_close(one, layer(x_dict, {**edges, near: parallel})["e"], **EXACT)
    assert not torch.allclose(one, layer(x_dict, edges)["e"])


def test_edge_dropout_takes_edges_away(random_graph):
    metadata, x_dict, edges = random_graph
    layer = HGT(metadata, CHANNELS, edge_dropout=0.5).double()
    torch.manual_seed(0)
    out = layer(x_dict, edges)
    torch.manual_seed(0)
    kept = {relation: index[:, torch.rand(index.shape[1]) >= 0.5] for relation, index in edges.items()}
    wanted = layer.eval()(x_dict, kept)
    for name in x_dict:
        torch.testing.assert_close(out[name], wanted[name], **EXACT)


def test_a_node_type_that_no_relation_points_at_keeps_its_state(random_graph):
    (node_types, relations), x_dict, edges = random_graph
    edges = {relation: index for relation, index in edges.items() if relation[2] != "c"}
    layer = HGT((node_types, [relation for relation in relations if relation[2] != "c"]), CHANNELS).double()
    assert layer(x_dict, edges)["c"] is x_dict["c"]
    assert "c" not in layer.receive


def test_heads_that_do_not_divide_are_refused(graph):
    with pytest.raises(ConfigError, match=r"hgt\.heads: got 3 heads for 16 channels"):
        HGT(graph[0], CHANNELS, heads=3)
