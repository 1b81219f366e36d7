"""How good scores of labels are where an entity may have several: F1 above a threshold, average precision.

Shapes: R rows, L labels, C candidates.
"""

from __future__ import annotations

import torch
from torch import Tensor

_MOST_AT_ONCE = 1 << 24
"""How many scores are looked at together."""


def average_precision(scores: Tensor, relevant: Tensor) -> Tensor:
    """Return the average precision of each row that has a relevant candidate, float64 [R'].

    The mean over the relevant candidates of the share of relevant ones among all with as high a score or a
    higher one: what scikit-learn calls average precision for a label's entities, and label ranking average
    precision for an entity's labels.

    Args:
        scores: Of each candidate, [R, C], finite.
        relevant: Which candidates are relevant, bool [R, C].

    Example:
        >>> average_precision(torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([[True, False, True]])).item()
        0.8333333333333333
    """
    asked = relevant.any(dim=1)
    parts = zip(*(torch.split(part[asked], _at_once(scores)) for part in (scores, relevant)), strict=True)
    return torch.cat([_average_precision(*part) for part in parts])


def _average_precision(scores: Tensor, relevant: Tensor) -> Tensor:
    hits = torch.where(relevant, scores, -torch.inf)
    as_high = [
        scores.shape[1] - torch.searchsorted(among.sort(dim=1).values, scores.contiguous())
        for among in (scores, hits)
    ]
    precision = (as_high[1].double() / as_high[0]) * relevant
    return precision.sum(dim=1) / relevant.sum(dim=1)


def f1_scores(told: Tensor, has: Tensor) -> tuple[float, float]:
    """Return the F1 score over all labels of all rows, and its mean over the labels that some row has.

    Args:
        told: Which labels are told of each row, bool [R, L].
        has: Which labels it has, bool [R, L].

    Example:
        >>> told = torch.tensor([[True, False], [True, False]])
        >>> f1_scores(told, torch.tensor([[True, False], [False, True]]))
        (0.5, 0.3333333333333333)
    """
    hits = (told & has).sum(dim=0).double()
    sizes = (told.sum(dim=0) + has.sum(dim=0)).double()
    there = has.any(dim=0)
    micro = 2 * hits.sum() / sizes.sum().clamp_min(1)
    return micro.item(), (2 * hits[there] / sizes[there]).mean().item()


def best_threshold(scores: Tensor, has: Tensor) -> float:
    """Return what a label's score must surpass for the highest F1 score over all labels of all rows.

    It lies in the middle between two scores, so that a rounding error of either changes nothing.

    Args:
        scores: Of each label of each row, [R, L], finite.
        has: Which labels a row has, bool [R, L], at least one.

    Example:
        >>> best_threshold(torch.tensor([[3.0, 2.0, -1.0]]), torch.tensor([[True, True, False]]))
        0.5
    """
    # The least score that is told is that of a label that a row has: to tell less of the others is better.
    right = scores[has].sort().values
    parts = torch.split(scores, _at_once(scores))
    reached = torch.zeros(len(right) + 1, dtype=torch.long, device=scores.device)
    for part in parts:
        place = torch.searchsorted(right, part.flatten(), right=True)
        reached += torch.bincount(place, minlength=len(reached))
    told = reached.flip(0).cumsum(dim=0)[:-1]
    values = right.flip(0)
    hits = torch.arange(1, len(right) + 1, device=scores.device)
    f1 = 2 * hits.double() / (told + len(right))
    # Of equal scores all are told, or none.
    f1[:-1][values[:-1] == values[1:]] = -1
    lowest = values[f1.argmax()]
    below = torch.stack([torch.where(part < lowest, part, -torch.inf).max() for part in parts]).max()
    below = torch.where(below.isinf(), lowest - 2, below)
    return ((lowest.double() + below.double()) / 2).item()


def _at_once(scores: Tensor) -> int:
    """Return how many rows of scores are looked at together."""
    return max(_MOST_AT_ONCE // max(scores.shape[1], 1), 1)
