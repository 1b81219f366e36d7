"""From likeness to the logit of a pair: what a logistic regression says of pairs that maps do not know.

Shapes: T training pairs, D width.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mmgraph.tasks.fold_maps import evenly

_JUDGED = 256
"""By how many pairs of a fold, at most: each is held against all others of them."""
_FLATTEST = 1e-3
"""The slope where likeness says nothing; below 0, the likest would be those that do not belong together."""


def fit_logits(query: Tensor, answer: Tensor, fold: Tensor, num_negatives: int) -> tuple[float, float]:
    """Return by how much likeness is multiplied, and what is added, to be the logit of a pair.

    Each query is held against its own answer and against all others of its fold, which together count as
    much as so many wrong answers.

    Args:
        query: Vectors of training pairs by maps that were fitted without their fold, [T, D].
        answer: The answer that belongs to each, [T, D].
        fold: The fold of each, int64 [T].
        num_negatives: How many wrong answers there are for each right one.
    """
    likeness, right, weight = [], [], []
    for number in range(1, int(fold.max()) + 1):
        rows = evenly((fold == number).nonzero().squeeze(1), _JUDGED)
        own = np.eye(len(rows), dtype=bool)
        likeness.append((query[rows] @ answer[rows].T).double().numpy().ravel())
        right.append(own.ravel())
        weight.append(np.where(own, 1.0, num_negatives / max(len(rows) - 1, 1)).ravel())
    if np.concatenate(right).all():
        # Of two training pairs, each is a fold.
        return _FLATTEST, 0.0
    fitted = LogisticRegression().fit(
        np.concatenate(likeness)[:, None], np.concatenate(right), sample_weight=np.concatenate(weight)
    )
    return max(float(fitted.coef_[0, 0]), _FLATTEST), float(fitted.intercept_[0])
