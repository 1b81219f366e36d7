"""Columns of a table, read block by block: never the whole table as it stands in its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from mmgraph.data.columns import Column, pick
from mmgraph.data.id_index import IdIndex
from mmgraph.data.open_table import Cells, open_table
from mmgraph.data.tables import to_pandas
from mmgraph.errors import DataError, Faults, MMGraphError
from mmgraph.progress import Progress


@dataclass(frozen=True, eq=False)
class Block:
    """A column's cells in some consecutive rows of a table.

    Args:
        cells: The cells, [M].
        name: The column's name.
        file: The table's file, for messages.
        start: The row of the first cell, counted from 0.
    """

    cells: Cells
    name: str
    file: str
    start: int

    def column(self) -> Column:
        """Return the cells as a column, whose messages name the rows of the file."""
        cells = self.cells
        if not isinstance(cells, pd.Series):
            cells = to_pandas(pa.table([cells], names=[self.name]))[self.name]
        rows = range(self.start, self.start + len(cells))
        return Column(cells, self.name, self.file, rows=rows)

    def rows_of(self, index: IdIndex) -> NDArray[Any]:
        """Return the row of the entity of each id that the cells hold, int32 or int64 [M].

        It is -1 where the id is unknown or empty.

        Raises:
            DataError: If a cell is neither text nor a whole number.
        """
        cells = self.cells
        if not isinstance(cells, pd.Series):
            kind = cells.type
            if pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
                return index.rows(cells)
        return index.rows(self.column().id_array())


class EntityRows:
    """Reads ids as the rows of their entities, and remembers the first that is no entity's.

    Args:
        index: Finds the entities.

    Attributes:
        unknown: The place of the first cell that is empty or unknown, and its id (nothing for an empty cell).
    """

    def __init__(self, index: IdIndex) -> None:
        self._index = index
        self.unknown: tuple[str, str | None] | None = None

    def __call__(self, block: Block) -> NDArray[Any]:
        """Return the row of each cell's entity, int32 or int64 [M]; -1 where it is unknown or empty."""
        rows = block.rows_of(self._index)
        if self.unknown is None and len(rows) and rows.min() < 0:
            cell = int(np.argmax(rows < 0))
            column = block.column()
            self.unknown = column.place(cell), column.id_texts()[cell]
        return rows


@dataclass(frozen=True, eq=False)
class Wanted:
    """A column that shall be read.

    Args:
        column: Its name.
        where: The key that names it, for messages.
        read: Turns a block into numbers, [M] or [M, D].
    """

    column: str
    where: str
    read: Callable[[Block], NDArray[Any]]


def read_columns(
    path: Path, wanted: Sequence[Wanted], faults: Faults, *, progress: Progress, name: str
) -> tuple[list[NDArray[Any] | None], int]:
    """Return columns of a table as arrays.

    Args:
        path: The table.
        wanted: The columns, and how each is read.
        faults: Is told every fault of every column.
        progress: Told how many rows have been read.
        name: What is read, for the progress.

    Returns:
        For each of ``wanted`` an array, or nothing if it has faults; and the number of rows.

    Raises:
        DataError: If there is no such table.
    """
    table = open_table(path)
    nothing = pd.DataFrame(columns=table.names)
    readers: list[_Reader | None] = []
    for item in wanted:
        try:
            pick(nothing, item.column, file=str(path), where=item.where)
        except DataError as error:
            faults.extend(error)
            readers.append(None)
        else:
            readers.append(_Reader(item, table.num_rows))
    there = [reader for reader in readers if reader is not None]
    num_rows = 0
    with progress.job(f"{name}: rows", total=table.num_rows) as advance, ThreadPoolExecutor() as threads:
        for cells in table.blocks(list(dict.fromkeys(reader.item.column for reader in there))):
            start, size = num_rows, len(next(iter(cells.values())))
            for done in [threads.submit(reader.take, cells, str(path), start) for reader in there]:
                done.result()
            num_rows += size
            advance(size)
    # What the blocks took is given back to the system, before more is done with the columns.
    pa.default_memory_pool().release_unused()
    for reader in there:
        if reader.error is not None:
            faults.extend(reader.error)
    return [None if reader is None else reader.result() for reader in readers], num_rows


class _Reader:
    """Collects what the blocks of a column are turned into."""

    def __init__(self, item: Wanted, num_rows: int | None) -> None:
        self.item = item
        self.error: MMGraphError | None = None
        self._num_rows = num_rows
        self._parts: list[NDArray[Any]] = []
        self._whole: NDArray[Any] | None = None

    def take(self, cells: Mapping[str, Cells], file: str, start: int) -> None:
        """Read one block, unless an earlier one had faults."""
        if self.error is not None:
            return
        try:
            part = self.item.read(Block(cells[self.item.column], self.item.column, file, start))
        except MMGraphError as error:
            self.error = error
            return
        if self._num_rows is None:
            self._parts.append(part)
        else:
            # Where the number of rows is known, blocks go to their place at once, not twice into memory.
            if self._whole is None:
                self._whole = np.empty((self._num_rows, *part.shape[1:]), dtype=part.dtype)
            self._whole[start : start + len(part)] = part

    def result(self) -> NDArray[Any] | None:
        """Return all blocks as one array; nothing if one had faults."""
        if self.error is not None:
            return None
        if self._whole is not None:
            return self._whole
        if not self._parts:
            self.take({self.item.column: pa.array([], pa.string())}, "", 0)
        return np.concatenate(self._parts) if self._parts else self._whole
