"""Conditions on columns, such as ``colour=red`` and ``price<10``, that entities have to meet."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
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
}
_PATTERN = re.compile(r"\s*([^=!<>]+?)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """One condition.

    Args:
        column: The column.
        sign: ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``.
        value: What a cell is compared with; numbers if both are numbers. An empty cell meets only ``=`` with
            nothing.

    Example:
        >>> Condition.of("price <= 9.5")
        Condition(column='price', sign='<=', value='9.5')
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
        return cls(*match.groups())

    def met(self, cells: pd.Series[Any]) -> NDArray[np.bool_]:
        """Return which cells meet it, bool [N].

        Raises:
            ConfigError: If ``<`` and its like are asked of something that is no number.
        """
        column = Column(cells, self.column, "the entities")
        missing, compare = column.missing, _OPERATORS[self.sign]
        if not self.value:
            return missing if self.sign == "=" else ~missing
        text = column.text()
        numbers = pd.to_numeric(pd.Series(text, dtype=object), errors="coerce").to_numpy(np.float64)
        wanted = pd.to_numeric(self.value, errors="coerce")
        comparable = not np.isnan(wanted) and not np.isnan(numbers[~missing]).any()
        if not comparable and self.sign not in ("=", "!="):
            came = f"{self.value!r}" if np.isnan(wanted) else f"the column {self.column!r}, which holds text"
            raise ConfigError(
                f"got {came}; wanted numbers to compare by {self.sign}",
                where=f"--where {self.column}{self.sign}{self.value}",
                fix="Compare text by = or !=.",
            )
        result = compare(numbers, wanted) if comparable else compare(text, self.value)
        return np.asarray(result, dtype=bool) & ~missing


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
