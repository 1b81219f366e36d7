"""Dropout that does not cost more than the matrix products around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmgraph.ops.dropout import counted_dropout


class Dropout(nn.Module):
    """Drops each value with probability ``p`` in training and scales up the others: ``torch.nn.Dropout``.

    On the CPU torch draws its Bernoulli numbers one by one, which takes four times as long as the product
    of the same values with a 256 x 128 matrix, and keeps a mask as large as x: here both are spared, see
    :func:`~mmgraph.ops.dropout.counted_dropout`.

    Args:
        p: Share of the values that is dropped.

    Example:
        >>> import torch
        >>> Dropout(0.5).eval()(torch.ones(3))
        tensor([1., 1., 1.])
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Return x with some of its values dropped."""
        if not self.training or self.p == 0:
            return x
        counted = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
        if not counted or self.p == 1 or torch.compiler.is_compiling():
            return functional.dropout(x, self.p)
        return counted_dropout(x, self.p)

    def extra_repr(self) -> str:
        """Return what stands in the module's representation."""
        return f"p={self.p}"
