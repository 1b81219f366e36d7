"""Canonical correlation analysis: directions in which two views of the same things agree most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class CCA:
    r"""Two linear maps into one space, fitted in closed form on pairs.

    They maximise the correlation of the two images, dimension by dimension: with the covariances
    :math:`C_{xx}, C_{yy}, C_{xy}` they are :math:`C_{xx}^{-1/2} U` and :math:`C_{yy}^{-1/2} V`, where
    :math:`C_{xx}^{-1/2} C_{xy} C_{yy}^{-1/2} = U S V^\top`. Each dimension is scaled by its correlation, so
    that those in which the views agree count most. The covariance of both views together is shrunk towards
    a diagonal, without which few pairs of many dimensions agree by chance alone.

    H. Hotelling, "Relations between two sets of variates", https://doi.org/10.1093/biomet/28.3-4.321;
    H. D. Vinod, "Canonical ridge", https://doi.org/10.1016/0304-4076(76)90010-5

    Args:
        means: The mean of each view, float64 [P] and [Q].
        maps: The map of each view, float64 [P, C] and [Q, C].
        correlations: How much the images agree in each dimension, from the most on, float64 [C].

    Example:
        >>> x = np.array([[1.0, 0.0], [-1.0, 1.0], [0.0, -1.0], [2.0, 1.0]])
        >>> cca = CCA.fit(x, x[:, ::-1] * 3, components=2, shrinkage=0.0)
        >>> bool(np.allclose(cca.place(0, x), cca.place(1, x[:, ::-1] * 3)))
        True
    """

    means: tuple[NDArray[np.float64], NDArray[np.float64]]
    maps: tuple[NDArray[np.float64], NDArray[np.float64]]
    correlations: NDArray[np.float64]

    @classmethod
    def fit(
        cls, x: NDArray[np.floating], y: NDArray[np.floating], *, components: int, shrinkage: float
    ) -> CCA:
        """Return the maps of pairs.

        Args:
            x: One view, [N, P].
            y: The other view of the same things, [N, Q].
            components: The number of dimensions, at most; fewer where either view has no more.
            shrinkage: How far covariances are drawn towards the identity, from 0 to 1.
        """
        means = x.mean(axis=0, dtype=np.float64), y.mean(axis=0, dtype=np.float64)
        one, other = x.astype(np.float64) - means[0], y.astype(np.float64) - means[1]
        roots = _inverse_root(one, shrinkage), _inverse_root(other, shrinkage)
        cross = (1 - shrinkage) * (one.T @ other) / len(one)
        u, correlations, v = np.linalg.svd(roots[0].T @ cross @ roots[1], full_matrices=False)
        kept = slice(min(components, len(correlations)))
        maps = roots[0] @ u[:, kept], roots[1] @ v.T[:, kept]
        # Of the two ways round that each dimension can have, the one whose largest weight is above 0.
        largest = np.abs(maps[0]).argmax(axis=0)
        sign = np.where(maps[0][largest, np.arange(maps[0].shape[1])] < 0, -1.0, 1.0)
        return cls(means, (maps[0] * sign, maps[1] * sign), np.clip(correlations[kept], 0, 1))

    def place(self, view: int, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the images of things, float32 [N, C].

        Args:
            view: 0 or 1.
            features: That view of them, [N, P] or [N, Q].
        """
        images = (features - self.means[view]) @ self.maps[view] * self.correlations
        return images.astype(np.float32)


def _inverse_root(view: NDArray[np.float64], shrinkage: float) -> NDArray[np.float64]:
    """Return a root of the inverse of a centred view's shrunk covariance, [P, R]; R directions vary."""
    covariance = view.T @ view / len(view)
    width = len(covariance)
    covariance = (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / width * np.eye(width)
    values, vectors = np.linalg.eigh(covariance)
    varies = values > values[-1] * width * np.finfo(np.float64).eps
    root: NDArray[np.float64] = vectors[:, varies] / np.sqrt(values[varies])
    return root
