"""Sums, means, maxima and softmax over segments: the rows that share an index, in any order.

Shapes: E rows, H columns, N segments.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

# Keeps an empty segment at 0/eps = 0. Any other segment's sum is at least 1, its largest term.
_TINY = 1e-16


def segment_sum(values: Tensor, index: Tensor, num_segments: int) -> Tensor:
    """Return the sum of the rows of each segment; 0 for a segment without rows.

    Args:
        values: [E, ...].
        index: The segment of each row, int64 [E].
        num_segments: N.

    Returns:
        [N, ...].

    Example:
        >>> import torch
        >>> segment_sum(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 0]), 3)
        tensor([5., 0., 2.])
    """
    if torch.compiler.is_compiling():
        return values.new_zeros(num_segments, *values.shape[1:]).index_add(0, index, values)
    result: Tensor = _SegmentSum.apply(values, index, num_segments)  # type: ignore[no-untyped-call]
    return result


class _SegmentSum(Function):
    """``index_add`` on zeros, which would keep the rows for the gradient and not read them."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor, num_segments: int) -> Tensor:
        ctx.save_for_backward(index)
        return values.new_zeros(num_segments, *values.shape[1:]).index_add_(0, index, values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient.index_select(0, *ctx.saved_tensors), None, None


def segment_mean(values: Tensor, index: Tensor, num_segments: int) -> Tensor:
    """Return the mean of the rows of each segment; 0 for a segment without rows.

    Args:
        values: [E, ...].
        index: The segment of each row, int64 [E].
        num_segments: N.

    Returns:
        [N, ...].

    Example:
        >>> import torch
        >>> segment_mean(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 0]), 3)
        tensor([2.5000, 0.0000, 2.0000])
    """
    count = torch.bincount(index, minlength=num_segments).clamp(min=1).to(values.dtype)
    total = segment_sum(values, index, num_segments)
    return total / count.view(-1, *[1] * (values.dim() - 1))


def segment_max(values: Tensor, index: Tensor, num_segments: int) -> Tensor:
    """Return the largest value of each segment, column by column; 0 for a segment without rows.

    Rows that are equally large share the gradient.

    Args:
        values: [E, H].
        index: The segment of each row, int64 [E].
        num_segments: N.

    Returns:
        [N, H].

    Example:
        >>> import torch
        >>> segment_max(torch.tensor([[-1.0], [2.0], [-4.0]]), torch.tensor([0, 2, 0]), 3).flatten()
        tensor([-1.,  0.,  2.])
    """
    rows = index.unsqueeze(1).expand_as(values)
    empty = values.new_zeros(num_segments, values.shape[1])
    return empty.scatter_reduce(0, rows, values, "amax", include_self=False)


def segment_softmax(logits: Tensor, index: Tensor, num_segments: int, *, sentinel: bool = False) -> Tensor:
    """Return the softmax over the rows of each segment, column by column.

    A logit of minus infinity gets no weight, even where it is the only one of its segment.

    Args:
        logits: [E, H].
        index: The segment of each row, int64 [E].
        num_segments: N.
        sentinel: Every segment has one more logit, 0, whose weight is not returned: the rows of a segment
            then share less than 1, and a segment can turn away from all of them.

    Returns:
        The weights [E, H].

    Example:
        >>> import torch
        >>> segment_softmax(torch.zeros(3, 1), torch.tensor([0, 1, 1]), 2).flatten()
        tensor([1.0000, 0.5000, 0.5000])
        >>> segment_softmax(torch.zeros(3, 1), torch.tensor([0, 1, 1]), 2, sentinel=True).flatten()
        tensor([0.5000, 0.3333, 0.3333])
    """
    # The largest logit is taken off before exp; softmax does not change with it, so it needs no gradient.
    top = logits.new_full((num_segments, logits.shape[1]), 0.0 if sentinel else -torch.inf)
    rows = index.unsqueeze(1).expand_as(logits)
    top = top.scatter_reduce(0, rows, logits.detach(), "amax", include_self=True)
    top = top.masked_fill(top == -torch.inf, 0.0)
    weight = (logits - top.index_select(0, index)).exp()
    total = segment_sum(weight, index, num_segments)
    total = total + (torch.exp(-top) if sentinel else _TINY)
    return weight / total.index_select(0, index)
