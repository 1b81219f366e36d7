"""Encoders that a pre-trained model describes items for, which stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mmgraph.encoders.affine import Affine
from mmgraph.encoders.scaled import ScaledEncoder


@dataclass(kw_only=True, eq=False)
class FrozenEncoder(ScaledEncoder):
    """Base of encoders whose descriptions, float32 [M, D], a frozen model makes.

    Only the scale is fitted: zero mean, and one factor for all channels, which gives the training items a
    mean variance of 1 and leaves the proportions of the model's space as they are.
    """

    cached: ClassVar[bool] = True

    _fix: ClassVar[str] = "Use the model that the encoder was fitted with."

    def fit(self, described: npt.NDArray[Any]) -> None:
        """Learn the mean of the training vectors and their spread."""
        width = described.shape[1]
        balanced = Affine.balancing(described, [width])
        self._fitted = Affine(balanced.shift, balanced.factor * np.sqrt(width))
