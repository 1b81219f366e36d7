"""Feature vectors computed elsewhere: zero mean and unit variance, or as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.affine import Affine
from mmgraph.encoders.encoder import Arrays, Encoder, State
from mmgraph.errors import DataError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS


@ENCODERS.register("standardise")
@dataclass(kw_only=True, eq=False)
class Standardise(Encoder[npt.NDArray[Any], Affine]):
    """Features: each column with zero mean and unit variance over the training rows, or left as it is.

    Args:
        method: ``standard``, or ``none`` to leave the vectors as they are.

    Example:
        >>> scale = Standardise()
        >>> scale.fit(np.array([[0.0], [2.0]]))
        >>> scale.transform(np.array([[4.0]])).tolist()
        [[3.0]]
    """

    kind: ClassVar[str] = "features"
    version: ClassVar[int] = 1

    method: Annotated[
        Literal["standard", "none"], Field(description="standard, or none to leave the vectors as they are.")
    ] = "standard"

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[Any]:  # noqa: ARG002 - instant
        """Return the vectors as they are, float32 [M, D]."""
        return np.asarray(raw.values, dtype=np.float32)

    def fit(self, described: npt.NDArray[Any]) -> None:
        """Learn mean and spread of each column, unless the vectors stay as they are."""
        width = described.shape[1]
        self._fitted = (
            Affine.standardising(described)
            if self.method == "standard"
            else Affine(np.zeros(width), np.ones(width))
        )

    def transform(self, described: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the scaled vectors, float32 [M, D].

        Raises:
            DataError: If they are not as wide as those that the encoder was fitted on.
        """
        scale = self.fitted
        if described.shape[1:] != scale.shift.shape:
            raise DataError(
                f"got vectors of width {described.shape[1]}; wanted {len(scale.shift)}, as when fitted",
                where="standardise",
                fix="Give features that were made in the same way.",
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
