"""The layer against torch's padded attention, block by block."""

import pytest
import torch

from mmgraph.errors import ConfigError
from mmgraph.layers import Bottleneck

CHANNELS, HEADS, TOKENS = 16, 4, 3


def transformed(block, states, dense_attention):
    """Return what a transformer block makes of a padded batch [B, L, C] of states, by torch's attention."""
    length = max(map(len, states))
    batch = torch.zeros(len(states), length, CHANNELS, dtype=torch.float64)
    padding = torch.ones(len(states), length, dtype=torch.bool)
    for row, part in enumerate(states):
        batch[row, : len(part)], padding[row, : len(part)] = part, False
    y = block.query_norm(batch)
    added = dense_attention(block.attention)(y, y, y, key_padding_mask=padding)[0]
    batch = block.feed_forward(batch + added)
    return [batch[row, : len(part)] for row, part in enumerate(states)]


def dense(layer, x_dict, members, dense_attention):
    """Return the new states of the entities and of each entity's modality nodes."""
    parts = [{name: x_dict[name][n] for name, n in nodes.items()} for nodes in members]
    shared = [layer.start["e"].weight for _ in members]
    for step in range(layer.depth):
        own = [[] for _ in members]
        for name in ("e/text", "e/image", "e/sound"):
            having = [entity for entity, part in enumerate(parts) if name in part]
            states = [torch.cat([parts[entity][name], shared[entity]]) for entity in having]
            new = transformed(layer.mix[name][step], states, dense_attention)
            for entity, state in zip(having, new, strict=True):
                parts[entity][name] = state[:-TOKENS]
                own[entity].append(state[-TOKENS:])
        shared = [torch.stack(part).mean(0) if part else old for part, old in zip(own, shared, strict=True)]
    block, entities = layer.decode["e"], []
    for x, part, tokens in zip(x_dict["e"], parts, shared, strict=True):
        if part:
            query, key = block.query_norm(x).view(1, 1, -1), block.token_norm(tokens).unsqueeze(0)
            x = x + dense_attention(block.attention)(query, key, key)[0].flatten()
        entities.append(block.feed_forward(x))
    return torch.stack(entities), parts


@pytest.mark.parametrize("depth", [1, 2])
def test_it_is_the_padded_formula(sequences, dense_attention, depth):
    metadata, x_dict, edge_index_dict, members = sequences
    layer = Bottleneck(metadata, CHANNELS, heads=HEADS, num_tokens=TOKENS, depth=depth).double()
    out = layer(x_dict, edge_index_dict)
    entities, parts = dense(layer, x_dict, members, dense_attention)
    torch.testing.assert_close(out["e"], entities, atol=1e-10, rtol=0)
    for nodes, part in zip(members, parts, strict=True):
        for name, node in nodes.items():
            torch.testing.assert_close(out[name][node], part[name], atol=1e-10, rtol=0)
    assert out["f"] is x_dict["f"]


def test_modalities_meet_in_the_second_block(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    other = {**x_dict, "e/image": torch.randn_like(x_dict["e/image"])}
    for depth, same in ((1, True), (2, False)):
        layer = Bottleneck(metadata, CHANNELS, depth=depth).double()
        one, two = layer(x_dict, edge_index_dict), layer(other, edge_index_dict)
        assert torch.equal(one["e/text"], two["e/text"]) == same
        assert not torch.equal(one["e"], two["e"])


def test_gradients(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = Bottleneck(metadata, CHANNELS, num_tokens=2, targets=["e"]).double()
    x = x_dict["e/image"].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer({**x_dict, "e/image": x}, edge_index_dict)["e"], (x,))


@pytest.mark.parametrize(
    "options",
    [{"num_tokens": 0}, {"depth": 0}, {"heads": 3}, {"dropout": 1.0}, {"norm": "x"}, {"expansion": 0}],
)
def test_an_option_that_cannot_be_is_refused(sequences, options):
    with pytest.raises(ConfigError, match=rf"bottleneck\.{next(iter(options))}"):
        Bottleneck(sequences[0], CHANNELS, **options)
