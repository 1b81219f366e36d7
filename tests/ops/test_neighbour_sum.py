"""The sparse sum equals the gathered one, which equals the formula."""

import pytest
import torch

from mmgraph.ops import neighbour_sum, plan_edges
from mmgraph.ops.neighbour_sum import _gathered


def case(num_edges=30, num_source=6, num_target=8, heads=3, width=4):
    generator = torch.Generator().manual_seed(0)
    index = torch.stack(
        [
            torch.randint(0, num_source, (num_edges,), generator=generator),
            # The last target has no edge.
            torch.randint(0, num_target - 1, (num_edges,), generator=generator),
        ]
    )
    values = torch.randn(num_source, heads, width, generator=generator, dtype=torch.float64)
    weight = torch.randn(num_edges, heads, generator=generator, dtype=torch.float64)
    return values.requires_grad_(), weight.requires_grad_(), plan_edges(index, num_source, num_target)


def test_it_is_the_formula():
    values, weight, edges = case()
    wanted = torch.zeros(8, 3, 4, dtype=torch.float64)
    for e in range(edges.num_edges):
        wanted[edges.target[e]] += weight[e].unsqueeze(-1) * values[edges.source[e]]
    torch.testing.assert_close(neighbour_sum(values, weight, edges), wanted)
    torch.testing.assert_close(_gathered(values, weight, edges), wanted)


def test_gradients_are_those_of_the_gathered_sum():
    values, weight, edges = case()
    direction = torch.randn(8, 3, 4, dtype=torch.float64)
    sparse = torch.autograd.grad(neighbour_sum(values, weight, edges), (values, weight), direction)
    gathered = torch.autograd.grad(_gathered(values, weight, edges), (values, weight), direction)
    torch.testing.assert_close(sparse, gathered)
    assert torch.autograd.gradcheck(lambda v, w: neighbour_sum(v, w, edges), (values, weight))


@pytest.mark.parametrize("sizes", [(2, 1, 1), (5, 2, 2), (60, 6, 8)])
def test_there_may_be_more_edges_than_pairs_of_nodes(sizes):
    num_edges, num_source, num_target = sizes
    generator = torch.Generator().manual_seed(0)
    index = torch.stack(
        [torch.randint(size, (num_edges,), generator=generator) for size in (num_source, num_target)]
    )
    edges = plan_edges(index, num_source, num_target)
    values = torch.randn(num_source, 2, 3, generator=generator, dtype=torch.float64).requires_grad_()
    weight = torch.randn(num_edges, 2, generator=generator, dtype=torch.float64).requires_grad_()
    direction = torch.randn(num_target, 2, 3, generator=generator, dtype=torch.float64)
    sparse = torch.autograd.grad(neighbour_sum(values, weight, edges), (values, weight), direction)
    gathered = torch.autograd.grad(_gathered(values, weight, edges), (values, weight), direction)
    torch.testing.assert_close(sparse, gathered)


@pytest.mark.parametrize("wanted", ["values", "weight"])
def test_only_the_gradient_that_is_asked_for_is_made(wanted):
    values, weight, edges = case()
    asked, other = (values, weight) if wanted == "values" else (weight, values)
    other.requires_grad_(False)
    neighbour_sum(values, weight, edges).sum().backward()
    assert asked.grad is not None
    assert other.grad is None


@pytest.mark.parametrize("sizes", [(0, 6, 8), (0, 0, 8), (0, 6, 1)])
def test_no_edges_give_zeros(sizes):
    num_edges, num_source, num_target = sizes
    edges = plan_edges(torch.empty(2, 0, dtype=torch.int64), num_source, num_target)
    values = torch.randn(num_source, 2, 3, requires_grad=True)
    out = neighbour_sum(values, torch.empty(num_edges, 2), edges)
    assert torch.equal(out, torch.zeros(num_target, 2, 3))
    out.sum().backward()
    assert torch.equal(values.grad, torch.zeros_like(values))


def test_half_precision_is_gathered():
    values, weight, edges = case()
    exact = neighbour_sum(values, weight, edges)
    half = neighbour_sum(values.bfloat16(), weight.bfloat16(), edges)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.double(), exact, atol=0.1, rtol=0.1)


def test_it_is_bit_identical_every_time():
    values, weight, edges = case(num_edges=5000, num_source=200, num_target=300, width=16)
    results = []
    for _ in range(5):
        out = neighbour_sum(values.float(), weight.float(), edges)
        results.append((out, *torch.autograd.grad(out.square().sum(), (values, weight))))
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))
