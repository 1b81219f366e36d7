"""Descriptions of items that have several rows each, and not all as many: the tokens of texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of items, those of an item together and in order.

    Args:
        values: [L, D]; of a table its cells.
        lengths: How many rows each item has, at least 1, int64 [M]; they add up to L.

    Example:
        >>> words = Ragged.of([np.ones((2, 3)), np.zeros((1, 3))])
        >>> len(words), words.item.tolist(), words.position.tolist()
        (2, [0, 0, 1], [0, 1, 0])
    """

    values: Any
    lengths: npt.NDArray[np.int64]

    @classmethod
    def of(cls, parts: Sequence[npt.NDArray[Any]]) -> Ragged:
        """Return the rows of items, at least one, [L, D] each."""
        return cls(np.concatenate(parts), np.array([len(part) for part in parts], dtype=np.int64))

    @property
    def item(self) -> npt.NDArray[np.int64]:
        """The item of each row, int64 [L]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def position(self) -> npt.NDArray[np.int64]:
        """The position of each row among those of its item, int64 [L]."""
        first = np.cumsum(self.lengths) - self.lengths
        return np.arange(len(self.values)) - np.repeat(first, self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        return iter(np.split(self.values, np.cumsum(self.lengths)[:-1]))
