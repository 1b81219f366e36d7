"""Dropout is torch's: the share, the scale, the gradient; only its random numbers differ."""

import pytest
import torch
from torch import nn

from mmgraph.layers.dropout import Dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_drops_that_share_and_scales_up_the_rest(dtype):
    x = torch.ones(20000, dtype=dtype)
    out = Dropout(0.25)(x)
    assert out.dtype == dtype
    assert 0.23 < (out == 0).float().mean() < 0.27
    torch.testing.assert_close(out[out != 0], torch.full_like(out[out != 0], 1 / 0.75))


def test_the_gradient_goes_where_the_values_went():
    x = torch.randn(1000, requires_grad=True)
    out = Dropout(0.5)(x)
    out.sum().backward()
    torch.testing.assert_close(x.grad * x, out)


def test_it_acts_in_training_only():
    x = torch.randn(100)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_it_follows_the_seed():
    x = torch.randn(100)
    torch.manual_seed(3)
    one = Dropout(0.5)(x)
    torch.manual_seed(3)
    assert torch.equal(one, Dropout(0.5)(x))


def test_its_representation_is_torchs():
    assert repr(Dropout(0.5)).replace(", inplace=False", "") == repr(nn.Dropout(0.5)).replace(
        ", inplace=False", ""
    )
