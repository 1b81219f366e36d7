"""The contrastive loss of CLIP: each of a pair finds the other among all that are there.

Shapes: R pairs, D width, S pairs of which something is said.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmgraph.tasks.objectives.sparse_pairs import SparsePairs, tiles


def info_nce(query: Tensor, answer: Tensor, said: SparsePairs | None = None) -> Tensor:
    r"""Return the symmetric InfoNCE loss of some pairs, a scalar.

    With logits :math:`l_{ij} = x_i \cdot y_j` of queries x and answers y, weights w, and targets q whose rows
    sum up to 1, the loss of the rows is

    .. math::
        -\frac{1}{R} \sum_i \sum_j q_{ij} \log \frac{e^{l_{ij}}}{\sum_k w_{ik} \, e^{l_{ik}}},

    that of the columns is the same for the transposed matrices, and the result is the mean of both: the loss
    of CLIP (`Radford et al. 2021 <https://arxiv.org/abs/2103.00020>`_, figure 3; the one-sided form is that
    of `van den Oord et al. 2018 <https://arxiv.org/abs/1807.03748>`_) where the target is the diagonal. A
    weight of 0 takes a pair out, so that it is no false negative; one above 1 makes it a harder negative, as
    if it were there several times. With several targets a pair has several right answers.

    The matrix of logits is made some rows at a time, and once more for the gradient, so that memory is linear
    in R, as in `Cheng et al. 2024 <https://arxiv.org/abs/2410.17243>`_. It is not differentiable twice.

    Args:
        query: Vectors whose inner products are logits, [R, D]; see :class:`LogitScale`.
        answer: The answer that belongs to each, [R, D].
        said: The pairs that are not wrong answers which count once; by default each query with its own
            answer, the diagonal. Each row and column has a target; rows, and for the other direction columns,
            are made to sum up to 1. A pair that is a target counts once at the least.

    Example:
        >>> info_nce(torch.eye(2) * 10, torch.eye(2) * 10).item()
        0.0
        >>> round(info_nce(torch.zeros(4, 3), torch.zeros(4, 3)).item(), 4)  # log 4: nothing is told apart
        1.3863
    """
    said = SparsePairs.own(query) if said is None else said
    places, target, weight = said
    sums = target.new_zeros(2, len(query))
    for way in (0, 1):
        sums[way].index_add_(0, places[way], target)
    right = (target / sums[0][places[0]] + target / sums[1][places[1]]) / (2 * len(query))
    counted = torch.where(target > 0, weight.clamp_min(1), weight)
    loss: Tensor = _InfoNCE.apply(query, answer, places, right, counted.log())  # type: ignore[no-untyped-call]
    return loss


class _InfoNCE(torch.autograd.Function):
    """The loss from vectors, of which the logits are made tile by tile."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, answer: Tensor, places: Tensor, right: Tensor, added: Tensor
    ) -> Tensor:
        """Return the loss.

        Args:
            ctx: Keeps what the gradient needs.
            query: [R, D].
            answer: [R, D].
            places: The pairs of which something is said, int64 [2, S].
            right: By what share of the loss their logits make it smaller, [S].
            added: What is added to their logits where others are compared to right ones, [S].
        """
        by_row, by_column = query.new_empty(len(query)), query.new_full((len(query),), -torch.inf)
        own = query.new_zeros(())
        with torch.autocast(query.device.type, enabled=False):
            for tile in tiles(query, answer, places):
                logits = tile.logits
                values = logits[tile.place]
                own += right[tile.said] @ values
                logits[tile.place] = values + added[tile.said]
                by_row[tile.rows] = logits.logsumexp(dim=1)
                by_column = torch.logaddexp(by_column, logits.logsumexp(dim=0))
        ctx.save_for_backward(query, answer, places, right, added, by_row, by_column)
        return (by_row.mean() + by_column.mean()) / 2 - own

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients by both vectors."""
        query, answer, places, right, added, by_row, by_column = ctx.saved_tensors
        by_query, by_answer = torch.empty_like(query), torch.zeros_like(answer)
        with torch.autocast(query.device.type, enabled=False):
            for tile in tiles(query, answer, places):
                logits = tile.logits
                logits[tile.place] += added[tile.said]
                # What each is chosen by its row, and by its column.
                chosen = (logits - by_row[tile.rows, None]).exp_()
                chosen += logits.sub_(by_column).exp_()
                chosen *= 0.5 / len(query)
                chosen[tile.place] -= right[tile.said]
                torch.mm(chosen, answer, out=by_query[tile.rows])
                by_answer.addmm_(chosen.T, query[tile.rows])
        return by_query * gradient, by_answer * gradient, None, None, None
