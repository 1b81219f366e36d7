"""Equality with PyG's GATConv and HeteroConv in float64, and what each option does."""

import pytest
import torch
from torch.nn import functional
from torch_geometric.nn import GATConv, HeteroConv

from mmgraph.errors import ConfigError, GraphError
from mmgraph.layers import HeteroGAT

CHANNELS, HEADS, WIDTH = 16, 4, 4
EXACT = {"atol": 1e-8, "rtol": 0.0}


def pyg_convolution(metadata, names=None):
    """Return PyG's convolution over relations; two linear maps each, neither bias nor self loops."""
    relations = [edge_type for edge_type in metadata[1] if names is None or edge_type[1] in names]
    options = {"heads": HEADS, "add_self_loops": False, "bias": False}
    convolutions = {r: GATConv((CHANNELS, CHANNELS), WIDTH, **options) for r in relations}
    return HeteroConv(convolutions, aggr="sum").double()


def copy_weights(layer, convolution):
    """Copy PyG's weights; the target's projection and attention vector go in as their product."""
    with torch.no_grad():
        for relation, conv in zip_relations(layer, convolution):
            send, receive = layer.send[relation[0]], layer.receive[relation[2]]
            position = layer._relations_from(relation[0]).index(relation)
            rows = slice(position * CHANNELS, (position + 1) * CHANNELS)
            send.project.weight[rows] = conv.lin_src.weight
            send.attention[position] = conv.att_src[0]
            position = layer._relations_into(relation[2]).index(relation)
            rows = slice(position * HEADS, (position + 1) * HEADS)
            receive.attention.weight[rows] = torch.einsum(
                "hdc,hd->hc", conv.lin_dst.weight.view(HEADS, WIDTH, CHANNELS), conv.att_dst[0]
            )


def zip_relations(layer, convolution):
    return [(relation, convolution.convs[relation]) for relation in layer.relations]


def bare_layer(metadata, **options):
    """Return a layer whose update is the activation of its messages: no norm, no self path."""
    layer = HeteroGAT(metadata, CHANNELS, heads=HEADS, norm="none", aggr="sum", **options).double()
    for receive in layer.receive.values():
        torch.nn.init.zeros_(receive.self_path.weight)
        torch.nn.init.zeros_(receive.self_path.bias)
    return layer


def with_gradients(x_dict):
    return {name: x.clone().requires_grad_() for name, x in x_dict.items()}


def assert_equal_to_pyg(metadata, x_dict, edge_index_dict):
    layer, convolution = bare_layer(metadata), pyg_convolution(metadata)
    copy_weights(layer, convolution)
    mine, theirs = with_gradients(x_dict), with_gradients(x_dict)
    out, messages = layer(mine, edge_index_dict), convolution(theirs, edge_index_dict)
    wanted = {
        name: x + functional.gelu(messages[name]) if name in messages else x for name, x in theirs.items()
    }
    direction = {name: torch.randn_like(x) for name, x in wanted.items()}
    for name in wanted:
        torch.testing.assert_close(out[name], wanted[name], **EXACT)
    sum((out[name] * direction[name]).sum() for name in out).backward()
    sum((wanted[name] * direction[name]).sum() for name in out).backward()
    for name in x_dict:
        torch.testing.assert_close(mine[name].grad, theirs[name].grad, **EXACT)
    for relation, conv in zip_relations(layer, convolution):
        assert_equal_weight_gradients(layer, relation, conv)


def assert_equal_weight_gradients(layer, relation, conv):
    send, receive = layer.send[relation[0]], layer.receive[relation[2]]
    position = layer._relations_from(relation[0]).index(relation)
    project = send.project.weight.grad.view(-1, CHANNELS, CHANNELS)[position]
    torch.testing.assert_close(project, conv.lin_src.weight.grad, **EXACT)
    torch.testing.assert_close(send.attention.grad[position], conv.att_src.grad[0], **EXACT)
    # By the chain rule through u = W^T a: dL/da = W dL/du and dL/dW = a (dL/du)^T.
    position = layer._relations_into(relation[2]).index(relation)
    fold = receive.attention.weight.grad.view(-1, HEADS, CHANNELS)[position]
    weight = conv.lin_dst.weight.view(HEADS, WIDTH, CHANNELS)
    attention = torch.einsum("hdc,hc->hd", weight, fold)
    torch.testing.assert_close(attention, conv.att_dst.grad[0], **EXACT)
    weight_gradient = torch.einsum("hd,hc->hdc", conv.att_dst[0], fold).flatten(0, 1)
    torch.testing.assert_close(weight_gradient, conv.lin_dst.weight.grad, **EXACT)


def test_one_relation_is_pygs_gat_conv(graph):
    _, x_dict, edge_index_dict, _ = graph
    near = ("e", "near", "e")
    metadata, x_dict, edge_index_dict = (["e"], [near]), {"e": x_dict["e"]}, {near: edge_index_dict[near]}
    assert_equal_to_pyg(metadata, x_dict, edge_index_dict)
    # Where PyG shares one projection between source and target, ours is the same with their product in it.
    layer = bare_layer(metadata)
    conv = GATConv(CHANNELS, WIDTH, heads=HEADS, add_self_loops=False, bias=False).double()
    with torch.no_grad():
        layer.send["e"].project.weight.copy_(conv.lin.weight)
        layer.send["e"].attention.copy_(conv.att_src)
        layer.receive["e"].attention.weight.copy_(
            torch.einsum("hdc,hd->hc", conv.lin.weight.view(HEADS, WIDTH, CHANNELS), conv.att_dst[0])
        )
    mine, theirs = (x_dict["e"].clone().requires_grad_() for _ in range(2))
    out = layer({"e": mine}, edge_index_dict)["e"]
    wanted = theirs + functional.gelu(conv(theirs, edge_index_dict[near]))
    torch.testing.assert_close(out, wanted, **EXACT)
    out.square().sum().backward()
    wanted.square().sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad, **EXACT)


def test_all_relations_are_pygs_hetero_conv_of_gat_conv(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    assert_equal_to_pyg(metadata, x_dict, edge_index_dict)


def test_a_bigger_random_graph_is_pygs_as_well():
    generator = torch.Generator().manual_seed(3)
    sizes, relations = {"a": 40, "b": 30}, [("a", "r", "a"), ("a", "s", "b"), ("b", "t", "a")]
    x_dict = {n: torch.randn(s, CHANNELS, dtype=torch.float64, generator=generator) for n, s in sizes.items()}
    edges = {
        (s, r, t): torch.stack([torch.randint(0, sizes[n], (300,), generator=generator) for n in (s, t)])
        for s, r, t in relations
    }
    assert_equal_to_pyg((list(sizes), relations), x_dict, edges)


def test_an_edge_of_weight_two_is_two_parallel_edges(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    near = ("e", "near", "e")
    layer = HeteroGAT(metadata, CHANNELS).double()
    weight = torch.tensor([2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0])
    parallel = edge_index_dict[near].repeat_interleave(weight.long(), dim=1)
    one = layer(x_dict, edge_index_dict, {near: weight})["e"]
    other = layer(x_dict, {**edge_index_dict, near: parallel})["e"]
    torch.testing.assert_close(one, other, **EXACT)
    assert not torch.allclose(one, layer(x_dict, edge_index_dict)["e"])


def test_weights_follow_their_edges(graph):
    metadata, x_dict, edge_index_dict, weight = graph
    near = ("e", "near", "e")
    layer = HeteroGAT(metadata, CHANNELS).double()
    order = torch.randperm(7)
    one = layer(x_dict, edge_index_dict, weight)["e"]
    other = layer(
        x_dict, {**edge_index_dict, near: edge_index_dict[near][:, order]}, {near: weight[near][order]}
    )
    torch.testing.assert_close(one, other["e"], **EXACT)


@pytest.mark.parametrize("aggr", ["mean", "max", "attention", "semantic"])
def test_aggregations_differ_where_several_relations_meet(graph, aggr):
    metadata, x_dict, edge_index_dict, _ = graph
    torch.manual_seed(0)
    layer = HeteroGAT(metadata, CHANNELS, aggr=aggr).double()
    torch.manual_seed(0)
    summed = HeteroGAT(metadata, CHANNELS, aggr="sum").double()
    summed.load_state_dict(layer.state_dict(), strict=False)
    out, wanted = layer(x_dict, edge_index_dict), summed(x_dict, edge_index_dict)
    assert not torch.allclose(out["e"][4], wanted["e"][4])
    # There is but one relation into f, and nothing to aggregate.
    torch.testing.assert_close(out["f"], wanted["f"], **EXACT)


def test_the_self_path_is_all_that_an_isolated_node_has(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = HeteroGAT(metadata, CHANNELS).double()
    own = functional.gelu(layer.receive["e"].self_path(layer.norm["e"](x_dict["e"])))
    out = layer(x_dict, edge_index_dict)["e"]
    torch.testing.assert_close(out[5], (x_dict["e"] + own)[5], **EXACT)
    assert not torch.allclose(out[4], (x_dict["e"] + own)[4])


def test_norm_is_applied_before(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    scaled = {name: 7 * x for name, x in x_dict.items()}
    for norm, same in (("layer", True), ("none", False)):
        layer = HeteroGAT(metadata, CHANNELS, norm=norm).double()
        update = layer(x_dict, edge_index_dict)["e"] - x_dict["e"]
        scaled_update = layer(scaled, edge_index_dict)["e"] - scaled["e"]
        assert torch.allclose(update, scaled_update, atol=1e-3) is same


def test_negative_slope_is_the_leaky_relus(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = HeteroGAT(metadata, CHANNELS, negative_slope=0.2).double()
    other = HeteroGAT(metadata, CHANNELS, negative_slope=0.9).double()
    other.load_state_dict(layer.state_dict())
    assert not torch.allclose(layer(x_dict, edge_index_dict)["e"], other(x_dict, edge_index_dict)["e"])


def test_edge_dropout_drops_that_share_of_the_edges_in_training():
    metadata = (["a"], [("a", "to", "a")])
    layer = HeteroGAT(metadata, CHANNELS, edge_dropout=0.3)
    # One edge into every node but the first: a node whose edge is gone keeps the self path only.
    edges = {("a", "to", "a"): torch.stack([torch.zeros(1999).long(), torch.arange(1, 2000)])}
    x_dict = {"a": torch.randn(2000, CHANNELS)}
    alone = layer(x_dict, {})["a"]
    layer.train()
    out = layer(x_dict, edges)["a"]
    dropped = (out[1:] - alone[1:]).abs().amax(1) < 1e-6
    assert 0.25 < dropped.float().mean() < 0.35
    layer.eval()
    assert torch.equal(layer(x_dict, edges)["a"], layer(x_dict, edges)["a"])
    assert ((layer(x_dict, edges)["a"][1:] - alone[1:]).abs().amax(1) > 1e-6).all()


def test_dropout_is_of_the_update_in_training(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = HeteroGAT(metadata, CHANNELS, dropout=0.5).double()
    kept = layer(x_dict, edge_index_dict)["e"] == x_dict["e"]
    assert 0.3 < kept.double().mean() < 0.7
    layer.eval()
    assert not (layer(x_dict, edge_index_dict)["e"] == x_dict["e"]).any()


def test_targets_prune_what_serves_the_others_only(graph):
    metadata, x_dict, edge_index_dict, weight = graph
    full = HeteroGAT(metadata, CHANNELS).double()
    pruned = HeteroGAT(metadata, CHANNELS, targets=["f"]).double()
    assert pruned.relations == [("e", "rev_has", "f")]
    assert pruned.reads == {"e", "f"}
    assert set(pruned.norm.keys()) == {"e", "f"}
    assert sum(p.numel() for p in pruned.parameters()) < 0.3 * sum(p.numel() for p in full.parameters())
    out = pruned(x_dict, edge_index_dict, weight)
    assert all(out[name] is x_dict[name] for name in x_dict if name != "f")
    assert not torch.equal(out["f"], x_dict["f"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 3}, r"heads: got 3 heads for 16 channels"),
        ({"dropout": 1.0}, r"hetero_gat\.dropout"),
        ({"edge_dropout": -0.1}, r"hetero_gat\.edge_dropout"),
        ({"aggr": "min"}, r"hetero_gat\.aggr"),
        ({"norm": "batch"}, r"hetero_gat\.norm"),
        ({"negative_slope": "steep"}, r"hetero_gat\.negative_slope"),
    ],
)
def test_an_option_that_cannot_be_is_refused(graph, options, message):
    with pytest.raises(ConfigError, match=message):
        HeteroGAT(graph[0], CHANNELS, **options)


def test_an_edge_to_a_node_that_is_not_there_is_refused(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    edge_index_dict["f", "has", "e"] = torch.tensor([[0], [99]])
    with pytest.raises(GraphError, match=r"\('f', 'has', 'e'\): an edge names the target node 99"):
        HeteroGAT(metadata, CHANNELS).double()(x_dict, edge_index_dict)
