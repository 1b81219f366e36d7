"""How one column of a table becomes numbers: a number, a category or a date; fitted on training rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.encoders.number_scale import Method, NumberScale

_MONTHS, _LONGEST_MONTH, _LONGEST_YEAR = 12, 31, 366


class ColumnCode(ABC):
    """Turns the cells of a column into ``width`` numbers each; an empty cell becomes zeros."""

    kind: ClassVar[str]
    """How the column is read: ``numeric``, ``categorical`` or ``date``."""

    @property
    @abstractmethod
    def width(self) -> int:
        """How many numbers a cell becomes."""

    @abstractmethod
    def __call__(self, cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return the numbers of cells, [M, width]."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs, as JSON values."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the code that `state` came from."""


@dataclass(frozen=True)
class NumberCode(ColumnCode):
    """A number on its scale.

    Args:
        scale: Fitted on the training cells.
    """

    kind: ClassVar[str] = "numeric"
    scale: NumberScale

    @classmethod
    def fit(cls, cells: pd.Series[Any], *, method: Method) -> NumberCode:
        """Return the code that suits training cells."""
        return cls(NumberScale.fit(cells.to_numpy(np.float64), method=method))

    @property
    def width(self) -> int:
        """One."""
        return 1

    def __call__(self, cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return the scaled numbers, [M, 1]."""
        return self.scale(cells.to_numpy(np.float64))[:, None]

    def state(self) -> dict[str, Any]:
        """Return the scale."""
        return asdict(self.scale)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> NumberCode:
        """Return the code with this scale."""
        return cls(NumberScale(**state))


@dataclass(frozen=True)
class CategoryCode(ColumnCode):
    """One-hot: a column for each common category and one for all rare ones; an unknown one is all zeros.

    Args:
        common: The categories with a column of their own, sorted.
        rare: The other ones of the training cells, sorted; they share a column.
    """

    kind: ClassVar[str] = "categorical"
    common: list[str]
    rare: list[str]

    @classmethod
    def fit(cls, cells: pd.Series[Any], *, min_count: int, max_categories: int) -> CategoryCode:
        """Return the code that suits training cells.

        Args:
            cells: Text, or nothing where a cell is empty.
            min_count: The fewest cells that make a category a common one.
            max_categories: The most common ones; among equally common ones the alphabet decides.
        """
        counts = Counter(cells.dropna())
        ranked = sorted(counts, key=lambda category: (-counts[category], category))
        common = [category for category in ranked[:max_categories] if counts[category] >= min_count]
        return cls(sorted(common), sorted(set(counts).difference(common)))

    @property
    def width(self) -> int:
        """One for each common category, and one for the rare ones if there are any."""
        return len(self.common) + bool(self.rare)

    def __call__(self, cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return zeros and ones, [M, width]."""
        position = {category: i for i, category in enumerate(self.common)}
        position |= dict.fromkeys(self.rare, len(self.common))
        columns = np.array([position.get(cell, -1) for cell in cells], dtype=np.int64)
        one_hot: npt.NDArray[np.bool_] = columns[:, None] == np.arange(self.width)
        return one_hot.astype(np.float64)

    def state(self) -> dict[str, Any]:
        """Return the categories."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> CategoryCode:
        """Return the code with these categories."""
        return cls(**state)


@dataclass(frozen=True)
class DateCode(ColumnCode):
    """The year with its fraction, on a scale, and month and day of the month as points on circles.

    Args:
        year: Fitted on the training cells.
    """

    kind: ClassVar[str] = "date"
    year: NumberScale

    @classmethod
    def fit(cls, cells: pd.Series[Any]) -> DateCode:
        """Return the code that suits training cells."""
        return cls(NumberScale.fit(_years(cells), method="standard"))

    @property
    def width(self) -> int:
        """Five: the year, and two for each circle."""
        return 5

    def __call__(self, cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return year, month and day, [M, 5]."""
        month = (cells.dt.month.to_numpy(np.float64) - 1) / _MONTHS
        day = (cells.dt.day.to_numpy(np.float64) - 1) / _LONGEST_MONTH
        angles = 2 * np.pi * np.stack([month, day], axis=1)
        circles = np.nan_to_num(np.concatenate([np.sin(angles), np.cos(angles)], axis=1), nan=0.0)
        return np.concatenate([self.year(_years(cells))[:, None], circles], axis=1)

    def state(self) -> dict[str, Any]:
        """Return the scale of the year."""
        return asdict(self.year)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> DateCode:
        """Return the code with this scale of the year."""
        return cls(NumberScale(**state))


def _years(cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Return 2024.5 for the middle of 2024, NaN for an empty cell."""
    year: npt.NDArray[np.float64] = cells.dt.year.to_numpy(np.float64)
    fraction: npt.NDArray[np.float64] = (cells.dt.day_of_year.to_numpy(np.float64) - 1) / _LONGEST_YEAR
    return year + fraction
