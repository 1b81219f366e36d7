"""The table of an entity type: one row for each entity, each with an id of its own."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmgraph.counted import counted
from mmgraph.data.cell_values import cell_values
from mmgraph.data.columns import Column, pick, row_numbers, shorten
from mmgraph.data.files import file_inside
from mmgraph.data.id_index import text_array, text_buffers
from mmgraph.data.spec import EntitySpec, ValuesOf
from mmgraph.data.tables import read_table, to_pandas
from mmgraph.errors import DataError, Faults

_SHOWN = 5
# Ids of at most so many numbers of eight bytes are sorted by these.
_WORDS, _WORD = 4, 8

Ids = Any
"""Text as Arrow holds it: a ``LargeStringArray`` [N]."""


class LazyText(Sequence[str]):
    """Text as Arrow holds it, of which messages show a cell."""

    def __init__(self, text: Ids) -> None:
        self._text = text

    def __len__(self) -> int:
        return len(self._text)

    def __getitem__(self, cell: Any) -> Any:
        return self._text[int(cell)].as_py()


@dataclass(frozen=True, eq=False)
class EntityTable:
    """A table whose ids have been checked.

    Its rows are sorted by id, short ones first and else as text sorts (``p2`` before ``p10``), so that it
    does not matter how they stand in the file.

    Args:
        frame: The rows; the id column holds text.
        text: The id of each row, unique, as Arrow holds text.
        file: The table's file, for messages.
        rows: The row of the file in which each stands, counted from 0, int64 [N]; nothing where the file is
            sorted like that.
    """

    frame: pd.DataFrame
    text: Ids
    file: str
    rows: npt.NDArray[np.int64] | None = None

    @functools.cached_property
    def ids(self) -> list[str]:
        """The id of each row, as Python's text, of which millions take a while."""
        ids: list[str] = self.text.to_pylist()
        return ids

    def __len__(self) -> int:
        return len(self.text)

    def row_name(self, row: int) -> str:
        """Return how messages name a row, counted from 0: by its number in the file and its id."""
        return f"row {self.row_number(row) + 1} (id {self.text[row].as_py()!r})"

    def row_number(self, row: int) -> int:
        """Return where a row stands in the file, counted from 0."""
        return row if self.rows is None else int(self.rows[row])

    def column(self, name: str, *, where: str) -> Column:
        """Return a column; ``where`` is the key in ``dataset.yaml`` that names it.

        Raises:
            DataError: If there is no such column.
        """
        return pick(self.frame, name, file=self.file, where=where, ids=LazyText(self.text), rows=self.rows)


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
    return check_entity_table(read_table(path), spec, file=str(path), where=where)


def check_entity_table(frame: pd.DataFrame, spec: EntitySpec, *, file: str, where: str) -> EntityTable:
    """Return the table of an entity type that consists of some rows.

    Args:
        frame: The rows.
        spec: The entity type.
        file: The file that they are from, for messages.
        where: The place of ``spec``, e.g. ``dataset.yaml: entities.glyph``.

    Raises:
        DataError: If there are no rows, or if an id is missing or stands twice.
    """
    if not len(frame):
        raise DataError(
            "the table has no rows; wanted at least one entity", where=file, fix="Fill the table."
        )
    column = pick(frame, spec.id, file=file, where=f"{where}.id")
    text = column.id_array()
    rows = _order(text) if (numbers := _natural_numbers(column)) is None else _order_of_numbers(numbers)
    ordered = text if rows is None else text.take(pa.array(rows))
    faults = Faults()
    _note_missing(column, faults)
    _note_twins(text, ordered, column, faults)
    _note_padded(text, column, faults)
    faults.raise_if_any(DataError)
    place, others = list(frame.columns).index(spec.id), frame.drop(columns=[spec.id])
    if rows is not None:
        others = others.take(rows).reset_index(drop=True)
    others.insert(place, spec.id, text_series(ordered))
    return EntityTable(others, ordered, file, rows)


def text_series(text: Ids) -> pd.Series[Any]:
    """Return text as a column of pandas', without making each cell an object where pandas can."""
    return to_pandas(pa.table({"text": text}))["text"]


def _natural_numbers(column: Column) -> npt.NDArray[Any] | None:
    """Return the cells of a column of whole numbers of which none is empty or below 0; else nothing."""
    cells = column.values
    if not pd.api.types.is_integer_dtype(cells) or cells.isna().any() or (cells < 0).any():
        return None
    return cells.to_numpy(np.uint64)


def _order_of_numbers(numbers: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
    """Return what :func:`_order` does for their digits: a number with fewer is less."""
    return None if (numbers[1:] > numbers[:-1]).all() else np.argsort(numbers)


def _order(text: Ids) -> npt.NDArray[np.int64] | None:
    """Return the rows in the order of their ids, [N]; nothing if they are in it already."""
    size = pc.binary_length(text)
    grows = pc.greater(size[1:], size[:-1])
    rises = pc.and_(pc.equal(size[1:], size[:-1]), pc.greater(text[1:], text[:-1]))
    if pc.all(pc.or_(grows, rises)).as_py() is not False:
        return None
    shortest, longest = (bound.as_py() for bound in pc.min_max(size).values())
    if not text.null_count and longest <= _WORDS * _WORD:
        words = _words(text)
        if shortest == longest and len(words) == 1:
            return np.argsort(words[0])
        return np.lexsort([*words[::-1], size.to_numpy()])
    table = pa.table({"size": size, "text": text})
    order: npt.NDArray[np.uint64] = pc.sort_indices(
        table, [("size", "ascending"), ("text", "ascending")]
    ).to_numpy()
    return order.astype(np.int64)


def _words(text: Ids) -> list[npt.NDArray[np.uint64]]:
    """Return numbers that sort as short texts of one length do: eight of their bytes in a number, [N] each.

    What all texts have in common, as a beginning, is left out.
    """
    offsets, data = text_buffers(text)
    start, size = offsets[:-1], np.diff(offsets)
    if (size == size[0]).all():
        cells = data[offsets[0] : offsets[-1]].reshape(len(text), size[0])
        columns = list(cells[:, (cells != cells[0]).any(axis=0)].T)
    else:
        columns = []
        for place in range(int(size.max())):
            there = place < size
            columns.append(np.where(there, data[np.where(there, start + place, 0)], 0).astype(np.uint8))
    words = []
    for first in range(0, max(len(columns), 1), _WORD):
        word = np.zeros((len(text), _WORD), dtype=np.uint8)
        for place, column in enumerate(columns[first : first + _WORD]):
            word[:, place] = column
        words.append(word.view(">u8")[:, 0].astype(np.uint64))
    return words


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
    text = text_array(ids)
    return EntityTable(pd.DataFrame({"id": text_series(text)}), text, table.file)


def _note_missing(column: Column, faults: Faults) -> None:
    rows = np.flatnonzero(column.missing)
    if len(rows):
        faults.add(
            f"{column.file}: column {column.name!r}, {row_numbers(rows)}",
            "got an empty cell; wanted an id",
            "Give every entity an id.",
        )


def _note_padded(text: Ids, column: Column, faults: Faults) -> None:
    padded = pc.not_equal(pc.utf8_trim_whitespace(text), text)
    rows = np.flatnonzero(pc.fill_null(padded, False).to_numpy(zero_copy_only=False))
    if len(rows):
        more = f" (also in {row_numbers(rows[1:])})" if len(rows) > 1 else ""
        faults.add(
            f"{column.file}: column {column.name!r}, row {rows[0] + 1}",
            f"got {shorten(text[int(rows[0])].as_py())}; wanted an id without spaces around it{more}",
            "Remove the spaces: they would keep tables that name the entity from finding it.",
        )


def _note_twins(text: Ids, ordered: Ids, column: Column, faults: Faults) -> None:
    # In their order, which there is only where no id is missing, twins stand beside each other.
    if not (text.null_count or pc.any(pc.equal(ordered[1:], ordered[:-1])).as_py()):
        return
    twins = pd.Series(text.to_pylist(), dtype=object)
    twins = twins[twins.notna() & twins.duplicated(keep=False)]
    if twins.empty:
        return
    groups = twins.groupby(twins, sort=False).groups
    shown = [
        f"{shorten(name)} in {row_numbers(np.asarray(rows))}" for name, rows in list(groups.items())[:_SHOWN]
    ]
    more = f" and {counted(len(groups) - _SHOWN, 'more id')}" if len(groups) > _SHOWN else ""
    faults.add(
        f"{column.file}: column {column.name!r}",
        f"ids stand more than once: {'; '.join(shown)}{more}",
        "Remove the rows or rename them: an id stands for one entity.",
    )
