"""The layer against tensor fusion with its weights multiplied out."""

import pytest
import torch

from mmgraph.errors import ConfigError
from mmgraph.layers import LowRankFusion

CHANNELS, RANK = 16, 3
MODALITIES = ["e/text", "e/image", "e/sound"]


def full_weight(layer):
    """Return the weights of the tensor fusion that it stands for, [C, C + 1, C + 1, C + 1]."""
    factors = []
    for name in MODALITIES:
        linear = layer.project[name][1]
        factor = torch.cat([linear.bias.unsqueeze(1), linear.weight], 1)
        factors.append(factor.view(RANK, CHANNELS, CHANNELS + 1))
    return torch.einsum("r,rci,rcj,rck->cijk", layer.out["e"].weight[0], *factors)


def dense(layer, x, parts):
    """Return the new state of one entity from those of its modalities' nodes, already encoded."""
    if parts:
        one, nothing = (value(CHANNELS, dtype=torch.float64) for value in (torch.ones, torch.zeros))
        z = [
            torch.cat([one[:1], layer.project[name][0](parts[name]).mean(0) if name in parts else nothing])
            for name in MODALITIES
        ]
        x = x + torch.einsum("cijk,i,j,k->c", full_weight(layer), *z)
    return layer.feed_forward["e"](x)


def test_it_is_tensor_fusion_of_low_rank(sequences):
    metadata, x_dict, edge_index_dict, members = sequences
    layer = LowRankFusion(metadata, CHANNELS, rank=RANK).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    out = layer(x_dict, edge_index_dict)
    encoded = {name: layer.encode[name](x_dict[name]) for name in MODALITIES}
    for entity, nodes in enumerate(members):
        wanted = dense(layer, x_dict["e"][entity], {name: encoded[name][n] for name, n in nodes.items()})
        torch.testing.assert_close(out["e"][entity], wanted, atol=1e-10, rtol=0)


def test_a_modality_that_nobody_has_leaves_the_products_of_the_others(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = LowRankFusion(metadata, CHANNELS).double()
    wanted = layer(x_dict, {**edge_index_dict, ("e/sound", "of", "e"): torch.empty(2, 0).long()})["e"]
    del x_dict["e/sound"], edge_index_dict["e/sound", "of", "e"]
    torch.testing.assert_close(layer(x_dict, edge_index_dict)["e"], wanted)


def test_gradients(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = LowRankFusion(metadata, CHANNELS, rank=2, targets=["e"]).double()
    x = x_dict["e/image"].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer({**x_dict, "e/image": x}, edge_index_dict)["e"], (x,))


def test_a_rank_that_cannot_be_is_refused(sequences):
    with pytest.raises(ConfigError, match=r"low_rank_fusion\.rank"):
        LowRankFusion(sequences[0], CHANNELS, rank=0)
