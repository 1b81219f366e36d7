"""Features of edges: equal to PyG's edge_dim in float64, and refused where they do not fit."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch_geometric.nn import GATConv, GATv2Conv, TransformerConv

from mmgraph.errors import ConfigError, GraphError
from mmgraph.layers import RGCN, HeteroGAT, HeteroGATv2, HeteroTransformer
from mmgraph.ops import use_backend

CHANNELS, HEADS, WIDTH, ATTR = 16, 4, 4, 3
NEAR, HAS = ("e", "near", "e"), ("f", "has", "e")
OPTIONS = {"heads": HEADS, "edge_dim": ATTR, "bias": False}


def by_head(weight):
    return weight.view(HEADS, WIDTH, -1)


def copy_gat(layer, conv):
    layer.send["e"].project.weight.copy_(conv.lin_src.weight)
    layer.send["e"].attention.copy_(conv.att_src)
    fold = torch.einsum("hdc,hd->hc", by_head(conv.lin_dst.weight), conv.att_dst[0])
    layer.receive["e"].attention.weight.copy_(fold)
    edge = torch.einsum("hda,hd->ha", by_head(conv.lin_edge.weight), conv.att_edge[0])
    layer.edge[NEAR].weight.copy_(edge)


def copy_gatv2(layer, conv):
    layer.send["e"].project.weight.copy_(conv.lin_l.weight)
    layer.send["e"].vector.copy_(conv.att)
    layer.receive["e"].attention.weight.copy_(conv.lin_r.weight)
    layer.edge[NEAR].weight.copy_(conv.lin_edge.weight)


def copy_transformer(layer, conv):
    layer.send["e"].key.weight.copy_(conv.lin_key.weight)
    layer.send["e"].value.weight.copy_(conv.lin_value.weight)
    layer.receive["e"].attention.weight.copy_(conv.lin_query.weight)
    layer.edge[NEAR].weight.copy_(conv.lin_edge.weight)


KINDS = {
    "hetero_gat": (
        HeteroGAT,
        copy_gat,
        lambda: GATConv((CHANNELS,) * 2, WIDTH, add_self_loops=False, **OPTIONS),
    ),
    "hetero_gatv2": (
        HeteroGATv2,
        copy_gatv2,
        lambda: GATv2Conv((CHANNELS,) * 2, WIDTH, add_self_loops=False, **OPTIONS),
    ),
    "hetero_transformer": (
        HeteroTransformer,
        copy_transformer,
        lambda: TransformerConv((CHANNELS,) * 2, WIDTH, root_weight=False, **OPTIONS),
    ),
}


def bare(kind, copy, conv):
    """Return a layer of one relation whose update is the activation of its messages, with PyG's weights."""
    layer = kind((["e"], [NEAR]), CHANNELS, heads=HEADS, norm="none", edge_channels={NEAR: ATTR}).double()
    with torch.no_grad():
        copy(layer, conv)
        for name, parameter in layer.named_parameters():
            if name.endswith("bias") or "self_path" in name:
                nn.init.zeros_(parameter)
    return layer


@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("name", KINDS)
def test_it_is_pygs_edge_dim(name, backend, graph):
    kind, copy, make = KINDS[name]
    _, x_dict, edge_index_dict, _ = graph
    # Parallel edges and a loop, out of order.
    index = torch.cat([edge_index_dict[NEAR], torch.tensor([[3, 0, 1], [3, 1, 0]])], 1)
    conv = make().double()
    layer = bare(kind, copy, conv)
    attr = torch.randn(index.shape[1], ATTR, dtype=torch.float64)
    inputs = [(x_dict["e"].clone().requires_grad_(), attr.clone().requires_grad_()) for _ in range(2)]
    (mine, attr_mine), (theirs, attr_theirs) = inputs
    with use_backend(backend):
        out = layer({"e": mine}, {NEAR: index}, None, {NEAR: attr_mine})["e"]
        direction = torch.randn_like(out)
        (out * direction).sum().backward()
    wanted = theirs + functional.gelu(conv((theirs, theirs), index, edge_attr=attr_theirs))
    (wanted * direction).sum().backward()
    for one, other in ((out, wanted), (mine.grad, theirs.grad), (attr_mine.grad, attr_theirs.grad)):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=0)
    if name != "hetero_gat":
        grads = layer.edge[NEAR].weight.grad, conv.lin_edge.weight.grad
        torch.testing.assert_close(*grads, atol=1e-8, rtol=0)


@pytest.mark.parametrize("name", KINDS)
def test_relations_with_and_without_features_go_together(name, graph):
    metadata, x_dict, edge_index_dict, weights = graph
    torch.manual_seed(0)
    kind = KINDS[name][0]
    layer = kind(metadata, CHANNELS, heads=HEADS, edge_channels={NEAR: ATTR, HAS: 2}).double()
    attr = {
        edge_type: torch.randn(edge_index_dict[edge_type].shape[1], width, dtype=torch.float64)
        for edge_type, width in ((NEAR, ATTR), (HAS, 2))
    }
    out = layer(x_dict, edge_index_dict, weights, attr)
    order = torch.randperm(attr[NEAR].shape[0])
    shuffled = layer(
        x_dict,
        {**edge_index_dict, NEAR: edge_index_dict[NEAR][:, order]},
        {NEAR: weights[NEAR][order]},
        {**attr, NEAR: attr[NEAR][order]},
    )
    torch.testing.assert_close(shuffled["e"], out["e"], atol=1e-9, rtol=0)
    for edge_type in attr:
        other = layer(
            x_dict,
            edge_index_dict,
            weights,
            {**attr, edge_type: attr[edge_type] + 1.5 * attr[edge_type].flip(0)},
        )
        assert not torch.allclose(other["e"], out["e"])
        assert torch.equal(other["f"], out["f"])
    sum(x.square().sum() for x in layer(x_dict, edge_index_dict, weights, attr).values()).backward()
    assert all(layer.edge[edge_type].weight.grad.abs().sum() > 0 for edge_type in attr)
    gone = layer(
        x_dict, {key: i for key, i in edge_index_dict.items() if key != NEAR}, None, {HAS: attr[HAS]}
    )
    assert torch.isfinite(gone["e"]).all()


@pytest.mark.parametrize("name", KINDS)
def test_only_features_of_relations_into_targets_are_read(name, graph):
    metadata, x_dict, edge_index_dict, _ = graph
    widths = {NEAR: ATTR, ("e", "rev_has", "f"): 2}
    layer = KINDS[name][0](metadata, CHANNELS, edge_channels=widths, targets=["e"]).double()
    assert layer.edge_channels == {NEAR: ATTR}
    assert list(layer.edge.keys()) == [NEAR]
    near = torch.randn(edge_index_dict[NEAR].shape[1], ATTR)
    assert layer(x_dict, edge_index_dict, None, {NEAR: near})["e"].isfinite().all()


def test_features_that_do_not_fit_are_refused(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = HeteroGAT(metadata, CHANNELS, edge_channels={NEAR: ATTR}).double()
    count = edge_index_dict[NEAR].shape[1]
    for attr, message in (
        (None, rf"edge_attr_dict.*'near'.*got nothing; wanted \({count}, 3\)"),
        ({NEAR: torch.zeros(count, 2)}, rf"got shape \({count}, 2\); wanted \({count}, 3\)"),
        (
            {NEAR: torch.zeros(count, 3), HAS: torch.zeros(4, 3)},
            "'has'.*features of edges that it does not read",
        ),
    ):
        with pytest.raises(GraphError, match=message):
            layer(x_dict, edge_index_dict, None, attr)
    with pytest.raises(GraphError, match=r"RGCN: edge_attr_dict.*it does not read"):
        RGCN(metadata, CHANNELS).double()(x_dict, edge_index_dict, None, {NEAR: torch.zeros(count, 3)})
    with pytest.raises(ConfigError, match=r"hetero_gat\.edge_channels: there is no edge type .*Did you mean"):
        HeteroGAT(metadata, CHANNELS, edge_channels={("e", "nera", "e"): 3})
    with pytest.raises(ConfigError, match=r"edge_channels\[.*got 0; wanted an integer of at least 1"):
        HeteroGAT(metadata, CHANNELS, edge_channels={NEAR: 0})
