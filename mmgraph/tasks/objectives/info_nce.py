"""The contrastive loss of CLIP: each of a pair finds the other among all that are there.

Shapes: R pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor


def info_nce(logits: Tensor, *, target: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
    r"""Return the symmetric InfoNCE loss of some pairs, a scalar.

    With logits l, weights w, and targets q whose rows sum up to 1, the loss of the rows is

    .. math::
        -\frac{1}{R} \sum_i \sum_j q_{ij} \log \frac{e^{l_{ij}}}{\sum_k w_{ik} \, e^{l_{ik}}},

    that of the columns is the same for the transposed tensors, and the result is the mean of both: the loss
    of CLIP (`Radford et al. 2021 <https://arxiv.org/abs/2103.00020>`_, figure 3; the one-sided form is that
    of `van den Oord et al. 2018 <https://arxiv.org/abs/1807.03748>`_) where the target is the diagonal. A
    weight of 0 takes a pair out, so that it is no false negative; one above 1 makes it a harder negative, as
    if it were there several times. With several targets, e.g. those of
    :func:`~mmgraph.tasks.objectives.shared_target`, a pair has several right answers.

    Args:
        logits: How well each goes with each, [R, R]; row i and column i are a pair.
        target: How right each answer is, [R, R], not negative, with at least one in each row and column;
            rows, and for the other direction columns, are made to sum up to 1. By default the diagonal.
        weight: How much each pair counts among what a right answer is compared to, [R, R], not negative, or
            bool for 0 and 1, which costs less; a pair that is a target always counts. By default 1.

    Example:
        >>> info_nce(torch.eye(2) * 100).item()
        0.0
        >>> round(info_nce(torch.zeros(4, 4)).item(), 4)  # log 4: nothing is told apart
        1.3863
    """
    counted = logits if weight is None else _counted(logits, target, weight)
    other = None if target is None else target.T
    return (_one_sided(logits, counted, target) + _one_sided(logits.T, counted.T, other)) / 2


def _counted(logits: Tensor, target: Tensor | None, weight: Tensor) -> Tensor:
    """Return logits whose exponentials are weighted; those of targets count once at the least."""
    if weight.dtype == torch.bool:
        out = ~weight if target is None else ~weight & (target <= 0)
        return logits.masked_fill(out.fill_diagonal_(False) if target is None else out, -torch.inf)
    if target is None:
        target = torch.eye(len(logits), dtype=logits.dtype, device=logits.device)
    return logits + torch.where(target > 0, weight.clamp_min(1), weight).log()


def _one_sided(logits: Tensor, counted: Tensor, target: Tensor | None) -> Tensor:
    if target is None:
        right = logits.diagonal()
    else:
        right = (target / target.sum(dim=1, keepdim=True) * logits).sum(dim=1)
    return (counted.logsumexp(dim=1) - right).mean()
