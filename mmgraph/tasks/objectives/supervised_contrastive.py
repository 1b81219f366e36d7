"""Supervised contrastive learning: those of one class find each other.

Shapes: R entities, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def supervised_contrastive(x: Tensor, labels: Tensor, *, temperature: float = 0.1) -> Tensor:
    r"""Return the supervised contrastive loss of some entities, a scalar.

    With P(i) the others of entity i's class, z the vectors at length 1, and :math:`\tau` the temperature, it
    is the mean over all entities whose class has others of

    .. math::
        \frac{-1}{|P(i)|} \sum_{p \in P(i)}
        \log \frac{e^{z_i \cdot z_p / \tau}}{\sum_{a \ne i} e^{z_i \cdot z_a / \tau}},

    :math:`L_{out}` of `Khosla et al. 2020 <https://arxiv.org/abs/2004.11362>`_, equation 2. It is 0 where no
    class is there twice.

    Args:
        x: Vectors of any length, [R, D].
        labels: The number of each entity's class, int64 [R]; below 0 where it is not known, which makes the
            entity a negative of all others.
        temperature: What the cosines are divided by.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
        >>> supervised_contrastive(x, torch.tensor([0, 0, 1])).item() < 1e-6
        True
    """
    z = functional.normalize(x, dim=1)
    oneself = torch.eye(len(x), dtype=torch.bool, device=x.device)
    log_p = (z @ z.T / temperature).masked_fill(oneself, -torch.inf).log_softmax(dim=1)
    same = (labels[:, None] == labels[None, :]) & (labels >= 0)[:, None] & ~oneself
    count = same.sum(dim=1)
    # Where nothing is wanted, minus infinity times 0 is to be 0.
    losses = -log_p.masked_fill(~same, 0.0).sum(dim=1) / count.clamp_min(1)
    return losses.sum() / (count > 0).sum().clamp_min(1)
