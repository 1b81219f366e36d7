"""Networks that look at each row by itself, a block of rows at a time: what is in between stays in the cache.

Of a feed-forward network on all rows of a large batch, what is in between are the largest tensors of a
training, and a step waits longer for their pages than for its sums. In blocks they are made, used and
forgotten; for the gradient a block is computed again (`Chen et al. 2016 <https://arxiv.org/abs/1604.06174>`_),
which costs less than to write and read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mmgraph.ops.huge_pages import empty

Rowwise = Callable[[Tensor], Tensor]

_BLOCK = 1 << 19
"""How many numbers of the input a block has: with what is made of them, about what a cache holds."""

_FEWEST_BLOCKS = 4


def in_row_blocks(network: Rowwise, x: Tensor, parameters: Iterable[Tensor]) -> Tensor:
    """Return what a network makes of each row; of many rows on the CPU without keeping what is in between.

    Numbers that the network draws from torch's generator are the same when a block is computed again.

    Args:
        network: From [B, ...] to [B, ...], by row, of the type of its input.
        x: [N, ...].
        parameters: What the network is made of that gradients are wanted of.

    Example:
        >>> linear = torch.nn.Linear(2, 3)
        >>> in_row_blocks(linear, torch.ones(5, 2), linear.parameters()).shape
        torch.Size([5, 3])
    """
    rows = _BLOCK * x.shape[0] // max(x.numel(), 1)
    large = 0 < rows * _FEWEST_BLOCKS <= x.shape[0]
    plain = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
    if not large or not plain or torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return network(x)
    result: Tensor = _InBlocks.apply(network, rows, x, *parameters)  # type: ignore[no-untyped-call]
    return result


class _InBlocks(Function):
    @staticmethod
    def forward(ctx: Any, network: Rowwise, rows: int, x: Tensor, *parameters: Tensor) -> Tensor:
        ctx.network, ctx.rows, ctx.state = network, rows, torch.get_rng_state()
        ctx.save_for_backward(x, *parameters)
        blocks = torch.split(x.detach(), rows)
        first = network(blocks[0])
        result = empty((x.shape[0], *first.shape[1:]), first.dtype)
        result[:rows] = first
        for number, block in enumerate(blocks[1:], start=1):
            result[number * rows : (number + 1) * rows] = network(block)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, *parameters = ctx.saved_tensors
        wanted = ctx.needs_input_grad[2:]
        leaves = [leaf for leaf, want in zip(parameters, wanted[1:], strict=True) if want]
        d_x = empty(x.shape, x.dtype) if wanted[0] else None
        totals: list[Tensor | None] = [None] * len(leaves)
        now = torch.get_rng_state()
        torch.set_rng_state(ctx.state)
        blocks = [torch.split(each, ctx.rows) for each in (x.detach(), gradient)]
        for number, (block, d_out) in enumerate(zip(*blocks, strict=True)):
            with torch.enable_grad():
                out = ctx.network(block.requires_grad_(wanted[0]))
            asked = [block, *leaves] if wanted[0] else leaves
            found = list(torch.autograd.grad(out, asked, d_out, allow_unused=True))
            if d_x is not None:
                d_x[number * ctx.rows : (number + 1) * ctx.rows] = found.pop(0)
            totals = [_sum(total, part) for total, part in zip(totals, found, strict=True)]
        torch.set_rng_state(now)
        parts = iter(totals)
        return None, None, d_x, *(next(parts) if want else None for want in wanted[1:])


def _sum(total: Tensor | None, part: Tensor | None) -> Tensor | None:
    if total is None or part is None:
        return part if total is None else total
    return total.add_(part)
