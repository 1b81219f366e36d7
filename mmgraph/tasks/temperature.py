"""Temperature scaling: one number that makes the probabilities of a classification what they claim to be."""

from __future__ import annotations

from torch import Tensor

COLDEST, HOTTEST = 0.05, 20.0
"""The temperatures that are looked at; outside of them nothing would change any more."""

_HALVINGS = 60


def fit_temperature(logits: Tensor, target: Tensor) -> float:
    r"""Return the temperature T for which the softmax of ``logits / T`` has the least cross-entropy.

    `Guo et al. 2017 <https://arxiv.org/abs/1706.04599>`_. In :math:`\beta = 1/T` the cross-entropy is convex,
    with the derivative :math:`\sum_i \mathbb{E}_{p_i}[z_i] - z_{i, y_i}`, whose sign is followed by halving
    the interval. The class of the highest logit stays the same.

    Args:
        logits: [R, C].
        target: The right class of each row, int64 [R].

    Returns:
        From :data:`COLDEST` (where all rows are right by far) to :data:`HOTTEST` (where the logits tell
        nothing).

    Example:
        >>> import torch
        >>> logits = torch.tensor([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
        >>> round(fit_temperature(logits, torch.tensor([0, 0, 1, 1])), 3)  # 3 of 4 are right
        3.641
    """
    logits = logits.detach().double().cpu()
    right = logits.gather(1, target.cpu().unsqueeze(1)).sum()
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        expected = ((middle * logits).softmax(dim=1) * logits).sum()
        if expected > right:
            high = middle
        else:
            low = middle
    return 2 / (low + high)
