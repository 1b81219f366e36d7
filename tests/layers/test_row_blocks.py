"""Networks in blocks of rows: the same numbers and gradients, and nothing kept of what is in between."""

import pytest
import torch
from torch import nn

from mmgraph.layers.blocks import FeedForward
from mmgraph.layers.dropout import Dropout
from mmgraph.layers.row_blocks import in_row_blocks

ROWS, WIDTH = 37, 6


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Blocks of five rows, the last of two."""
    monkeypatch.setattr("mmgraph.layers.row_blocks._BLOCK", 5 * WIDTH)


def network(dropout=0.0):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 9), nn.GELU(), Dropout(dropout), nn.Linear(9, 4)
    ).double()


def rows(*shape, **options):
    return torch.randn(
        *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    ).requires_grad_(**options)


def outcome(out, leaves):
    direction = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return out, *torch.autograd.grad(out, leaves, direction)


@pytest.mark.parametrize("shape", [(ROWS, WIDTH), (40, WIDTH), (ROWS, 3, WIDTH)])
def test_outputs_and_gradients_are_those_of_all_rows_at_once(shape):
    of, x = network(), rows(*shape)
    leaves = [x, *of.parameters()]
    got = outcome(in_row_blocks(of, x, of.parameters()), leaves)
    torch.testing.assert_close(got, outcome(of(x), leaves), rtol=1e-12, atol=1e-12)


def test_what_is_dropped_is_the_same_for_the_gradient():
    of, x = network(0.5), rows(ROWS, WIDTH)
    torch.manual_seed(3)
    assert torch.autograd.gradcheck(_seeded(lambda y: in_row_blocks(of, y, of.parameters())), x)


def _seeded(function):
    def seeded(x):
        torch.manual_seed(3)
        return function(x)

    return seeded


def test_blocks_differ_in_what_is_dropped():
    torch.manual_seed(0)
    out = in_row_blocks(Dropout(0.5), torch.ones(1000, WIDTH), [])
    assert 0.45 < (out == 0).double().mean() < 0.55
    assert not torch.equal(out[:5], out[5:10])


def test_the_backward_pass_takes_no_random_numbers():
    of, x = network(0.5), rows(ROWS, WIDTH)
    torch.manual_seed(0)
    out = in_row_blocks(of, x, of.parameters())
    wanted = torch.get_rng_state()
    out.sum().backward()
    assert torch.equal(torch.get_rng_state(), wanted)


def test_nothing_in_between_is_kept():
    kept = []
    x, layer = rows(ROWS, WIDTH), FeedForward("test", WIDTH, 20, 0.5, "layer").double()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        layer(x)
    assert {id(each) for each in kept} <= {id(each) for each in (x, *layer.parameters())}


@pytest.mark.parametrize("frozen", [True, False])
def test_no_gradient_is_made_that_nobody_wants(frozen):
    of, x = network(), rows(ROWS, WIDTH, requires_grad=frozen)
    if frozen:
        of.requires_grad_(False)
    in_row_blocks(of, x, of.parameters()).sum().backward()
    assert (x.grad is not None) == frozen
    assert all((each.grad is None) == frozen for each in of.parameters())


def test_without_gradients():
    of, x = network(), rows(ROWS, WIDTH, requires_grad=False)
    with torch.inference_mode():
        torch.testing.assert_close(in_row_blocks(of, x, of.parameters()), of(x))


def test_few_rows_and_other_types_are_left_to_the_network():
    calls = []

    def of(x):
        calls.append(len(x))
        return x * 2

    in_row_blocks(of, torch.ones(19, WIDTH), [])
    in_row_blocks(of, torch.ones(ROWS, WIDTH, dtype=torch.bfloat16), [])
    in_row_blocks(of, torch.ones(ROWS, 0), [])
    with torch.autocast("cpu"):
        in_row_blocks(of, torch.ones(ROWS, WIDTH), [])
    assert calls == [19, ROWS, ROWS, ROWS]
    in_row_blocks(of, torch.ones(ROWS, WIDTH), [])
    assert len(calls) == 4 + 8


def test_a_parameter_that_the_network_does_not_use():
    x, unused = rows(ROWS, WIDTH), rows(3)
    out = in_row_blocks(torch.sin, x, [unused])
    out.sum().backward()
    assert unused.grad is None
    torch.testing.assert_close(x.grad, x.detach().cos())
