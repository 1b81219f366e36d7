"""Encoders that a pre-trained model describes items for, which stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mmgraph.encoders.affine import Affine
from mmgraph.encoders.encoder import Arrays, Encoder, State
from mmgraph.errors import DataError


@dataclass(kw_only=True, eq=False)
class FrozenEncoder(Encoder[npt.NDArray[Any], Affine]):
    """Base of encoders whose descriptions, float32 [M, D], a frozen model makes.

    Only the scale is fitted: zero mean, and one factor for all channels, which gives the training items a
    mean variance of 1 and leaves the proportions of the model's space as they are.
    """

    cached: ClassVar[bool] = True

    def fit(self, described: npt.NDArray[Any]) -> None:
        """Learn the mean of the training vectors and their spread."""
        width = described.shape[1]
        balanced = Affine.balancing(described, [width])
        self._fitted = Affine(balanced.shift, balanced.factor * np.sqrt(width))

    def transform(self, described: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the scaled vectors, float32 [M, D].

        Raises:
            DataError: If they are of another model, with another width.
        """
        scale = self.fitted
        if described.shape[1:] != scale.shift.shape:
            raise DataError(
                f"got vectors of width {described.shape[1]}; wanted {len(scale.shift)}, as when fitted",
                where=type(self).__name__,
                fix="Use the model that the encoder was fitted with.",
            )
        return scale(described).astype(np.float32)

    @property
    def channels(self) -> int:
        """The width of the vectors."""
        return len(self.fitted.shift)

    def fitted_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return mean and spread."""
        return {}, {"shift": self.fitted.shift, "factor": self.fitted.factor}

    def restore(self, state: State, arrays: Arrays) -> None:  # noqa: ARG002 - all is in the arrays
        """Take over mean and spread."""
        self._fitted = Affine(arrays["shift"], arrays["factor"])
