"""Packed attention equals padded attention with a mask, outputs and gradients, in float64."""

import pytest
import torch
from torch import nn

from mmgraph.errors import ConfigError
from mmgraph.layers.buckets import Buckets
from mmgraph.layers.group_attention import GroupAttention
from mmgraph.layers.groups import Tokens
from mmgraph.ops import use_backend

# Up to seven tokens: some groups are padded to eight places.
CHANNELS, HEADS, ENTITIES, LONGEST = 12, 3, 20, 7


@pytest.fixture(params=["numba", "torch"])
def case(request):
    """Return packed attention, padded attention with the same weights, padded tokens and what is there."""
    torch.manual_seed(0)
    packed = GroupAttention("a", CHANNELS, HEADS, 0.0).double()
    padded = nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True).double()
    with torch.no_grad():
        padded.in_proj_weight.copy_(torch.cat([packed.query.weight, packed.key_value.weight]))
        padded.in_proj_bias.zero_()
        padded.out_proj.weight.copy_(packed.out.weight)
        padded.out_proj.bias.copy_(packed.out.bias)
    x = torch.randn(ENTITIES, LONGEST, CHANNELS, dtype=torch.float64)
    present = torch.rand(ENTITIES, LONGEST) < 0.6
    present[0] = False
    with use_backend(request.param):
        yield packed, padded, x, present


def tokens_of(present):
    return Tokens({"a": torch.arange(int(present.sum()))}, present.nonzero()[:, 0], ENTITIES)


def assert_same_gradients(packed, padded):
    wanted = padded.in_proj_weight.grad.split(CHANNELS)
    torch.testing.assert_close(packed.query.weight.grad, wanted[0], atol=1e-8, rtol=0)
    torch.testing.assert_close(packed.key_value.weight.grad, torch.cat(wanted[1:]), atol=1e-8, rtol=0)
    torch.testing.assert_close(packed.out.weight.grad, padded.out_proj.weight.grad, atol=1e-8, rtol=0)
    torch.testing.assert_close(packed.out.bias.grad, padded.out_proj.bias.grad, atol=1e-8, rtol=0)


def test_within_groups_it_is_padded_self_attention(case):
    packed, padded, x, present = case
    mine, theirs = (x[present].requires_grad_() for _ in range(2))
    out = packed(mine, mine, tokens_of(present).within)
    dense = torch.zeros_like(x).masked_scatter(present.unsqueeze(-1), theirs)
    some = present.any(1)
    wanted, _ = padded(dense[some], dense[some], dense[some], key_padding_mask=~present[some])
    wanted = wanted[present[some]]
    torch.testing.assert_close(out, wanted, atol=1e-8, rtol=0)
    direction = torch.randn_like(out)
    (out * direction).sum().backward()
    (wanted * direction).sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-8, rtol=0)
    assert_same_gradients(packed, padded)


def test_from_an_entity_it_is_padded_cross_attention(case):
    packed, padded, x, present = case
    queries = torch.randn(ENTITIES, CHANNELS, dtype=torch.float64)
    out = packed(queries, x[present], tokens_of(present).asked)
    some = present.any(1)
    wanted, _ = padded(queries[some].unsqueeze(1), x[some], x[some], key_padding_mask=~present[some])
    torch.testing.assert_close(out[some], wanted.squeeze(1), atol=1e-8, rtol=0)
    assert torch.equal(out[~some], torch.zeros_like(out[~some])), "nobody to ask, nothing to get"
    direction = torch.randn_like(wanted.squeeze(1))
    (out[some] * direction).sum().backward()
    (wanted.squeeze(1) * direction).sum().backward()
    assert_same_gradients(packed, padded)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_dropout_acts_in_training_only(backend):
    with use_backend(backend):
        check_dropout()


def check_dropout():
    attention = GroupAttention("a", CHANNELS, HEADS, 0.5)
    x = torch.randn(8, CHANNELS)
    buckets = Buckets([(torch.arange(8).view(2, 4),) * 2])
    assert not torch.equal(attention(x, x, buckets), attention(x, x, buckets))
    attention.eval()
    assert torch.equal(attention(x, x, buckets), attention(x, x, buckets))


def test_heads_divide_the_channels():
    with pytest.raises(ConfigError, match=r"cross_modal_transformer\.heads: got 5 heads"):
        GroupAttention("cross_modal_transformer", 12, 5, 0.0)
