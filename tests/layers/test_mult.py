"""The layer against torch's attention, one entity and one pair of modalities at a time, and padded."""

import pytest
import torch

from mmgraph.errors import ConfigError
from mmgraph.layers import MulT

CHANNELS, HEADS = 16, 4
MODALITIES = ["e/text", "e/image", "e/sound"]


def transformed(block, queries, tokens, dense_attention):
    """Return what a block makes of queries [K, C] that see tokens [L, C], some padding among them."""
    q = block.query_norm(queries).unsqueeze(0)
    t = (q[0] if tokens is None else block.token_norm(tokens)).unsqueeze(0)
    padded = torch.cat([t, torch.randn(1, 2, CHANNELS, dtype=torch.float64)], 1)
    padding = (torch.arange(padded.shape[1]) >= t.shape[1]).unsqueeze(0)
    added = dense_attention(block.attention)(q, padded, padded, key_padding_mask=padding)[0][0]
    return block.feed_forward(queries + added)


def dense(layer, x, parts, dense_attention):
    """Return the new states of one entity and its modalities' nodes."""
    new = {}
    for own, y in parts.items():
        for other in parts:
            if other != own:
                z = parts[own]
                for block in layer.cross[other, own]:
                    z = transformed(block, z, parts[other], dense_attention)
                y = y + layer.join[other, own](z)
        new[own] = transformed(layer.within[own], y, None, dense_attention)
    block = layer.decode["e"]
    if new:
        tokens = torch.cat(list(new.values()))
        return transformed(block, x.unsqueeze(0), tokens, dense_attention)[0], new
    return block.feed_forward(x), new


@pytest.mark.parametrize("depth", [1, 2])
def test_it_is_the_formula(sequences, dense_attention, depth):
    metadata, x_dict, edge_index_dict, members = sequences
    layer = MulT(metadata, CHANNELS, heads=HEADS, depth=depth).double()
    out = layer(x_dict, edge_index_dict)
    for entity, nodes in enumerate(members):
        parts = {name: x_dict[name][n] for name, n in nodes.items()}
        wanted, new = dense(layer, x_dict["e"][entity], parts, dense_attention)
        torch.testing.assert_close(out["e"][entity], wanted, atol=1e-10, rtol=0)
        for name, node in nodes.items():
            torch.testing.assert_close(out[name][node], new[name], atol=1e-10, rtol=0)
    assert out["f"] is x_dict["f"]


def test_directions_have_weights_of_their_own(sequences):
    layer = MulT(sequences[0], CHANNELS, depth=2)
    assert len(list(layer.cross.keys())) == 6
    assert all(len(blocks) == 2 for blocks in layer.cross.values())


def test_targets_decide_what_is_made(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = MulT(metadata, CHANNELS, targets=["e/text"]).double()
    assert sorted(layer.cross.keys()) == [("e/image", "e/text"), ("e/sound", "e/text")]
    assert list(layer.within.keys()) == ["e/text"]
    assert layer.reads == set(MODALITIES)
    out = layer(x_dict, edge_index_dict)
    assert [name for name in x_dict if out[name] is not x_dict[name]] == ["e/text"]


def test_gradients(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = MulT(metadata, CHANNELS, targets=["e"]).double()
    x = x_dict["e/image"].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer({**x_dict, "e/image": x}, edge_index_dict)["e"], (x,))


@pytest.mark.parametrize(
    "options", [{"depth": 0}, {"heads": 3}, {"dropout": 1.0}, {"norm": "x"}, {"expansion": 0}]
)
def test_an_option_that_cannot_be_is_refused(sequences, options):
    with pytest.raises(ConfigError, match=rf"mult\.{next(iter(options))}"):
        MulT(sequences[0], CHANNELS, **options)
