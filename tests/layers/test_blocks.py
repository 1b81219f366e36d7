"""Norm and feed-forward network."""

import pytest
import torch
from torch import nn

from mmgraph.errors import ConfigError
from mmgraph.layers.blocks import FeedForward, make_norm


def test_norms_by_name():
    assert isinstance(make_norm("a", "layer", 4), nn.LayerNorm)
    assert isinstance(make_norm("a", "none", 4), nn.Identity)
    with pytest.raises(ConfigError, match=r"a\.norm: got 'batch'"):
        make_norm("a", "batch", 4)


def test_feed_forward_adds_to_its_input():
    block = FeedForward("a", 4, 8, 0.0, "layer")
    x = torch.randn(3, 4)
    nn.init.zeros_(block.body[4].weight)
    nn.init.ones_(block.body[4].bias)
    torch.testing.assert_close(block(x), x + 1)


def test_dropout_acts_in_training_only():
    block = FeedForward("a", 4, 8, 0.5, "layer")
    x = torch.randn(100, 4)
    assert not torch.equal(block(x), block(x))
    block.eval()
    assert torch.equal(block(x), block(x))
