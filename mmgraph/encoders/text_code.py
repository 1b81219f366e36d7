"""How a column of short texts becomes numbers, fitted on training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.column_codes import ColumnCode
from mmgraph.encoders.encoder import Arrays
from mmgraph.encoders.hashed_ngrams import HashedNGrams
from mmgraph.progress import Progress

_BUCKETS = 512


@dataclass(frozen=True, eq=False)
class TextCode(ColumnCode):
    """The words and runs of characters of a cell, on the principal components of the training cells.

    Args:
        encoder: Fitted on the training cells that hold text; nothing if none does.
    """

    kind: ClassVar[str] = "text"
    encoder: HashedNGrams | None

    @classmethod
    def fit(cls, cells: pd.Series[Any], *, components: int) -> TextCode:
        """Return the code that suits training cells.

        Args:
            cells: Text, or nothing where a cell is empty.
            components: The most numbers that a cell becomes.
        """
        known = cells.dropna()
        if not len(known):
            return cls(None)
        encoder = HashedNGrams(buckets=_BUCKETS, components=components)
        encoder.fit(_described(encoder, known))
        return cls(encoder)

    @property
    def width(self) -> int:
        """The number of components."""
        return 0 if self.encoder is None else self.encoder.channels

    def __call__(self, cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return the components of each text, [M, width]; zeros where a cell is empty."""
        numbers = np.zeros((len(cells), self.width))
        known = cells.notna().to_numpy(bool)
        if self.encoder is not None and known.any():
            numbers[known] = self.encoder.transform(_described(self.encoder, cells[known]))
        return numbers

    def names(self) -> list[str]:
        """Return the numbers of the components."""
        return [f"component {number}" for number in range(1, self.width + 1)]

    def state(self) -> dict[str, Any]:
        """Return how many components were asked for; nothing if there was no text."""
        return {"components": None if self.encoder is None else self.encoder.components}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the projection."""
        return {} if self.encoder is None else self.encoder.fitted_state()[1]

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Arrays) -> TextCode:
        """Return the code with this projection."""
        if state["components"] is None:
            return cls(None)
        encoder = HashedNGrams(buckets=_BUCKETS, components=state["components"])
        encoder.restore({}, arrays)
        return cls(encoder)


def _described(encoder: HashedNGrams, cells: pd.Series[Any]) -> npt.NDArray[np.float32]:
    raw = RawModality("text", np.arange(len(cells)), [str(cell) for cell in cells])
    return encoder.describe(raw, Progress(quiet=True))
