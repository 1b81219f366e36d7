"""Feature vectors computed elsewhere: zero mean and unit variance, or as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.affine import Affine
from mmgraph.encoders.scaled import ScaledEncoder
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS


@ENCODERS.register("standardise")
@dataclass(kw_only=True, eq=False)
class Standardise(ScaledEncoder):
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

    _where: ClassVar[str | None] = "standardise"
    _fix: ClassVar[str] = "Give features that were made in the same way."

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
