"""The contrastive loss of SigLIP: whether two belong together is asked of each two by themselves.

Shapes: R pairs, D width, S pairs of which something is said.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import logsigmoid

from mmgraph.tasks.objectives.sparse_pairs import SparsePairs, tiles


def pair_sigmoid(query: Tensor, answer: Tensor, said: SparsePairs | None = None) -> Tensor:
    r"""Return the pairwise sigmoid loss of some pairs, a scalar.

    With logits :math:`l_{ij} = x_i \cdot y_j` of queries x and answers y, targets q and weights w it is

    .. math::
        -\frac{1}{R} \sum_{ij} w_{ij}
        \left( q_{ij} \log \sigma(l_{ij}) + (1 - q_{ij}) \log \sigma(-l_{ij}) \right),

    the loss of SigLIP (`Zhai et al. 2023 <https://arxiv.org/abs/2303.15343>`_, equation 1) where the target
    is the diagonal. The bias of the logits, which keeps the many negatives from winning at first, is that of
    :class:`~mmgraph.tasks.objectives.LogitScale`. The matrix of logits is made some rows at a time, and once
    more for the gradient, so that memory is linear in R. It is not differentiable twice.

    Args:
        query: Vectors whose inner products are logits, [R, D].
        answer: The answer that belongs to each, [R, D].
        said: The pairs that are not wrong answers which count once; by default each query with its own
            answer, the diagonal.

    Example:
        >>> nothing = torch.zeros(3, 2)  # three times log 2 in each row
        >>> round(pair_sigmoid(nothing, nothing).item(), 4)
        2.0794
    """
    places, target, weight = SparsePairs.own(query) if said is None else said
    loss: Tensor = _PairSigmoid.apply(query, answer, places, target, weight)  # type: ignore[no-untyped-call]
    return loss


class _PairSigmoid(torch.autograd.Function):
    """The loss from vectors, of which the logits are made tile by tile."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, answer: Tensor, places: Tensor, target: Tensor, weight: Tensor
    ) -> Tensor:
        """Return the loss; see :func:`pair_sigmoid`."""
        total = query.new_zeros(())
        with torch.autocast(query.device.type, enabled=False):
            for tile in tiles(query, answer, places):
                logits, q = tile.logits, target[tile.said]
                values = logits[tile.place]
                losses = q * logsigmoid(values) + (1 - q) * logsigmoid(-values)
                # A wrong answer with this logit is no loss at all.
                logits[tile.place] = -torch.inf
                total -= weight[tile.said] @ losses + logsigmoid(logits.neg_()).sum()
        ctx.save_for_backward(query, answer, places, target, weight)
        return total / len(query)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients by both vectors."""
        query, answer, places, target, weight = ctx.saved_tensors
        by_query, by_answer = torch.empty_like(query), torch.zeros_like(answer)
        with torch.autocast(query.device.type, enabled=False):
            for tile in tiles(query, answer, places):
                moved = tile.logits.sigmoid_()
                moved[tile.place] = weight[tile.said] * (moved[tile.place] - target[tile.said])
                torch.mm(moved, answer, out=by_query[tile.rows])
                by_answer.addmm_(moved.T, query[tile.rows])
        factor = gradient / len(query)
        return by_query * factor, by_answer * factor, None, None, None
