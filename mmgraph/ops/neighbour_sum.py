"""The sum over a node's neighbours, each weighted head by head: what message passing spends its time on.

Shapes: E edges, S source nodes, N target nodes, H heads, D width of a head.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmgraph.ops.edge_plan import EdgePlan
from mmgraph.ops.segment import segment_sum


def neighbour_sum(values: Tensor, weight: Tensor, edges: EdgePlan) -> Tensor:
    r"""Return :math:`y_{ih} = \sum_{e: j \to i} w_{eh}\, v_{jh}`.

    On the CPU the edges are a sparse matrix a head, so that no tensor of E x H x D is ever made, neither
    forward nor backward; on other devices they are gathered.

    Args:
        values: [S, H, D].
        weight: [E, H], in the plan's order.
        edges: The plan of the E edges.

    Returns:
        [N, H, D].

    Example:
        >>> import torch
        >>> from mmgraph.ops import plan_edges
        >>> edges = plan_edges(torch.tensor([[0, 1], [0, 0]]), 2, 2)
        >>> values = torch.tensor([1.0, 10.0]).view(2, 1, 1)
        >>> neighbour_sum(values, torch.tensor([[0.5], [2.0]]), edges).flatten()
        tensor([20.5000,  0.0000])
    """
    if values.device.type == "cpu" and values.dtype in (torch.float32, torch.float64):
        result: Tensor = _SparseNeighbourSum.apply(values, weight, edges)  # type: ignore[no-untyped-call]
        return result
    return _gathered(values, weight, edges)


def _gathered(values: Tensor, weight: Tensor, edges: EdgePlan) -> Tensor:
    messages = values.index_select(0, edges.source) * weight.unsqueeze(-1)
    return segment_sum(messages, edges.target, edges.num_target)


class _SparseNeighbourSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, edges: EdgePlan) -> Tensor:
        ctx.edges = edges
        by_head = weight.t().contiguous()
        ctx.save_for_backward(values, by_head)
        return _sparse_sum(
            edges.target_pointer, edges.source, by_head, values, (edges.num_target, edges.num_source)
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        edges: EdgePlan = ctx.edges
        values, by_head = ctx.saved_tensors
        values_gradient = weight_gradient = None
        if ctx.needs_input_grad[0]:
            values_gradient = _sparse_sum(
                edges.source_pointer,
                edges.target_by_source,
                by_head.index_select(1, edges.by_source),
                gradient,
                (edges.num_source, edges.num_target),
            )
        if ctx.needs_input_grad[1]:
            weight_gradient = _dot_products(edges, gradient, values)
        return values_gradient, weight_gradient, None


def _sparse_sum(
    pointer: Tensor, columns: Tensor, by_head: Tensor, x: Tensor, size: tuple[int, int]
) -> Tensor:
    heads = [
        torch.sparse.mm(_csr(pointer, columns, by_head[h], size), x[:, h].contiguous(), "sum")
        for h in range(x.shape[1])
    ]
    return torch.stack(heads, dim=1)


def _dot_products(edges: EdgePlan, gradient: Tensor, values: Tensor) -> Tensor:
    size = (edges.num_target, edges.num_source)
    if edges.num_edges > size[0] * size[1]:
        # torch's product at the places of a sparse matrix takes no more of them than a dense one has.
        return (gradient.index_select(0, edges.target) * values.index_select(0, edges.source)).sum(-1)
    pattern = _csr(edges.target_pointer, edges.source, values.new_zeros(edges.num_edges), size)
    heads = [
        torch.sparse.sampled_addmm(
            pattern, gradient[:, h].contiguous(), values[:, h].contiguous().t(), beta=0.0
        ).values()
        for h in range(values.shape[1])
    ]
    return torch.stack(heads, dim=1)


def _csr(pointer: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.sparse_csr_tensor(pointer, columns, values, size=size, check_invariants=False)


with warnings.catch_warnings():
    # torch says once a process that its CSR tensors are in beta; that is nothing a user could act upon.
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support", category=UserWarning)
    _csr(torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64), torch.tensor([]), (1, 1))
