"""How one column of a table becomes numbers: a number, category, rank or date; fitted on training rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.encoders.encoder import Arrays
from mmgraph.encoders.fourier import fourier, fourier_names
from mmgraph.encoders.number_scale import Method, NumberScale

_MONTHS, _LONGEST_MONTH, _LONGEST_YEAR, _WEEK, _DAY = 12, 31, 366, 7, 86_400


class ColumnCode(ABC):
    """Turns the cells of a column into ``width`` numbers each.

    An empty cell becomes the mean of the training cells where these have one: of a number, a rank or a place.
    The others become zeros, which no cell of theirs has.
    """

    kind: ClassVar[str]
    """How the column is read, as ``dataset.yaml`` has it."""

    @property
    @abstractmethod
    def width(self) -> int:
        """How many numbers a cell becomes."""

    @abstractmethod
    def __call__(self, cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return the numbers of cells, [M, width]."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return what each of the numbers stands for, [width]; empty for the cell itself."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs, as JSON values."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that `from_state` needs, by name."""
        return {}

    @classmethod
    @abstractmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Arrays) -> Self:
        """Return the code that `state` and `arrays` came from."""


@dataclass(frozen=True)
class NumberCode(ColumnCode):
    """A number on its scale, and waves of it.

    Args:
        scale: Fitted on the training cells.
        frequencies: How many sines and cosines of it there are, see :func:`mmgraph.encoders.fourier.fourier`.
    """

    kind: ClassVar[str] = "numeric"
    scale: NumberScale
    frequencies: int = 0

    @classmethod
    def fit(cls, cells: pd.Series[Any], *, method: Method, frequencies: int = 0) -> NumberCode:
        """Return the code that suits training cells."""
        return cls(NumberScale.fit(cells.to_numpy(np.float64), method=method), frequencies)

    @property
    def width(self) -> int:
        """One, and two for each frequency."""
        return 1 + 2 * self.frequencies

    def __call__(self, cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return the scaled numbers and their waves, [M, width]."""
        values = cells.to_numpy(np.float64)
        scaled = self.scale(values)[:, None]
        waves = np.where(np.isnan(values)[:, None], 0.0, fourier(scaled, self.frequencies))
        return np.concatenate([scaled, waves], axis=1)

    def names(self) -> list[str]:
        """Return nothing for the number, and the name of each wave."""
        return ["", *fourier_names([""], self.frequencies)]

    def state(self) -> dict[str, Any]:
        """Return the scale and the number of frequencies."""
        return {**asdict(self.scale), "frequencies": self.frequencies}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Arrays) -> NumberCode:  # noqa: ARG003 - JSON holds all
        """Return the code with this scale; one that was kept before there were waves has none."""
        scale = {name: value for name, value in state.items() if name != "frequencies"}
        return cls(NumberScale(**scale), state.get("frequencies", 0))


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

    def names(self) -> list[str]:
        """Return the categories, and what the rare ones share."""
        return [*self.common, *(["a rare one"] if self.rare else [])]

    def state(self) -> dict[str, Any]:
        """Return the categories."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Arrays) -> CategoryCode:  # noqa: ARG003 - JSON holds all
        """Return the code with these categories."""
        return cls(**state)


@dataclass(frozen=True)
class OrdinalCode(ColumnCode):
    """Thermometer code of categories with an order: a one for each step that is reached.

    Neighbours differ in one number, and how far each step goes is left to the model.

    Args:
        order: The categories, from the least to the most.
        reached: The share of the training cells that reach each step, which an empty cell becomes.
    """

    kind: ClassVar[str] = "ordinal"
    order: list[str]
    reached: list[float]

    @classmethod
    def fit(cls, cells: pd.Series[Any]) -> OrdinalCode:
        """Return the code that suits training cells, which are of a type with categories."""
        order = [str(name) for name in cells.cat.categories]
        known = cells.dropna()
        steps = cls(order, [0.5] * (len(order) - 1))
        return cls(order, steps(known).mean(axis=0).tolist()) if len(known) else steps

    @property
    def width(self) -> int:
        """One for each category but the least."""
        return len(self.order) - 1

    def __call__(self, cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return zeros and ones, [M, width], and shares of the training cells where a cell is empty."""
        position = {category: i for i, category in enumerate(self.order)}
        ranks = np.array(
            [-1 if pd.isna(cell) else position.get(str(cell), -1) for cell in cells], dtype=np.int64
        )[:, None]
        steps: npt.NDArray[np.float64] = (ranks > np.arange(self.width)).astype(np.float64)
        return np.where(ranks < 0, np.array(self.reached), steps)

    def names(self) -> list[str]:
        """Return from which category on each of the numbers is one."""
        return [f"{name} or more" for name in self.order[1:]]

    def state(self) -> dict[str, Any]:
        """Return the order."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Arrays) -> OrdinalCode:  # noqa: ARG003 - JSON holds all
        """Return the code with this order; to one that kept no shares an empty cell is the least."""
        return cls(state["order"], state.get("reached", [0.0] * (len(state["order"]) - 1)))


@dataclass(frozen=True)
class DateCode(ColumnCode):
    """The year with its fraction, on a scale, and what comes round as points on circles.

    Args:
        year: Fitted on the training cells.
        circles: What comes round: the month and the day of the month; where training cells have a time of
            day, the day of the week and the time as well.
    """

    kind: ClassVar[str] = "date"
    year: NumberScale
    circles: tuple[str, ...] = ("month", "day")

    @classmethod
    def fit(cls, cells: pd.Series[Any]) -> DateCode:
        """Return the code that suits training cells."""
        known = cells.dropna()
        timed = bool((known != known.dt.normalize()).any())
        circles = ("month", "day", "weekday", "time") if timed else ("month", "day")
        return cls(NumberScale.fit(_years(cells), method="standard"), circles)

    @property
    def width(self) -> int:
        """The year, and two for each circle."""
        return 1 + 2 * len(self.circles)

    def __call__(self, cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return the year and the sines and then the cosines of the circles, [M, width]."""
        turns = np.stack([_CIRCLES[name](cells) for name in self.circles], axis=1)
        angles = 2 * np.pi * turns
        circles = np.nan_to_num(np.concatenate([np.sin(angles), np.cos(angles)], axis=1), nan=0.0)
        return np.concatenate([self.year(_years(cells))[:, None], circles], axis=1)

    def names(self) -> list[str]:
        """Return the year, and the sine and cosine of each circle."""
        return ["year", *(f"{wave} of {name}" for wave in ("sine", "cosine") for name in self.circles)]

    def state(self) -> dict[str, Any]:
        """Return the scale of the year and the names of the circles."""
        return {**asdict(self.year), "circles": list(self.circles)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Arrays) -> DateCode:  # noqa: ARG003 - JSON holds all
        """Return the code with this scale of the year; one kept before there were times has two circles."""
        scale = {name: value for name, value in state.items() if name != "circles"}
        return cls(NumberScale(**scale), tuple(state.get("circles", ("month", "day"))))


_CIRCLES: dict[str, Callable[[pd.Series[Any]], npt.NDArray[np.float64]]] = {
    "month": lambda cells: (cells.dt.month.to_numpy(np.float64) - 1) / _MONTHS,
    "day": lambda cells: (cells.dt.day.to_numpy(np.float64) - 1) / _LONGEST_MONTH,
    "weekday": lambda cells: cells.dt.day_of_week.to_numpy(np.float64) / _WEEK,
    "time": lambda cells: (cells - cells.dt.normalize()).dt.total_seconds().to_numpy(np.float64) / _DAY,
}
"""How far round each circle a date is, from 0 to 1."""


def _years(cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Return 2024.5 for the middle of 2024, NaN for an empty cell."""
    year: npt.NDArray[np.float64] = cells.dt.year.to_numpy(np.float64)
    fraction: npt.NDArray[np.float64] = (cells.dt.day_of_year.to_numpy(np.float64) - 1) / _LONGEST_YEAR
    return year + fraction
