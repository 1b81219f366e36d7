"""The space in which vectors are near to each other: where its origin lies, and how long its unit is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Metric = Literal["cosine", "euclidean"]


@dataclass(frozen=True, eq=False)
class VectorSpace:
    """Places vectors so that products of single precision rank their neighbours well.

    By the cosine every vector gets the length 1. By the Euclidean distance the known vectors' mean moves to 0
    and all are scaled alike, which changes no ranking and keeps products precise.

    Args:
        metric: How near is measured.
        centre: What moves to 0, float64 [D].
        unit: The length that becomes 1.

    Example:
        >>> space = VectorSpace.of(np.array([[0.0, 0.0], [0.0, 6.0]], np.float32), "euclidean")
        >>> space.place(np.array([[3.0, 3.0]], np.float32)).tolist(), space.unit
        ([[1.0, 0.0]], 3.0)
    """

    metric: Metric
    centre: NDArray[np.float64]
    unit: float

    @classmethod
    def of(cls, features: NDArray[np.float32], metric: Metric) -> VectorSpace:
        """Return the space of known vectors, float32 [N, D]."""
        if metric == "cosine" or not len(features):
            return cls(metric, np.zeros(features.shape[1]), 1.0)
        centre = features.mean(axis=0, dtype=np.float64)
        longest = np.linalg.norm(features - centre, axis=1).max()
        return cls(metric, centre, float(longest) or 1.0)

    def place(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return vectors in this space, float32 [N, D]; a vector of zeros has no direction and stays."""
        if self.metric == "euclidean":
            return ((features - self.centre) / self.unit).astype(np.float32)
        wide = features.astype(np.float64)
        length = np.linalg.norm(wide, axis=1, keepdims=True)
        # Plus 0 makes of -0 a 0, so that vectors that are equal have equal bytes.
        return (wide / np.where(length > 0, length, 1.0) + 0.0).astype(np.float32)

    def distance(self, similarity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return distances in the unit of the features; a similarity is minus a squared distance here."""
        return np.sqrt(-similarity) * self.unit
