"""The layer against the outer product of one entity's modalities."""

import pytest
import torch

from mmgraph.errors import ConfigError
from mmgraph.layers import TensorFusion

CHANNELS, WIDTH = 16, 3
MODALITIES = ["e/text", "e/image", "e/sound"]


def dense(layer, x, parts):
    """Return the new state of one entity from those of its modalities' nodes, already encoded."""
    if parts:
        one = torch.ones(1, dtype=torch.float64)
        z = [torch.zeros(WIDTH, dtype=torch.float64) for _ in MODALITIES]
        for place, name in enumerate(MODALITIES):
            if name in parts:
                z[place] = layer.project[name](parts[name].mean(0, keepdim=True))[0]
                if len(parts[name]) > 1:
                    z[place] = layer.project[name](parts[name]).mean(0)
        product = torch.einsum("i,j,k->ijk", *(torch.cat([one, part]) for part in z))
        x = x + layer.out["e"](product.flatten())
    return layer.feed_forward["e"](x)


def test_it_is_the_formula(sequences):
    metadata, x_dict, edge_index_dict, members = sequences
    layer = TensorFusion(metadata, CHANNELS, width=WIDTH).double()
    out = layer(x_dict, edge_index_dict)
    encoded = {name: layer.encode[name](x_dict[name]) for name in MODALITIES}
    for entity, nodes in enumerate(members):
        wanted = dense(layer, x_dict["e"][entity], {name: encoded[name][n] for name, n in nodes.items()})
        torch.testing.assert_close(out["e"][entity], wanted, atol=1e-10, rtol=0)


def test_a_modality_that_nobody_has_leaves_the_products_of_the_others(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = TensorFusion(metadata, CHANNELS, width=WIDTH).double()
    wanted = layer(x_dict, {**edge_index_dict, ("e/sound", "of", "e"): torch.empty(2, 0).long()})["e"]
    del x_dict["e/sound"], edge_index_dict["e/sound", "of", "e"]
    torch.testing.assert_close(layer(x_dict, edge_index_dict)["e"], wanted)


def test_the_product_is_as_wide_as_the_width_says(sequences):
    assert TensorFusion(sequences[0], CHANNELS).out["e"].in_features == 9**3
    assert TensorFusion(sequences[0], CHANNELS, width=2).out["e"].in_features == 3**3


def test_too_large_a_product_is_refused_with_a_width_that_fits(sequences):
    with pytest.raises(ConfigError, match=r"tensor_fusion\.width: .* 68921 wide.* at most 39"):
        TensorFusion(sequences[0], CHANNELS, width=40)
    TensorFusion(sequences[0], CHANNELS, width=39)
    TensorFusion(sequences[0], CHANNELS, width=40, targets=["f"])
    many = [f"e/m{i}" for i in range(17)]
    with pytest.raises(ConfigError, match=r"wide; wanted at most 65536\. Use low_rank_fusion"):
        TensorFusion((["e", *many], [(name, "of", "e") for name in many]), CHANNELS)


def test_gradients(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = TensorFusion(metadata, CHANNELS, width=WIDTH, targets=["e"]).double()
    x = x_dict["e/image"].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer({**x_dict, "e/image": x}, edge_index_dict)["e"], (x,))


@pytest.mark.parametrize("width", [0, 1.5])
def test_a_width_that_cannot_be_is_refused(sequences, width):
    with pytest.raises(ConfigError, match=r"tensor_fusion\.width"):
        TensorFusion(sequences[0], CHANNELS, width=width)
