"""What regression and correlations say of which pairs belong together, before anything is trained.

Shapes: T training pairs, R pairs, P and Q widths of two modalities, C dimensions of their common space.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mmgraph.tasks.canonical_maps import CanonicalMaps, fit_canonical
from mmgraph.tasks.fold_maps import FoldMaps, least_loss, unit
from mmgraph.tasks.ridge_maps import RidgeLikeness, fit_ridge

_ByRidge = Callable[[Tensor, Tensor, Tensor | None], Tensor]

SHARES = (0.0, 1 / 3, 2 / 3)
"""Of the correlations in the likeness. Regression is always a part."""


class ClosedForm(nn.Module):
    """How alike two modalities are by ridge regression in both directions and by canonical correlations.

    The likeness is a mean of both cosines, of which the second has a share.

    Args:
        ridge: By regression.
        canonical: By correlations.
        share: Of the correlations, from 0 to 1.
    """

    share: Tensor

    def __init__(self, ridge: RidgeLikeness, canonical: CanonicalMaps, share: float) -> None:
        super().__init__()
        self.ridge, self.canonical = ridge, canonical
        self.register_buffer("share", torch.tensor(share))

    @classmethod
    def unfitted(cls) -> ClosedForm:
        """Return one that waits for the weights of another."""
        return cls(RidgeLikeness.unfitted(), CanonicalMaps.unfitted(), 0.0)

    def forward(self, query: Tensor, answer: Tensor, fold: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors of length 1 whose inner products say how alike they are, [R, P + Q + C] each.

        Args:
            query: The one modality of some pairs, [R, P].
            answer: The other one, [R, Q].
            fold: Which maps are taken of each, int64 [R]; see :class:`~mmgraph.tasks.fold_maps.FoldMaps`.
        """
        return self.of_query(query, fold), self.of_answer(answer, fold)

    def of_query(self, query: Tensor, fold: Tensor, at: Tensor | None = None) -> Tensor:
        """Return the vectors of queries alone, [R, P + Q + C].

        Args:
            query: [R, P].
            fold: int64 [R].
            at: The queries by whose lengths vectors are divided, [R, P]; by default their own. A vector of
                length 1 says the same however little a query differs from the mean; with lengths that are
                held, what a query says grows with it.
        """
        return self._together(query, self.ridge.of_query, self.canonical.query, fold, at)

    def of_answer(self, answer: Tensor, fold: Tensor, at: Tensor | None = None) -> Tensor:
        """Return the vectors of answers alone, [R, P + Q + C]; see :meth:`of_query`."""
        return self._together(answer, self.ridge.of_answer, self.canonical.answer, fold, at)

    def describe(self) -> dict[str, object]:
        """Return what was chosen."""
        dimensions = self.canonical.query.weight.shape[2]
        return {
            **self.ridge.describe(),
            "correlations": {"share": round(float(self.share), 3), "components": dimensions},
        }

    def _together(
        self, x: Tensor, by_ridge: _ByRidge, correlated: FoldMaps, fold: Tensor, at: Tensor | None
    ) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            by_correlation = unit(correlated(x, fold), None if at is None else correlated(at, fold))
            parts = [(1 - self.share).sqrt() * by_ridge(x, fold, at), self.share.sqrt() * by_correlation]
            return torch.cat(parts, dim=1)


def fit_closed_form(query: Tensor, answer: Tensor, fold: Tensor) -> tuple[ClosedForm, float]:
    """Return the likeness by regression and correlations on training pairs, and its temperature.

    The share of the correlations is the one by which the pairs of a fold find each other best, seen by maps
    that were fitted without them, as are the settings of both.

    Args:
        query: The one modality of the training pairs, [T, P].
        answer: The other one, [T, Q].
        fold: The fold of each, int64 [T]; see :func:`~mmgraph.tasks.fold_maps.deal`.
    """
    query, answer = query.float(), answer.float()
    ridge, canonical = fit_ridge(query, answer, fold)[0], fit_canonical(query, answer, fold)
    tried = []
    for share in SHARES:
        found = ClosedForm(ridge, canonical, share)
        sides = found(query, answer, fold)
        tried.append((*least_loss(sides[0], sides[1], fold), found))
    _, temperature, best = min(tried, key=lambda each: each[0])
    return best, temperature
