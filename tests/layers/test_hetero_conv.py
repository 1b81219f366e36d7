"""Equality with PyG's HeteroConv in float64 for several convolutions, and what is refused."""

import contextlib
import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch_geometric import nn as pyg

from mmgraph.errors import ConfigError
from mmgraph.layers import HeteroConv
from mmgraph.layers.hetero_conv import CONVOLUTIONS

CHANNELS = 16
EXACT = {"atol": 1e-8, "rtol": 0.0}
CASES = [
    ("SAGEConv", {}),
    ("SAGEConv", {"aggr": "max", "project": True}),
    ("GraphConv", {"aggr": "mean"}),
    ("GATConv", {"negative_slope": 0.1}),
    ("GATv2Conv", {"heads": 1, "concat": False}),
    ("TransformerConv", {"beta": True}),
    ("LEConv", {}),
    ("GeneralConv", {}),
]


def make_pair(metadata, conv, options, edge_channels=None):
    """Return our layer, and the same convolutions in PyG's HeteroConv."""
    layer = HeteroConv(
        metadata, CHANNELS, conv=conv, options=options, norm="none", edge_channels=edge_channels
    ).double()
    for receive in layer.receive.values():
        nn.init.zeros_(receive.self_path.weight)
        nn.init.zeros_(receive.self_path.bias)
    return layer, pyg.HeteroConv({r: copy.deepcopy(layer.conv[r]) for r in metadata[1]}, aggr="sum")


@pytest.mark.parametrize(("conv", "options"), CASES)
def test_where_every_node_has_edges_it_is_pygs_hetero_conv(assert_equal, conv, options):
    generator = torch.Generator().manual_seed(0)
    relations = [("a", "near", "a"), ("a", "to", "b"), ("b", "rev_to", "a")]
    x_dict = {n: torch.randn(12, CHANNELS, dtype=torch.float64, generator=generator) for n in "ab"}
    every = torch.arange(12).repeat(4)
    edges = {r: torch.stack([torch.randint(0, 12, (48,), generator=generator), every]) for r in relations}
    layer, convolution = make_pair((["a", "b"], relations), conv, options)

    def theirs(x_dict):
        messages = convolution(x_dict, edges)
        return {name: x + functional.gelu(messages[name]) for name, x in x_dict.items()}

    assert_equal(lambda x_dict: layer(x_dict, edges), theirs, x_dict)
    for relation in relations:
        mine, wanted = layer.conv[relation], convolution.convs[relation]
        for one, other in zip(mine.parameters(), wanted.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad, **EXACT)


@pytest.mark.parametrize(("conv", "options"), CASES[:2] + CASES[3:4])
def test_without_an_edge_of_a_relation_there_is_no_message_from_it(random_graph, assert_equal, conv, options):
    metadata, x_dict, edges = random_graph
    layer, convolution = make_pair(metadata, conv, options)

    def theirs(x_dict):
        new = {}
        for name, x in x_dict.items():
            messages = torch.zeros_like(x)
            for relation, index in edges.items():
                if relation[2] == name and index.numel():
                    out = convolution.convs[relation](
                        x if relation[0] == name else (x_dict[relation[0]], x), index
                    )
                    has_edge = torch.bincount(index[1], minlength=x.shape[0]) > 0
                    messages = messages + torch.where(has_edge.unsqueeze(1), out, 0.0)
            new[name] = x + functional.gelu(messages)
        return new

    assert_equal(lambda x_dict: layer(x_dict, edges), theirs, x_dict)


READERS = {
    "edge_weight": [("GraphConv", {}), ("GraphConv", {"aggr": "mean"}), ("LEConv", {})],
    "edge_attr": [
        (name, {}) for name in ("GATConv", "GATv2Conv", "TransformerConv", "GENConv", "GeneralConv")
    ],
}
"""What takes weights of edges, and what takes features."""


@pytest.mark.parametrize(
    ("carried", "conv", "options"), [(what, *case) for what, cases in READERS.items() for case in cases]
)
def test_what_edges_carry_acts_as_in_pygs_hetero_conv(carried, conv, options):
    generator = torch.Generator().manual_seed(0)
    relations = [("a", "near", "a"), ("a", "to", "b")]
    x_dict = {n: torch.randn(12, CHANNELS, dtype=torch.float64, generator=generator) for n in "ab"}
    every = torch.arange(12).repeat(4)[torch.randperm(48, generator=generator)]
    edges = {r: torch.stack([torch.randint(0, 12, (48,), generator=generator), every]) for r in relations}
    shape = (48,) if carried == "edge_weight" else (48, 3)
    values = {r: 0.5 + torch.rand(shape, dtype=torch.float64, generator=generator) for r in relations}
    widths = None if carried == "edge_weight" else dict.fromkeys(relations, 3)
    layer, convolution = make_pair((["a", "b"], relations), conv, options, widths)
    mine, theirs = ({r: value.clone().requires_grad_() for r, value in values.items()} for _ in range(2))
    out = layer(x_dict, edges, **{f"{carried}_dict": mine})
    messages = convolution(x_dict, edges, **{f"{carried}_dict": theirs})
    wanted = {name: x + functional.gelu(messages[name]) for name, x in x_dict.items()}
    direction = {name: torch.randn_like(x) for name, x in x_dict.items()}
    for states in (out, wanted):
        sum((states[name] * direction[name]).sum() for name in x_dict).backward()
    for name in x_dict:
        torch.testing.assert_close(out[name], wanted[name], **EXACT)
    for relation in relations:
        assert theirs[relation].grad.abs().sum() > 0
        torch.testing.assert_close(mine[relation].grad, theirs[relation].grad, **EXACT)
        ours, pygs = layer.conv[relation], convolution.convs[relation]
        for one, other in zip(ours.parameters(), pygs.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad, **EXACT)


def test_weights_reach_a_convolution_that_takes_them(graph):
    metadata, x_dict, edges, weight = graph
    for conv, reads in (("GraphConv", True), ("SAGEConv", False)):
        layer = HeteroConv(metadata, CHANNELS, conv=conv).double()
        one, other = layer(x_dict, edges, weight)["e"], layer(x_dict, edges)["e"]
        assert torch.equal(one, other) is not reads


def test_edge_dropout_takes_edges_and_their_weights_away(graph):
    metadata, x_dict, edges, weight = graph
    near = ("e", "near", "e")
    metadata, x_dict, edges = (["e"], [near]), {"e": x_dict["e"]}, {near: edges[near]}
    layer = HeteroConv(metadata, CHANNELS, conv="GraphConv", edge_dropout=0.5).double()
    torch.manual_seed(0)
    out = layer(x_dict, edges, weight)["e"]
    torch.manual_seed(0)
    kept = torch.rand(7) >= 0.5
    wanted = layer.eval()(x_dict, {near: edges[near][:, kept]}, {near: weight[near][kept]})["e"]
    still = torch.bincount(edges[near][1][kept], minlength=6) > 0
    torch.testing.assert_close(out[still], wanted[still], **EXACT)
    assert 0 < kept.sum() < 7


def test_heads_share_the_channels(graph):
    layer = HeteroConv(graph[0], CHANNELS, conv="GATConv", heads=2)
    assert {(conv.heads, conv.out_channels) for conv in layer.conv.values()} == {(2, 8)}
    assert not any(conv.add_self_loops for conv in layer.conv.values())


def test_a_class_and_any_function_like_it_do_as_well(graph):
    metadata, x_dict, edges, _ = graph
    assert isinstance(HeteroConv(metadata, CHANNELS, conv=pyg.SAGEConv).conv["f", "has", "e"], pyg.SAGEConv)

    def gin(in_channels, out_channels, *, eps):
        assert in_channels in (CHANNELS, (CHANNELS, CHANNELS))
        return pyg.GINConv(nn.Linear(CHANNELS, out_channels), eps=eps)

    layer = HeteroConv(metadata, CHANNELS, conv=gin, options={"eps": 0.5}).double()
    assert {float(conv.eps) for conv in layer.conv.values()} == {0.5}
    assert layer(x_dict, edges)["e"].shape == x_dict["e"].shape


def test_each_relation_can_have_a_convolution_of_its_own(graph):
    metadata, x_dict, edges, _ = graph
    by_name, by_triple = metadata[1][0][1], metadata[1][-1]
    own = pyg.SAGEConv((CHANNELS, CHANNELS), CHANNELS, aggr="max")
    conv = {by_triple: own, by_name: {"name": "GATConv", "heads": 2}, "*": "GraphConv"}
    layer = HeteroConv(metadata, CHANNELS, conv=conv, options={"aggr": "mean"})
    for relation in metadata[1]:
        made = layer.conv[relation]
        if relation == by_triple:
            assert made is not own
            assert torch.equal(made.lin_l.weight, own.lin_l.weight)
        elif relation[1] == by_name:
            assert isinstance(made, pyg.GATConv)
            assert made.heads == 2
        else:
            assert isinstance(made, pyg.GraphConv)
            assert type(made.aggr_module).__name__ == "MeanAggregation"
    assert layer.double()(x_dict, edges)["e"].shape == x_dict["e"].shape


def test_a_convolution_within_one_node_type_does_where_there_are_no_others():
    near = ("a", "near", "a")
    layer = HeteroConv((["a"], [near]), CHANNELS, conv="GCNConv")
    assert layer({"a": torch.randn(3, CHANNELS)}, {near: torch.tensor([[0], [1]])})["a"].shape == (
        3,
        CHANNELS,
    )


def test_trying_a_convolution_leaves_no_trace(graph):
    class Counts(nn.Module):
        def __init__(self, in_channels, out_channels):
            super().__init__()
            self.norm = nn.BatchNorm1d(CHANNELS)
            self.linear = nn.Linear(CHANNELS, out_channels)

        def forward(self, x, edge_index):
            return torch.dropout(self.linear(self.norm(x if torch.is_tensor(x) else x[1])), 0.5, True)

    torch.manual_seed(0)
    convolutions = HeteroConv(graph[0], CHANNELS, conv=Counts).conv.values()
    after = torch.rand(1)
    assert all(conv.training and conv.norm.num_batches_tracked == 0 for conv in convolutions)
    torch.manual_seed(0)
    for _ in convolutions:
        Counts(CHANNELS, CHANNELS)
    for _ in range(5):
        nn.Linear(CHANNELS, CHANNELS)
    assert torch.equal(after, torch.rand(1))


def test_every_convolution_is_there_by_its_plain_name():
    assert {"GCNConv", "SAGEConv", "GINConv", "PNAConv"} <= CONVOLUTIONS.keys()
    assert "MessagePassing" not in CONVOLUTIONS
    assert all(hasattr(pyg, name) for name in CONVOLUTIONS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"conv": "SAGECon"},
            r"hetero_conv\.conv: there is no convolution 'SAGECon'.*Did you mean 'SAGEConv'",
        ),
        ({"conv": "torch_geometric.nn.SAGEConv"}, "there is no convolution 'torch_geometric.nn.SAGEConv'"),
        ({"conv": "MessagePassing"}, "there is no convolution 'MessagePassing'"),
        ({"conv": "inspect"}, "there is no convolution 'inspect'"),
        ({"conv": 7}, "there is no convolution 7"),
        ({"conv": ["SAGEConv"]}, "there is no convolution"),
        ({"options": "aggr"}, r"hetero_conv\.options: got 'aggr'; wanted a mapping"),
        (
            {"conv": "GCNConv"},
            r"GCNConv does not work on .*\('e/text', 'of', 'e'\).*pairs of",
        ),
        ({"conv": "GINConv"}, "GINConv does not work"),
        ({"options": {"agr": "mean"}}, r"SAGEConv does not work.*'agr'"),
        ({"conv": "GATConv", "heads": 3}, r"hetero_conv\.heads: got 3 heads for 16 channels"),
        ({"conv": nn.Linear}, "Linear does not work"),
        (
            {"conv": lambda i, o: pyg.SAGEConv(i, o + 1)},
            r"returned \(2, 17\) for two nodes; wanted \(2, 16\)",
        ),
        ({"aggr": "min"}, r"hetero_conv\.aggr"),
        (
            {"conv": {"hass": "SAGEConv"}},
            r"hetero_conv\.conv: there is no relation 'hass'.*Did you mean 'has'",
        ),
        ({"conv": {"has": "SAGEConv"}}, r"got no convolution for .*Add '\*'"),
        ({"conv": {"*": {"name": "SAGECon"}}}, "there is no convolution 'SAGECon'"),
        ({"conv": {"*": pyg.SAGEConv(3, CHANNELS)}}, "SAGEConv does not work on the relation"),
    ],
)
def test_what_cannot_be_is_refused(graph, options, message):
    with pytest.raises(ConfigError, match=message):
        HeteroConv(graph[0], CHANNELS, **options)


def test_a_convolution_that_keeps_its_first_edges_is_refused():
    with pytest.raises(ConfigError, match=r"options.cached.*keeps what it works out of the first edges"):
        HeteroConv((["a"], [("a", "to", "a")]), CHANNELS, conv="GCNConv", options={"cached": True})


def convolution_layers():
    """Return layers of PyG's convolutions that need no more than their widths, and of one with hops."""
    layers = {}
    for name, options in [*((name, {}) for name in sorted(CONVOLUTIONS)), ("ChebConv", {"K": 3})]:
        # The others are refused, as they need more.
        with contextlib.suppress(ConfigError):
            layers[name] = HeteroConv((["a"], [("a", "to", "a")]), CHANNELS, conv=name, options=options)
    return layers


LAYERS = convolution_layers()


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_says_so_needs_no_more_than_the_edges_that_lead_to_a_node(name):
    torch.manual_seed(0)
    layer = LAYERS[name].eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    x, edges = {"a": torch.randn(40, CHANNELS)}, torch.randint(40, (2, 160))
    # Some convolutions count a pair once, however often it is there.
    edges = edges[:, edges[0] != edges[1]].unique(dim=1)
    seeds = torch.arange(10)
    near = edges[:, torch.isin(edges[1], seeds)]
    found, whole = (layer(x, {("a", "to", "a"): part})["a"][seeds] for part in (near, edges))
    assert torch.allclose(found, whole, atol=1e-4) == (layer.not_in_parts is None)
