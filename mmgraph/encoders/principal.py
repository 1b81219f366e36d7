"""Principal components of blocks of columns, fitted so that the same rows always give the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.encoders.affine import Affine
from mmgraph.encoders.encoder import Arrays
from mmgraph.encoders.one_thread import one_thread

_NEGLIGIBLE = 1e-10
"""Components with less than this share of the greatest variance are rounding."""


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """Balances blocks of columns and projects them onto the directions in which training rows vary most.

    One factor for all components gives them a mean variance of 1 and keeps their proportions, so that
    distances between vectors still mean what they did: each scaled to unit variance, noise would count as
    much as the first component.

    Args:
        scale: Balances the blocks, D columns.
        directions: float64 [D, C].
    """

    scale: Affine
    directions: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, rows: npt.NDArray[Any], *, widths: Sequence[int], components: int) -> PrincipalComponents:
        """Return the principal components of training rows.

        Args:
            rows: [N, D], N of at least 1.
            widths: The number of columns of each block; they add up to D.
            components: How many to keep; fewer where the rows vary in fewer directions, but at least one.
        """
        scale = Affine.balancing(rows, widths)
        balanced = scale(rows)
        with one_thread():
            variance, directions = _most_varying(balanced, components)
        if not len(variance):
            return cls(scale, np.zeros((balanced.shape[1], 1)))
        return cls(scale, _signed(directions) / np.sqrt(variance.mean()))

    @property
    def channels(self) -> int:
        """The number of components."""
        return int(self.directions.shape[1])

    def __call__(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the components of rows [M, D], float32 [M, C]."""
        with one_thread():
            projected: npt.NDArray[np.float64] = self.scale(rows) @ self.directions
        return projected.astype(np.float32)

    def arrays(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return what `from_arrays` needs."""
        return {"shift": self.scale.shift, "factor": self.scale.factor, "directions": self.directions}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> PrincipalComponents:
        """Return the components that `arrays` came from."""
        return cls(Affine(arrays["shift"], arrays["factor"]), arrays["directions"])


def _most_varying(
    rows: npt.NDArray[np.float64], number: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the variance of rows [N, D] in the directions of most variance, [C], and these [D, C].

    A full eigendecomposition, which has neither a random start nor a tolerance, of the smaller of the two
    matrices that have the same eigenvalues: the covariance [D, D] or the products of the rows [N, N].
    """
    few = rows.shape[0] < rows.shape[1]
    variance, vectors = np.linalg.eigh((rows @ rows.T if few else rows.T @ rows) / len(rows))
    first = np.argsort(-variance, kind="stable")[:number]
    first = first[variance[first] > _NEGLIGIBLE * max(variance[-1], 0.0)]
    variance, vectors = variance[first], vectors[:, first]
    return variance, rows.T @ vectors / np.sqrt(variance * len(rows)) if few else vectors


def _signed(directions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Turn every direction so that its largest entry is positive: the sign is arbitrary otherwise."""
    largest = np.abs(directions).argmax(axis=0)
    signs = np.sign(directions[largest, np.arange(directions.shape[1])])
    signed: npt.NDArray[np.float64] = directions * signs
    return signed
