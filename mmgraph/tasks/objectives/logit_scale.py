"""From the likeness of two vectors to a logit: a learned temperature, and a bias where the loss wants one."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_LARGEST = math.log(100.0)


def not_half(x: Tensor) -> Tensor:
    """Return numbers of half precision in float32, in which likeness is compared; others as they are.

    Example:
        >>> [not_half(torch.zeros(1, dtype=t)).dtype for t in (torch.bfloat16, torch.float64)]
        [torch.float32, torch.float64]
    """
    return x.to(torch.promote_types(x.dtype, torch.float32))


class LogitScale(nn.Module):
    r"""Maps vectors to others whose inner products are logits: :math:`\cos(a, b) / \tau + \beta`.

    The temperature :math:`\tau` is learnt as the logarithm of its inverse, which goes up to 100, as in CLIP
    (`Radford et al. 2021 <https://arxiv.org/abs/2103.00020>`_); the bias :math:`\beta`, for losses that ask
    of each pair by itself, as in SigLIP (`Zhai et al. 2023 <https://arxiv.org/abs/2303.15343>`_).

    That the bias is one more number of the vectors lets whatever ranks by inner products go without it.

    Args:
        temperature: At the beginning.
        bias: At the beginning; nothing for none.

    Shapes:
        one, other [R, D] -> [R, D + 1] each.

    Example:
        >>> scale = LogitScale(temperature=0.5, bias=-1.0)
        >>> one, other = scale(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 2.0], [5.0, 0.0]]))
        >>> (one @ other.T).tolist()
        [[-1.0, 1.0]]
    """

    def __init__(self, *, temperature: float = 0.07, bias: float | None = None) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))
        self.bias = None if bias is None else nn.Parameter(torch.tensor(bias))

    @property
    def factor(self) -> Tensor:
        """The inverse of the temperature."""
        return self.log_scale.clamp(max=_LARGEST).exp()

    def forward(self, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Return both with inner products that are logits.

        Args:
            one: Vectors of any length, [R, D].
            other: Vectors to compare them with, [S, D].
        """
        if self.training:
            # Beyond the limit there would be no gradient that leads back.
            self.log_scale.data.clamp_(max=_LARGEST)
        left, right = self.factor * functional.normalize(one, dim=1), functional.normalize(other, dim=1)
        bias = left.new_zeros(()) if self.bias is None else self.bias.to(left)
        return (
            torch.cat([left, bias.expand(len(left), 1)], dim=1),
            torch.cat([right, right.new_ones(len(right), 1)], dim=1),
        )
