"""The heads of several tasks, and how uncertain each task is where that is learnt."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict


class Heads(nn.Module):
    r"""A head for each of M tasks, and the sum of their losses.

    Fixed weights give the mean of the losses that they weigh. Learnt ones are those of Kendall et al. 2018,
    `Multi-task learning using uncertainty to weigh losses <https://arxiv.org/abs/1705.07115>`_: with
    :math:`s = \log \sigma^2` of each task, which begins at 0,

    .. math::
        \frac{1}{M} \sum_m \bigl( c_m \, e^{-s_m} L_m + \tfrac{1}{2} s_m \bigr),

    where c is 1/2 for a squared error and 1 for a cross-entropy.

    Args:
        heads: By the task's name.
        weights: By the task's name.
        scales: What the losses are scaled by where weights are learnt, by the task's name; nothing for fixed
            weights.
    """

    def __init__(
        self,
        heads: Mapping[str, nn.Module],
        weights: Mapping[str, float],
        scales: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.heads = ModuleDict(dict(heads))
        self._weights, self._scales = dict(weights), scales
        self.log_variance = nn.Parameter(torch.zeros(len(self._weights))) if scales is not None else None

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the loss of all tasks together, a scalar.

        Args:
            losses: The loss of each task, by name, a scalar each.
        """
        if self._scales is None or self.log_variance is None:
            return weighted_mean(losses, self._weights)
        stacked = torch.stack([self._scales[name] * losses[name] for name in self._weights])
        return ((-self.log_variance).exp() * stacked + self.log_variance / 2).mean()


def weighted_mean(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Return the mean of losses that weights weigh, a scalar.

    Args:
        losses: By the task's name, a scalar each.
        weights: By the task's name.
    """
    total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
    return total / sum(weights[name] for name in losses)
