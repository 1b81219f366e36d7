"""Conditions on columns, such as ``colour=red`` and ``price<10``, that entities have to meet."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.data.columns import Column
from mmgraph.data.entity_table import check_entity_table
from mmgraph.data.spec import EntitySpec
from mmgraph.data.tables import read_table
from mmgraph.errors import ConfigError, Faults, did_you_mean
from mmgraph.graph import Graph

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


def filter_table(graph: Graph, entity: str, table: str | Path | pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the columns that conditions may name, one row for each entity of a type.

    Args:
        graph: The graph, which keeps ``id``, ``title``, and for each task its target, under the name of its
            column, and ``split:TASK``.
        entity: The entity type.
        table: A table with further columns, such as the one that the graph was built from; rows are found
            by its column of ids, and entities that it does not name have empty cells.

    Raises:
        DataError: If the table cannot be read, or an id is missing in it or stands twice.
        ConfigError: If the table names none of the entities.
    """
    nodes = graph.nodes[entity]
    columns = {"id": nodes["id"], "title": nodes["title"]}
    for name, task in graph.entity_tasks.items():
        if task.entity == entity:
            columns[task.target] = nodes[f"target:{name}"]
    columns |= {str(name): nodes[name] for name in nodes if str(name).startswith("split:")}
    found = pd.DataFrame(columns)
    if table is None:
        return found
    described = graph.manifest.get("dataset", {}).get("spec", {}).get("entities", {}).get(entity, {})
    id_column = described.get("id", "id")
    frame = table if isinstance(table, pd.DataFrame) else read_table(Path(table))
    file = "the table" if isinstance(table, pd.DataFrame) else str(table)
    spec = EntitySpec(table=file, values_of=None, id=id_column, title=None, time=None)
    checked = check_entity_table(frame, spec, file=file, where="--table")
    place = {name: row for row, name in enumerate(checked.ids)}
    rows = np.array([place.get(name, -1) for name in nodes["id"]], dtype=np.int64)
    if (rows < 0).all():
        raise ConfigError(
            f"{file} names none of the {counted(len(nodes), 'entity', 'entities')} in {id_column!r}",
            where="--table",
            fix="Give a table of the same entities.",
        )
    for name in checked.frame.columns.drop(id_column):
        cells = checked.frame[name].astype(object).to_numpy()[rows]
        cells[rows < 0] = None
        found[str(name)] = pd.Series(cells, dtype=object)
    return found
