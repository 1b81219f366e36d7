"""The layer against its formula, one entity and one gate at a time."""

import torch

from mmgraph.layers import GatedFusion

CHANNELS = 16
MODALITIES = ["e/text", "e/image", "e/sound"]


def dense(layer, x, parts):
    """Return the new state of one entity from those of its modalities' nodes, already encoded."""
    shares = {}
    for name, states in parts.items():
        norm, linear = layer.project[name]
        shares[name] = (norm(states) @ linear.weight.T + linear.bias).mean(0).split(CHANNELS)
    for gate, name in enumerate(MODALITIES, start=1):
        if name in parts:
            z = torch.sigmoid(sum(share[gate] for share in shares.values()))
            x = x + z * torch.tanh(shares[name][0])
    return layer.feed_forward["e"](x)


def test_it_is_the_formula(sequences):
    metadata, x_dict, edge_index_dict, members = sequences
    layer = GatedFusion(metadata, CHANNELS).double()
    out = layer(x_dict, edge_index_dict)
    encoded = {name: layer.encode[name](x_dict[name]) for name in MODALITIES}
    for entity, nodes in enumerate(members):
        wanted = dense(layer, x_dict["e"][entity], {name: encoded[name][n] for name, n in nodes.items()})
        torch.testing.assert_close(out["e"][entity], wanted, atol=1e-10, rtol=0)
    assert all(torch.equal(out[name], encoded[name]) for name in MODALITIES)
    assert out["f"] is x_dict["f"]


def test_a_gate_sees_the_other_modalities(sequences):
    """The share of an image in the gate of the text is what changes the text's part."""
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = GatedFusion(metadata, CHANNELS).double()
    before = layer(x_dict, edge_index_dict)["e"]
    with torch.no_grad():
        layer.project["e/image"][1].bias[CHANNELS : 2 * CHANNELS] += 1.0
    changed = (layer(x_dict, edge_index_dict)["e"] != before).any(1)
    assert changed.tolist() == [True, True, False, False, True, False], "those with a text and an image"


def test_only_fused_entities_have_gates(sequences):
    metadata = sequences[0]
    assert not list(GatedFusion(metadata, CHANNELS, targets=["e/text"]).project.keys())
    assert GatedFusion(metadata, CHANNELS, targets=["e/text"]).reads == {"e/text"}
    assert GatedFusion(metadata, CHANNELS, targets=["e"]).reads == {"e", *MODALITIES}


def test_gradients(sequences):
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = GatedFusion(metadata, CHANNELS, targets=["e"]).double()
    x = x_dict["e/image"].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer({**x_dict, "e/image": x}, edge_index_dict)["e"], (x,))
