"""Conditions on columns, such as ``colour=red`` and ``price<10``, that entities have to meet."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.data.columns import Column
from mmgraph.errors import ConfigError, Faults, did_you_mean

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "~": operator.contains,
}
_PATTERN = re.compile(r"\s*([^=!<>~]+?)\s*(==|!=|<=|>=|<>|~|=|<|>)\s*(.*?)\s*", re.DOTALL)
_MEANT = {"==": "=", "<>": "!="}
"""Signs of other languages, by which nothing else can be meant."""

_TURNED = {">": ">=", "<": "<="}
"""What ``=>`` and ``=<`` mean before a number or a date; before anything else, the value begins so."""

_MOST_NAMED = 12


@dataclass(frozen=True)
class Condition:
    """One condition.

    Args:
        column: The column.
        sign: ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``; ``~`` for text that holds another.
        value: What a cell is compared with: as numbers or as dates where both sides are such. An empty cell
            meets only ``=`` with nothing.

    Example:
        >>> Condition.of("price <= 9.5")
        Condition(column='price', sign='<=', value='9.5')
        >>> Condition.of("price=>9.5").sign
        '>='
    """

    column: str
    sign: str
    value: str

    @classmethod
    def of(cls, text: str) -> Condition:
        """Return the condition that a text says.

        Raises:
            ConfigError: If it says none.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise ConfigError(
                f"got {text!r}; wanted a column, one of {' '.join(_OPERATORS)}, and a value",
                where="--where",
                fix="Write e.g. --where 'colour=red' or --where 'price<10'.",
            )
        column, sign, value = match.groups()
        if sign == "=" and value[:1] in _TURNED and _measured([value[1:].strip()]) is not None:
            sign, value = _TURNED[value[0]], value[1:].strip()
        return cls(column, _MEANT.get(sign, sign), value)

    def met(self, cells: pd.Series[Any]) -> NDArray[np.bool_]:
        """Return which cells meet it, bool [N].

        Raises:
            ConfigError: If ``<`` and its like are asked of something that is neither number nor date.
        """
        column = Column(cells, self.column, "the entities")
        missing, compare = column.missing, _OPERATORS[self.sign]
        if not self.value:
            return missing if self.sign == "=" else ~missing
        text, given = column.text(), ~missing
        if self.sign == "~":
            return np.array([cell is not None and self.value in cell for cell in text], dtype=bool)
        both = _measured([*text[given], self.value])
        if both is not None:
            met = np.zeros(len(text), dtype=bool)
            met[given] = compare(both[:-1], both[-1])
            return met
        if self.sign not in ("=", "!="):
            unlike = next(iter(text[given][_unlike(text[given], self.value)]), "")
            raise ConfigError(
                f"got {self.value!r} and a cell {unlike!r}; wanted numbers, or dates, to compare by "
                f"{self.sign}",
                where=f"--where {self.column}{self.sign}{self.value}",
                fix="Compare text by =, != or ~; write dates as 2024-01-31.",
            )
        # Of a column that is not all numbers, those that are may be written in several ways.
        numbers = pd.to_numeric(pd.Series([*text, self.value], dtype=object), errors="coerce").to_numpy()
        equal = np.asarray(text == self.value, dtype=bool) | (numbers[:-1] == numbers[-1])
        return np.asarray(equal if self.sign == "=" else ~equal, dtype=bool) & given

    def hint(self, cells: pd.Series[Any]) -> str:
        """Return which values there are where no cell has the one that is wanted; nothing if one has."""
        if self.sign not in ("=", "~") or not self.value or self.met(cells).any():
            return ""
        values = sorted({cell for cell in Column(cells, self.column, "the entities").text() if cell})
        if self.sign == "~":
            return f"no entity has a {self.column} that holds {self.value!r}."
        if any(self.value in value for value in values):
            return f"no entity has the {self.column} {self.value!r}. Did you mean {self.column}~{self.value}?"
        alike = [value for value in values if value.casefold() == self.value.casefold()]
        near = f"Did you mean {alike[0]!r}?" if alike else ""
        if not alike and len(values) <= _MOST_NAMED:
            near = did_you_mean(self.value, values)
        return f"no entity has the {self.column} {self.value!r}. {near}".rstrip()


def _unlike(cells: NDArray[np.object_], value: str) -> NDArray[np.bool_]:
    """Return which cells are no number beside a number or no date beside a date; all beside another value."""
    series = pd.Series(cells, dtype=object)
    if not np.isnan(pd.to_numeric(value, errors="coerce")):
        return pd.to_numeric(series, errors="coerce").isna().to_numpy(bool)
    if _measured([value]) is None:
        return np.ones(len(cells), dtype=bool)
    return _as_dates(series).isna().to_numpy(bool)


def _as_dates(cells: pd.Series[Any]) -> pd.Series[Any]:
    return pd.to_datetime(cells, errors="coerce", format="ISO8601", utc=True)


def _measured(cells: list[str]) -> NDArray[np.float64] | None:
    """Return cells as numbers, as seconds if all are dates, or as ones and zeros if all are true or false;
    nothing if they are neither."""
    series = pd.Series(cells, dtype=object)
    numbers = pd.to_numeric(series, errors="coerce").to_numpy(np.float64)
    if not np.isnan(numbers).any():
        return numbers
    folded = series.str.casefold()
    if folded.isin(["true", "false"]).all():
        return np.asarray(folded == "true", dtype=np.float64)
    dates = _as_dates(series)
    return None if dates.isna().any() else np.asarray(dates.astype("int64"), dtype=np.float64)


def rows_that_meet(table: pd.DataFrame, where: Sequence[str]) -> NDArray[np.int64]:
    """Return the rows of a table that meet all of some conditions, int64 [R].

    Raises:
        ConfigError: If a condition cannot be read, or names no column: all faults at once.
    """
    met, faults = np.ones(len(table), dtype=bool), Faults()
    for text in where:
        try:
            condition = Condition.of(text)
            if condition.column not in table:
                raise ConfigError(
                    f"there is no column {condition.column!r}",
                    where=f"--where {text}",
                    fix=f"{did_you_mean(condition.column, table.columns)} --table FILE brings others.",
                )
            met &= condition.met(table[condition.column])
        except ConfigError as error:
            faults.extend(error)
    faults.raise_if_any(ConfigError)
    return np.flatnonzero(met)


def hints(table: pd.DataFrame, where: Iterable[str]) -> list[str]:
    """Return why some conditions that can be read leave nothing, each in a sentence; see `Condition.hint`."""
    conditions = [Condition.of(text) for text in where]
    return [hint for each in conditions if (hint := each.hint(table[each.column]))]
