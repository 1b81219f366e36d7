"""The table of an entity type: one row for each entity, each with an id of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

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

    Its rows are sorted by id, short ones first and else as text sorts (``p2`` before ``p10``), so that it
    does not matter how they stand in the file.

    Args:
        frame: The rows; the id column holds text.
        ids: The id of each row, unique.
        file: The table's file, for messages.
        rows: The row of the file in which each stands, counted from 0, int64 [N]; nothing where the file is
            sorted like that.
    """

    frame: pd.DataFrame
    ids: list[str]
    file: str
    rows: npt.NDArray[np.int64] | None = None

    def row_name(self, row: int) -> str:
        """Return how messages name a row, counted from 0: by its number in the file and its id."""
        return f"row {(row if self.rows is None else int(self.rows[row])) + 1} (id {self.ids[row]!r})"

    def column(self, name: str, *, where: str) -> Column:
        """Return a column; ``where`` is the key in ``dataset.yaml`` that names it.

        Raises:
            DataError: If there is no such column.
        """
        return pick(self.frame, name, file=self.file, where=where, ids=self.ids, rows=self.rows)


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
    frame, rows = frame.assign(**{spec.id: ids}), _order(ids)
    if rows is not None:
        frame, ids = frame.take(rows).reset_index(drop=True), ids[rows]
    return EntityTable(frame, list(ids), str(path), rows)


def _order(ids: npt.NDArray[np.object_]) -> npt.NDArray[np.int64] | None:
    """Return the rows in the order of their ids, [N]; nothing if they are in it already."""
    text = pa.array(ids, type=pa.large_string())
    size = pc.binary_length(text)
    grows = pc.greater(size[1:], size[:-1])
    rises = pc.and_(pc.equal(size[1:], size[:-1]), pc.greater(text[1:], text[:-1]))
    if pc.all(pc.or_(grows, rises)).as_py() is not False:
        return None
    table = pa.table({"size": size, "text": text})
    order: npt.NDArray[np.uint64] = pc.sort_indices(
        table, [("size", "ascending"), ("text", "ascending")]
    ).to_numpy()
    return order.astype(np.int64)


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
    text = pa.array(ids, type=pa.large_string())
    padded = pc.not_equal(pc.utf8_trim_whitespace(text), text)
    rows = np.flatnonzero(pc.fill_null(padded, False).to_numpy(zero_copy_only=False))
    if len(rows):
        more = f" (also in {row_numbers(rows[1:])})" if len(rows) > 1 else ""
        faults.add(
            f"{column.file}: column {column.name!r}, row {rows[0] + 1}",
            f"got {shorten(ids[rows[0]])}; wanted an id without spaces around it{more}",
            "Remove the spaces: they would keep tables that name the entity from finding it.",
        )


def _note_twins(ids: np.ndarray, column: Column, faults: Faults) -> None:
    if pc.count_distinct(pa.array(ids, type=pa.large_string()), mode="only_valid").as_py() == len(ids):
        return
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
