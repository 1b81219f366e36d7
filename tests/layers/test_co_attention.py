"""The layer against its dense formula, one entity and one modality at a time."""

import math

import pytest
import torch

from mmgraph.errors import ConfigError
from mmgraph.layers import CoAttention

CHANNELS, HEADS, WIDTH = 16, 4, 4
MODALITIES = ["e/text", "e/image", "e/sound"]


def present(edge_index_dict, entity):
    """Return the modality node of an entity by modality."""
    found = {}
    for name in MODALITIES:
        node, owner = edge_index_dict[name, "of", "e"]
        if (owner == entity).any():
            found[name] = int(node[owner == entity])
    return found


def mixed(mix, own, states):
    """Return the new state of one modality among those of its entity: the formula, head by head."""
    normed = {name: mix.norm[name](x) for name, x in states.items()}
    others = [name for name in states if name != own]
    shown = {
        pair: mix.show[pair](normed[pair[0]]).view(2, HEADS, WIDTH)
        for o in others
        for pair in [(own, o), (o, own)]
    }
    affinity = [(shown[own, o][0] * shown[o, own][0]).sum(-1) / math.sqrt(WIDTH) for o in others]
    weight = torch.stack([*affinity, torch.zeros(HEADS).double()]).softmax(0)
    context = sum(
        (w.unsqueeze(-1) * shown[o, own][1] for w, o in zip(weight, others, strict=False)),
        torch.zeros(HEADS, WIDTH).double(),
    )
    context = context.flatten()
    gate = torch.sigmoid(mix.gate[own](torch.cat([normed[own], context])))
    return mix.feed_forward[own](states[own] + gate * context)


def fused(fuse, x, states):
    """Return the new state of an entity: the formula, head by head."""
    if states:
        normed = {name: fuse.norm[name](y) for name, y in states.items()}
        weight = torch.stack([fuse.score[name](y) for name, y in normed.items()]).softmax(0)
        value = torch.stack([fuse.value[name](y).view(HEADS, WIDTH) for name, y in normed.items()])
        x = x + (weight.unsqueeze(-1) * value).sum(0).flatten()
    return fuse.feed_forward(x)


def test_it_is_the_formula(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = CoAttention(metadata, CHANNELS, heads=HEADS).double()
    out = layer(x_dict, edge_index_dict)
    for entity in range(6):
        nodes = present(edge_index_dict, entity)
        states = {name: x_dict[name][node] for name, node in nodes.items()}
        new = {name: mixed(layer.mix["e"], name, states) for name in states}
        for name, node in nodes.items():
            torch.testing.assert_close(out[name][node], new[name], atol=1e-10, rtol=0)
        torch.testing.assert_close(
            out["e"][entity], fused(layer.fuse["e"], x_dict["e"][entity], new), atol=1e-10, rtol=0
        )
    assert out["f"] is x_dict["f"]


@pytest.mark.parametrize("order", ["parallel", "alternating"])
def test_gradients(graph, order):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = CoAttention(metadata, CHANNELS, heads=HEADS, order=order, targets=["e"]).double()
    x = x_dict["e/image"].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer({**x_dict, "e/image": x}, edge_index_dict)["e"], (x,))


def test_each_pair_has_projections_of_its_own(graph):
    mix = CoAttention(graph[0], CHANNELS).mix["e"]
    assert sorted(mix.show.keys()) == sorted((a, b) for a in MODALITIES for b in MODALITIES if a != b)


def test_a_single_partner_can_be_weighed_low(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = CoAttention(metadata, CHANNELS).double()
    # Entity 0 has a text and an image: with a strong negative affinity neither takes from the other.
    with torch.no_grad():
        for one, other, sign in (("e/text", "e/image", 1), ("e/image", "e/text", -1)):
            layer.mix["e"].norm[one].weight.zero_()
            layer.mix["e"].norm[one].bias.fill_(1.0)
            layer.mix["e"].show[one, other].weight[:CHANNELS] = sign * 10.0
    out = layer(x_dict, edge_index_dict)
    alone = layer.mix["e"].feed_forward["e/text"](x_dict["e/text"][0])
    torch.testing.assert_close(out["e/text"][0], alone)


def test_a_modality_alone_is_not_mixed(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = CoAttention(metadata, CHANNELS).double()
    del x_dict["e/image"], x_dict["e/sound"]
    of = ("e/text", "of", "e")
    out = layer(x_dict, {of: edge_index_dict[of]})
    torch.testing.assert_close(out["e/text"], layer.mix["e"].feed_forward["e/text"](x_dict["e/text"]))
    single = (["e", "e/text"], [of])
    assert not list(CoAttention(single, CHANNELS).mix["e"].show.keys())


def test_no_relation_but_of_is_read(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = CoAttention(metadata, CHANNELS).double()
    only_of = {edge_type: index for edge_type, index in edge_index_dict.items() if edge_type[1] == "of"}
    one, other = layer(x_dict, edge_index_dict), layer(x_dict, only_of)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_targets_decide_what_is_made(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = CoAttention(metadata, CHANNELS, targets=["e/text"]).double()
    assert layer.reads == set(MODALITIES)
    assert not list(layer.fuse.keys())
    out = layer(x_dict, edge_index_dict)
    assert [name for name in x_dict if out[name] is not x_dict[name]] == ["e/text"]


def test_expansion_is_the_width_of_the_feed_forward_networks(graph):
    layer = CoAttention(graph[0], CHANNELS, expansion=3)
    assert layer.fuse["e"].feed_forward.body[1].out_features == 3 * CHANNELS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 3}, "heads"),
        ({"dropout": 1.0}, "dropout"),
        ({"expansion": 0}, "expansion"),
        ({"norm": "x"}, "norm"),
    ],
)
def test_an_option_that_cannot_be_is_refused(graph, options, message):
    with pytest.raises(ConfigError, match=rf"co_attention\.{message}"):
        CoAttention(graph[0], CHANNELS, **options)
