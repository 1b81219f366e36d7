"""The contrastive loss of SigLIP: whether two belong together is asked of each two by themselves.

Shapes: R pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def pair_sigmoid(logits: Tensor, *, target: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
    r"""Return the pairwise sigmoid loss of some pairs, a scalar.

    With logits l, targets q and weights w it is

    .. math::
        -\frac{1}{R} \sum_{ij} w_{ij}
        \left( q_{ij} \log \sigma(l_{ij}) + (1 - q_{ij}) \log \sigma(-l_{ij}) \right),

    the loss of SigLIP (`Zhai et al. 2023 <https://arxiv.org/abs/2303.15343>`_, equation 1) where the target
    is the diagonal. The bias of the logits, which keeps the many negatives from winning at first, is that of
    :class:`~mmgraph.tasks.objectives.LogitScale`.

    Args:
        logits: How well each goes with each, [R, R]; row i and column i are a pair.
        target: How right each pair is, [R, R], from 0 to 1. By default the diagonal.
        weight: How much each pair counts, [R, R]; 0, or false of bool, takes it out. By default 1.

    Example:
        >>> round(pair_sigmoid(torch.zeros(3, 3)).item(), 4)  # three times log 2 in each row
        2.0794
    """
    wanted = torch.eye(len(logits), dtype=logits.dtype, device=logits.device) if target is None else target
    weight = None if weight is None else weight.to(logits)
    losses = functional.binary_cross_entropy_with_logits(logits, wanted.to(logits), weight, reduction="sum")
    return losses / len(logits)
