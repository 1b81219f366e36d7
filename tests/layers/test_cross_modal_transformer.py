"""The layer against a dense one made of padded MultiheadAttention."""

import pytest
import torch
from torch import nn

from mmgraph.errors import ConfigError
from mmgraph.layers import CrossModalTransformer

CHANNELS, HEADS = 16, 4
MODALITIES = ["e/text", "e/image", "e/sound"]


def padded(attention):
    """Return torch's attention with the same weights."""
    dense = nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True).double()
    with torch.no_grad():
        dense.in_proj_weight.copy_(torch.cat([attention.query.weight, attention.key_value.weight]))
        dense.in_proj_bias.zero_()
        dense.out_proj.weight.copy_(attention.out.weight)
        dense.out_proj.bias.copy_(attention.out.bias)
    return dense


def dense_layer(layer, x_dict, edge_index_dict):
    """Return the layer's formula on [entities, modalities, C] with a mask; entities with no modality last."""
    x = x_dict["e"]
    tokens = torch.zeros(len(x), len(MODALITIES), CHANNELS, dtype=torch.float64)
    missing = torch.ones(len(x), len(MODALITIES), dtype=torch.bool)
    for column, name in enumerate(MODALITIES):
        node, entity = edge_index_dict[name, "of", "e"]
        tokens[entity, column] = layer.encode[name](x_dict[name])[node]
        missing[entity, column] = False
    some = ~missing.all(1)
    mix, decode = layer.mix["e"], layer.decode["e"]
    normed = mix.query_norm(tokens[some])
    tokens[some] += padded(mix.attention)(normed, normed, normed, key_padding_mask=missing[some])[0]
    tokens = mix.feed_forward(tokens)
    query, normed = decode.query_norm(x[some]).unsqueeze(1), decode.token_norm(tokens[some])
    x = x.clone()
    x[some] += padded(decode.attention)(query, normed, normed, key_padding_mask=missing[some])[0].squeeze(1)
    return decode.feed_forward(x), tokens


def test_it_is_the_padded_formula(graph, assert_equal):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = CrossModalTransformer(metadata, CHANNELS, heads=HEADS).double()

    def dense(x_dict):
        entities, tokens = dense_layer(layer, x_dict, edge_index_dict)
        out = {**x_dict, "e": entities}
        for column, name in enumerate(MODALITIES):
            node, entity = edge_index_dict[name, "of", "e"]
            out[name] = x_dict[name].index_copy(0, node, tokens[entity, column])
        return out

    assert_equal(lambda x_dict: layer(x_dict, edge_index_dict), dense, x_dict)
    assert layer(x_dict, edge_index_dict)["f"] is x_dict["f"], "a node type without a group stays as it was"


def test_a_missing_modality_is_no_token(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = CrossModalTransformer(metadata, CHANNELS).double()
    before = layer(x_dict, edge_index_dict)["e"]
    edge_index_dict["e/sound", "of", "e"] = edge_index_dict["e/sound", "of", "e"][:, 1:]
    after = layer(x_dict, edge_index_dict)["e"]
    assert not torch.allclose(before[4], after[4])
    torch.testing.assert_close(before[[0, 1, 2, 3, 5]], after[[0, 1, 2, 3, 5]])


def test_no_relation_but_of_is_read(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = CrossModalTransformer(metadata, CHANNELS).double()
    only_of = {edge_type: index for edge_type, index in edge_index_dict.items() if edge_type[1] == "of"}
    one, other = layer(x_dict, edge_index_dict), layer(x_dict, only_of)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_targets_decide_what_is_made(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    entity = CrossModalTransformer(metadata, CHANNELS, targets=["e"]).double()
    assert entity.reads == {"e", *MODALITIES}
    out = entity(x_dict, edge_index_dict)
    assert all(out[name] is x_dict[name] for name in x_dict if name != "e")
    modality = CrossModalTransformer(metadata, CHANNELS, targets=["e/image"]).double()
    assert modality.reads == set(MODALITIES)
    assert not list(modality.decode.keys())
    assert not list(CrossModalTransformer(metadata, CHANNELS, targets=["f"]).parameters())


def test_expansion_is_the_width_of_the_feed_forward_networks(graph):
    layer = CrossModalTransformer(graph[0], CHANNELS, expansion=3)
    assert layer.decode["e"].feed_forward.body[1].out_features == 3 * CHANNELS
    assert layer.encode["e/text"].body[1].out_features == 3 * CHANNELS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 3}, "heads"),
        ({"dropout": 1.0}, "dropout"),
        ({"expansion": 0}, "expansion"),
        ({"norm": "batch"}, "norm"),
    ],
)
def test_an_option_that_cannot_be_is_refused(graph, options, message):
    with pytest.raises(ConfigError, match=rf"cross_modal_transformer\.{message}"):
        CrossModalTransformer(graph[0], CHANNELS, **options)
