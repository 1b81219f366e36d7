"""Dropout that does not cost more than the matrix products around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Dropout(nn.Module):
    """Drops each value with probability ``p`` in training and scales up the others: ``torch.nn.Dropout``.

    On the CPU torch draws its Bernoulli numbers one by one, which takes four times as long as the product
    of the same values with a 256 x 128 matrix; uniform numbers are drawn in vectors.

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
        if x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64):
            return functional.dropout(x, self.p)
        kept = torch.rand_like(x).ge_(self.p)
        return x * kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        """Return what stands in the module's representation."""
        return f"p={self.p}"
