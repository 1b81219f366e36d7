"""Canonical correlations of training pairs as a likeness, fitted on all of them and without each fold.

Shapes: T training pairs, K folds of them, R pairs, P and Q widths of two modalities, C dimensions.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgraph.encoders.one_thread import one_thread
from mmgraph.relations.cca import CCA
from mmgraph.tasks.fold_maps import FoldMaps, kept_without, least_loss

COMPONENTS, SHRINKAGES = (16, 64, 256), (0.1, 0.3, 0.6, 0.9)


class CanonicalMaps(nn.Module):
    """Maps of both modalities into the space where they agree most; see :class:`~mmgraph.relations.cca.CCA`.

    Args:
        query: Of queries, [1 + K, P, C].
        answer: Of answers, [1 + K, Q, C].
    """

    def __init__(self, query: FoldMaps, answer: FoldMaps) -> None:
        super().__init__()
        self.query, self.answer = query, answer

    @classmethod
    def unfitted(cls) -> CanonicalMaps:
        """Return some that wait for the weights of others."""
        return cls(*(FoldMaps(torch.zeros(1, 1, 1), torch.zeros(1, 1)) for _ in range(2)))

    def forward(self, query: Tensor, answer: Tensor, fold: Tensor) -> tuple[Tensor, Tensor]:
        """Return where pairs lie, vectors of length 1, [R, C] each.

        Args:
            query: The one modality, [R, P].
            answer: The other one, [R, Q].
            fold: Which maps are taken of each, int64 [R]; see :class:`~mmgraph.tasks.fold_maps.FoldMaps`.
        """
        return F.normalize(self.query(query, fold), dim=1), F.normalize(self.answer(answer, fold), dim=1)


def fit_canonical(query: Tensor, answer: Tensor, fold: Tensor) -> CanonicalMaps:
    """Return the canonical correlations of training pairs.

    Their shrinkage and how many of them count are those by which the pairs of a fold find each other best,
    seen by the maps that were fitted without them.

    Args:
        query: The one modality of the training pairs, [T, P].
        answer: The other one, [T, Q].
        fold: The fold of each, int64 [T].
    """
    query, answer = query.float(), answer.float()
    tried = []
    for shrinkage in SHRINKAGES:
        one, other = fit_at(query, answer, fold, shrinkage)
        for most in COMPONENTS:
            maps = CanonicalMaps(one.first(most), other.first(most))
            sides = maps(query, answer, fold)
            tried.append((least_loss(sides[0], sides[1], fold)[0], maps))
    return min(tried, key=lambda found: found[0])[1]


def fit_at(query: Tensor, answer: Tensor, fold: Tensor, shrinkage: float) -> tuple[FoldMaps, FoldMaps]:
    """Return the maps of both modalities into as many dimensions as may count.

    Args:
        query: The one modality of the training pairs, [T, P].
        answer: The other one, [T, Q].
        fold: The fold of each, int64 [T].
        shrinkage: How far covariances are drawn towards the identity, from 0 to 1.
    """
    x, y = query.double().numpy(), answer.double().numpy()
    with one_thread():
        fits = [
            CCA.fit(x[kept], y[kept], components=max(COMPONENTS), shrinkage=shrinkage)
            for kept in (rows.numpy() for rows in kept_without(fold))
        ]
    # Fewer pairs may vary in fewer directions.
    width = max(len(fit.correlations) for fit in fits)
    sides = []
    for view in (0, 1):
        weights = [fit.maps[view] * fit.correlations for fit in fits]
        padded = [np.pad(weight, ((0, 0), (0, width - weight.shape[1]))) for weight in weights]
        centres = np.stack([fit.means[view] for fit in fits])
        sides.append(FoldMaps(torch.from_numpy(np.stack(padded)), torch.from_numpy(centres)))
    return sides[0], sides[1]
