"""Where to say yes: the score that parts right from wrong best."""

from __future__ import annotations

import torch
from torch import Tensor


def best_threshold(right: Tensor, wrong: Tensor) -> float:
    """Return the threshold with the best accuracy, where scores at it or above mean yes.

    It is in the middle between two scores, or beyond all of them; of equally good ones the highest.

    Args:
        right: The scores of what should be yes, [R].
        wrong: The scores of what should be no, [W].

    Example:
        >>> best_threshold(torch.tensor([3.0, 2.0]), torch.tensor([1.0, 0.0, 2.5]))
        2.75
    """
    scores = torch.cat([right, wrong]).detach().double().cpu()
    sign = torch.cat([torch.ones(len(right)), -torch.ones(len(wrong))])
    scores, order = scores.sort(descending=True)
    # How much better it is to say yes to so many of the first than to nobody.
    gain = torch.cat([sign.new_zeros(1), sign[order].cumsum(0)])
    ends = torch.cat([torch.ones(1).bool(), scores[1:] < scores[:-1], torch.ones(1).bool()])
    best = int(gain.masked_fill(~ends, -torch.inf).argmax())
    if best == 0:
        return float(scores[0]) + 1.0
    if best == len(scores):
        return float(scores[-1]) - 1.0
    return float(scores[best - 1] + scores[best]) / 2
