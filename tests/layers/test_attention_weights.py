"""Weights that are asked for are the softmax of the formula, told in terms of nodes."""

import pytest
import torch

from mmgraph.layers import Bottleneck, CoAttention, CrossModalTransformer, LateFusion, MulT, record_attention
from mmgraph.ops import segment_sum

CHANNELS, HEADS = 16, 4
MODALITIES = ["e/text", "e/image", "e/sound"]


def totals(weights, step, looks, size):
    """Return what the weights of each node that looks add up to, [N, H], over all types that it looks at."""
    found = [value for (_, s, t), value in weights.items() if (s, t) == (step, looks)]
    edge_index, weight = (
        torch.cat(parts, dim) for parts, dim in zip(zip(*found, strict=True), (1, 0), strict=True)
    )
    return segment_sum(weight, edge_index[1], size)


def test_they_are_those_of_padded_attention(sequences, dense_attention):
    metadata, x_dict, edge_index_dict, members = sequences
    layer = CrossModalTransformer(metadata, CHANNELS, heads=HEADS).double()
    weights = layer.attention_weights(x_dict, edge_index_dict)
    block = layer.mix["e"]
    for nodes in members:
        names = [(name, node) for name, part in nodes.items() for node in part]
        if not names:
            continue
        y = torch.stack([block.query_norm(layer.encode[name](x_dict[name][node])) for name, node in names])
        padded = torch.cat([y, torch.randn(2, CHANNELS, dtype=torch.float64)]).unsqueeze(0)
        padding = (torch.arange(len(y) + 2) >= len(y)).unsqueeze(0)
        dense = dense_attention(block.attention)
        _, wanted = dense(y[None], padded, padded, key_padding_mask=padding, average_attn_weights=False)
        for i, (looks, own) in enumerate(names):
            for j, (seen, other) in enumerate(names):
                edge_index, weight = weights[seen, "mix", looks]
                (place,) = (edge_index == torch.tensor([[other], [own]])).all(0).nonzero()
                torch.testing.assert_close(weight[place[0]], wanted[0, :, i, j], atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    ("kind", "step"), [(CrossModalTransformer, "decode"), (MulT, "decode"), (CoAttention, "fuse")]
)
def test_those_of_an_entity_add_up_to_one(sequences, kind, step):
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = kind(metadata, CHANNELS, heads=HEADS).double()
    weights = layer.attention_weights(x_dict, edge_index_dict)
    wanted = torch.ones(6, HEADS, dtype=torch.float64)
    wanted[5] = 0
    torch.testing.assert_close(totals(weights, step, "e", 6), wanted)


def test_co_attention_may_look_away(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    for order in ("parallel", "alternating"):
        layer = CoAttention(metadata, CHANNELS, heads=HEADS, order=order).double()
        weights = layer.attention_weights(x_dict, edge_index_dict)
        total = totals(weights, "mix", "e/image", 6)
        assert ((total > 0) & (total < 1)).all()
        assert ("e/image", "mix", "e/image") not in weights
        assert {key[1] for key in weights} == {"mix", "fuse"}
        assert {key[2] for key in weights if key[1] == "mix"} == set(MODALITIES)


def test_bottlenecks_are_a_type_of_their_own(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = Bottleneck(metadata, CHANNELS, heads=HEADS, num_tokens=3).double()
    weights = layer.attention_weights(x_dict, edge_index_dict)
    edge_index, _ = weights["bottleneck", "decode", "e"]
    assert edge_index.tolist() == [list(range(15)), [entity for entity in range(5) for _ in range(3)]]
    torch.testing.assert_close(totals(weights, "mix_1", "e/text", 9), torch.ones(9, HEADS).double())
    assert {key for key in weights if key[1] == "mix_0" and key[2] == "e/text"} == {
        ("e/text", "mix_0", "e/text"),
        ("bottleneck", "mix_0", "e/text"),
    }


def test_pairs_of_modalities_are_told_apart(sequences):
    metadata, x_dict, edge_index_dict, members = sequences
    weights = MulT(metadata, CHANNELS, heads=HEADS).double().attention_weights(x_dict, edge_index_dict)
    edge_index, weight = weights["e/image", "cross_0", "e/text"]
    wanted = {(i, t) for nodes in members for i in nodes.get("e/image", []) for t in nodes.get("e/text", [])}
    assert set(map(tuple, edge_index.t().tolist())) == wanted
    having = [node for nodes in members if "e/image" in nodes for node in nodes.get("e/text", [])]
    total = segment_sum(weight, edge_index[1], 9)[having]
    torch.testing.assert_close(total, torch.ones_like(total))


def test_a_layer_without_attention_has_none(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    assert LateFusion(metadata, CHANNELS).double().attention_weights(x_dict, edge_index_dict) == {}


def test_recording_follows_the_order_of_layers_and_changes_nothing(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    first, second = (kind(metadata, CHANNELS).double() for kind in (MulT, CrossModalTransformer))
    wanted = second(first(x_dict, edge_index_dict), edge_index_dict)["e"]
    with record_attention() as layers:
        out = second(first(x_dict, edge_index_dict), edge_index_dict)["e"]
    assert torch.equal(out, wanted)
    assert [any(key[1] == "mix" for key in weights) for weights in layers] == [False, True]
    second(x_dict, edge_index_dict)
    assert len(layers) == 2, "nothing is kept after the block"
