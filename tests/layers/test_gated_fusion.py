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


def test_gates_are_told_by_node_and_channel(sequences):
    """With the gates that are told, the formula gives what the layer gave."""
    metadata, x_dict, edge_index_dict, members = sequences
    layer = GatedFusion(metadata, CHANNELS).double()
    weights = layer.attention_weights(x_dict, edge_index_dict)
    assert weights.keys() == {(name, "gate", "e") for name in MODALITIES}
    out = layer(x_dict, edge_index_dict)["e"]
    for entity, nodes in enumerate(members):
        x = x_dict["e"][entity]
        for name, own in nodes.items():
            edge_index, gate = weights[name, "gate", "e"]
            mine = edge_index[1] == entity
            assert sorted(edge_index[0, mine].tolist()) == sorted(own)
            assert (gate[mine] == gate[mine][0]).all()
            assert ((gate > 0) & (gate < 1)).all()
            norm, linear = layer.project[name]
            states = norm(layer.encode[name](x_dict[name]))[own]
            x = x + gate[mine][0] * torch.tanh((states @ linear.weight.T + linear.bias).mean(0)[:CHANNELS])
        torch.testing.assert_close(out[entity], layer.feed_forward["e"](x), atol=1e-10, rtol=0)


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
