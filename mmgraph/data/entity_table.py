"""The table of an entity type: one row for each entity, each with an id of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmgraph.data.cell_values import cell_values
from mmgraph.data.columns import Column, pick, row_numbers, shorten
from mmgraph.data.files import file_inside
from mmgraph.data.spec import EntitySpec, ValuesOf
from mmgraph.data.tables import read_table
from mmgraph.errors import DataError, Faults

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class EntityTable:
    """A table whose ids have been checked.

    Args:
        frame: The rows in the order of the file; the id column holds text.
        ids: The id of each row, unique.
        file: The table's file, for messages.
    """

    frame: pd.DataFrame
    ids: list[str]
    file: str

    def column(self, name: str, *, where: str) -> Column:
        """Return a column; ``where`` is the key in ``dataset.yaml`` that names it.

        Raises:
            DataError: If there is no such column.
        """
        return pick(self.frame, name, file=self.file, where=where, ids=self.ids)


def read_entity_table(spec: EntitySpec, folder: Path, *, where: str) -> EntityTable:
    """Return the table of an entity type.

    Args:
        spec: The entity type.
        folder: The folder of the dataset.
        where: The place of ``spec``, e.g. ``dataset.yaml: entities.glyph``.

    Raises:
        DataError: If the table cannot be read or has no rows, or if an id is missing or stands twice.
    """
    assert spec.table is not None, "an entity type of values has no table"
    path = file_inside(folder, spec.table, where=f"{where}.table")
    frame = read_table(path)
    if frame.empty:
        raise DataError(
            "the table has no rows; wanted at least one entity", where=str(path), fix="Fill the table."
        )
    column = pick(frame, spec.id, file=str(path), where=f"{where}.id")
    ids = column.id_texts()
    faults = Faults()
    _note_missing(column, faults)
    _note_twins(ids, column, faults)
    _note_padded(ids, column, faults)
    faults.raise_if_any(DataError)
    return EntityTable(frame.assign(**{spec.id: ids}), list(ids), str(path))


def value_table(values_of: ValuesOf, table: EntityTable, *, where: str) -> EntityTable:
    """Return the table of an entity type that consists of the values of a column, in their order as text.

    Args:
        values_of: The column.
        table: The table that holds the column.
        where: The place of ``values_of``, e.g. ``dataset.yaml: entities.tag.values_of``.

    Raises:
        DataError: If there is no such column, or no value in it.
    """
    column = table.column(values_of.column, where=f"{where}.column")
    _, values = cell_values(column.values, values_of.separator)
    ids = sorted(set(values))
    if not ids:
        raise DataError(
            f"got {values_of.column!r}, whose cells are all empty; wanted at least one value",
            where=f"{where}.column",
            fix="Choose another column, or leave the entity type out.",
        )
    return EntityTable(pd.DataFrame({"id": pd.Series(ids, dtype=object)}), ids, table.file)


def _note_missing(column: Column, faults: Faults) -> None:
    rows = np.flatnonzero(column.missing)
    if len(rows):
        faults.add(
            f"{column.file}: column {column.name!r}, {row_numbers(rows)}",
            "got an empty cell; wanted an id",
            "Give every entity an id.",
        )


def _note_padded(ids: np.ndarray, column: Column, faults: Faults) -> None:
    rows = np.flatnonzero([name is not None and name != name.strip() for name in ids])
    if len(rows):
        more = f" (also in {row_numbers(rows[1:])})" if len(rows) > 1 else ""
        faults.add(
            f"{column.file}: column {column.name!r}, row {rows[0] + 1}",
            f"got {shorten(ids[rows[0]])}; wanted an id without spaces around it{more}",
            "Remove the spaces: they would keep tables that name the entity from finding it.",
        )


def _note_twins(ids: np.ndarray, column: Column, faults: Faults) -> None:
    twins = pd.Series(ids, dtype=object)
    twins = twins[twins.notna() & twins.duplicated(keep=False)]
    if twins.empty:
        return
    groups = twins.groupby(twins, sort=False).groups
    shown = [
        f"{shorten(name)} in {row_numbers(np.asarray(rows))}" for name, rows in list(groups.items())[:_SHOWN]
    ]
    more = f" and {len(groups) - _SHOWN} more ids" if len(groups) > _SHOWN else ""
    faults.add(
        f"{column.file}: column {column.name!r}",
        f"ids stand more than once: {'; '.join(shown)}{more}",
        "Remove the rows or rename them: an id stands for one entity.",
    )
