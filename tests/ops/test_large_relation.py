"""A relation larger than a block of rows: the same numbers by the fused kernels as by plain torch."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from mmgraph.ops import Projection, RelationInput, plan_edges, relational_attention, use_backend

pytestmark = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")

# As many channels as a row is wide, so that a gradient can stand where that of the states will; two blocks
# and a part of a third, and a number of rows that no vector width divides.
HEADS, WIDTH, CHANNELS, NODES, EDGES = 2, 8, 16, 9001, 30_000


@pytest.mark.parametrize("target", ["projected", "given"])
@pytest.mark.parametrize("same_states", [True, False])
@pytest.mark.parametrize("score", ["gat", "gatv2", "dot"])
def test_outputs_and_gradients_are_those_of_plain_torch(score, same_states, target):
    generator = torch.Generator().manual_seed(0)

    def leaf(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()

    x, weight, bias = leaf(NODES, CHANNELS), leaf(1, HEADS, WIDTH, CHANNELS), leaf(1, HEADS, WIDTH)
    y = x if same_states else leaf(NODES, CHANNELS)
    width = 1 if score == "gat" else WIDTH
    asking, vector = leaf(1, HEADS, width, CHANNELS), leaf(HEADS, WIDTH)
    given = leaf(NODES, HEADS) if score == "gat" else leaf(NODES, HEADS, WIDTH)
    plan = plan_edges(torch.randint(NODES, (2, EDGES), generator=generator), NODES, NODES)
    direction = torch.randn(NODES, HEADS, WIDTH, dtype=torch.float64, generator=generator)
    leaves = [x, weight, bias]
    if target == "given":
        leaves += [given]
    else:
        leaves += [asking, *([] if same_states else [y])]
    leaves += [] if score == "dot" else [vector]

    def run(backend):
        values = Projection(x, weight, 0, bias)
        relation = RelationInput(
            values,
            None if score == "gat" else values,
            Projection(y, asking, 0) if target == "projected" else given,
            plan,
            vector=None if score == "dot" else vector,
        )
        with use_backend(backend):
            out = relational_attention({"x": [relation]}, score=score, sum_relations=True)["x"]
            return out, torch.autograd.grad(out, leaves, direction.view_as(out))

    (out, gradients), (expected, wanted) = run("numba"), run("torch")
    assert torch.allclose(out, expected, atol=1e-10)
    for gradient, one in zip(gradients, wanted, strict=True):
        assert torch.allclose(gradient, one, rtol=1e-9, atol=1e-9)
