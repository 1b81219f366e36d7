"""Plain tensors: padding changes nothing, and the layers inside are those of the graph."""

import pytest
import torch
from torch.nn import functional

from mmgraph.errors import ConfigError, GraphError, UnknownNameError
from mmgraph.layers import MultimodalTransformer

BATCH, CHANNELS, LENGTHS = 4, 16, (5, 3, 6)
LAYERS = ["cross_modal_transformer", "co_attention", "bottleneck", "mult"]


def make(**options):
    torch.manual_seed(0)
    return MultimodalTransformer(3, CHANNELS, 4, 2, **options).double()


def batch():
    """Return inputs and masks; sample 2 lacks the second modality, sample 3 has no modality at all."""
    torch.manual_seed(1)
    inputs = [torch.randn(BATCH, length, CHANNELS, dtype=torch.float64) for length in LENGTHS]
    masks = [
        torch.arange(length).expand(BATCH, -1) >= torch.tensor([[length], [2], [1], [0]])
        for length in LENGTHS
    ]
    masks[1][2] = True
    return inputs, masks


@pytest.mark.parametrize("layer", LAYERS)
def test_padding_changes_nothing(layer):
    inputs, masks = batch()
    model = make(layer=layer)
    fused, states = model(inputs, masks)
    longer = [torch.cat([x, torch.full((BATCH, 2, CHANNELS), 1e6).double()], 1) for x in inputs]
    more = [functional.pad(mask, (0, 2), value=True) for mask in masks]
    same, padded = model(
        [x.masked_fill(m.unsqueeze(2), 7.0) for x, m in zip(longer, more, strict=True)], more
    )
    torch.testing.assert_close(same, fused, atol=1e-10, rtol=0)
    for state, other, mask in zip(states, padded, masks, strict=True):
        torch.testing.assert_close(other[:, :-2], state, atol=1e-10, rtol=0)
        assert (other[:, -2:] == 0).all()
        assert (state[mask] == 0).all()
        assert (state[~mask] != 0).any(1).all()


@pytest.mark.parametrize("layer", LAYERS)
def test_each_sample_is_fused_by_itself_without_padding(layer):
    inputs, masks = batch()
    model = make(layer=layer)
    fused, states = model(inputs, masks)
    for row in range(3):
        own = [x[row : row + 1, ~mask[row]] for x, mask in zip(inputs, masks, strict=True)]
        alone, parts = model([x if x.shape[1] else None for x in own])
        torch.testing.assert_close(alone[0], fused[row], atol=1e-10, rtol=0)
        for part, state, mask in zip(parts, states, masks, strict=True):
            if part is not None:
                torch.testing.assert_close(part[0], state[row][~mask[row]], atol=1e-10, rtol=0)


def test_it_is_the_layer_of_the_graph():
    inputs, _ = batch()
    model = make()
    x_dict = {"sample": model.start.expand(BATCH, -1)}
    edges = {}
    for name, x in zip(model.modalities, inputs, strict=True):
        x_dict[name] = x.flatten(0, 1)
        sample = torch.arange(BATCH).repeat_interleave(x.shape[1])
        edges[name, "of", "sample"] = torch.stack([torch.arange(len(sample)), sample])
    for layer in model.layers:
        x_dict = layer(x_dict, edges)
    fused, states = model(inputs)
    torch.testing.assert_close(fused, model.fused_norm(x_dict["sample"]))
    torch.testing.assert_close(states[2].flatten(0, 1), model.state_norm(x_dict["sample/2"]))


@pytest.mark.parametrize("layer", LAYERS)
def test_every_parameter_and_input_gets_a_gradient(layer):
    inputs, masks = batch()
    inputs = [x.requires_grad_() for x in inputs]
    model = make(layer=layer)
    fused, states = model(inputs, masks)
    (torch.randn_like(fused) * fused).sum().backward(retain_graph=True)
    for x, mask in zip(inputs, masks, strict=True):
        assert (x.grad[mask] == 0).all()
        assert (x.grad[~mask] != 0).any(1).all()
    sum((torch.randn_like(state) * state).sum() for state in states).backward()
    assert [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ] == []


def test_a_modality_may_be_absent():
    inputs, masks = batch()
    model = make()
    fused, states = model([inputs[0], None, inputs[2]], [masks[0], None, None])
    assert fused.shape == (BATCH, CHANNELS)
    assert states[1] is None


def test_dropout_acts_in_training_only():
    inputs, masks = batch()
    model = make(dropout=0.5)
    assert not torch.equal(model(inputs, masks)[0], model(inputs, masks)[0])
    model.eval()
    assert torch.equal(model(inputs, masks)[0], model(inputs, masks)[0])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_modalities": 0}, ConfigError, r"MultimodalTransformer\.num_modalities"),
        ({"num_layers": 0}, ConfigError, r"MultimodalTransformer\.num_layers"),
        ({"d_model": 0}, ConfigError, r"MultimodalTransformer\.d_model"),
        ({"nhead": 3}, ConfigError, r"cross_modal_transformer\.heads"),
        ({"layer": "hetero_gat"}, ConfigError, r"MultimodalTransformer\.layer: got 'hetero_gat'"),
        ({"layer": "gated_fusion"}, ConfigError, r"wanted one of bottleneck, co_attention"),
        ({"layer": "mlut"}, UnknownNameError, "Did you mean 'mult'"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        MultimodalTransformer(**{"num_modalities": 2, "d_model": 16, "nhead": 4, "num_layers": 1, **options})


def test_inputs_that_do_not_fit_are_refused():
    inputs, masks = batch()
    model = make()
    for wrong, wrong_masks, message in (
        (inputs[:2], None, "inputs: got 2; wanted 3, one for each modality"),
        ([None] * 3, None, "inputs: got None for every modality"),
        (inputs, masks[:2], "key_padding_masks: got 2; wanted 3"),
        ([inputs[0][:2], *inputs[1:]], None, r"inputs\[1\]: got shape \(4, 3, 16\); wanted \(2, L, 16\)"),
        ([inputs[0][..., :8], *inputs[1:]], None, r"inputs\[0\].*wanted \(4, L, 16\)"),
        (inputs, [masks[0].float(), None, None], r"key_padding_masks\[0\]: got a mask of torch.float32"),
        (inputs, [masks[1], None, None], r"wanted torch.bool and \(4, 5\)"),
        ([None, *inputs[1:]], masks, "as there is no tensor"),
    ):
        with pytest.raises(GraphError, match=message):
            model(wrong, wrong_masks)
