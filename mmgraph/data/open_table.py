"""A table that is read block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from mmgraph.data.tables import csv_batches, csv_header, read_table, readable, refuse_twins, table_ending
from mmgraph.errors import DataError
from mmgraph.parquet_file import may_start_threads, open_parquet

Cells = Any
"""Some cells of a column: an Arrow array, or a pandas series where Arrow has no type for them."""

_ROWS = 1 << 20
_SAMPLE = 1 << 16


@dataclass(frozen=True, eq=False)
class OpenTable:
    """A table whose columns are known and whose rows have not been read.

    Args:
        names: The names of its columns.
        num_rows: The number of its rows, where the file tells it.
        blocks: Yields the cells of some columns, block by block, as `read_table` gives them.
    """

    names: list[str]
    num_rows: int | None
    blocks: Callable[[list[str]], Iterator[dict[str, Cells]]]


def open_table(path: Path) -> OpenTable:
    """Return a table without its rows.

    Args:
        path: A `.csv`, `.jsonl` or `.parquet` file. The rows of JSONL tables are read at once, as the first
            may lack a column that the last one has.

    Raises:
        DataError: If it is no table; of what only the rows tell, when these are read.
    """
    opener = {".csv": _open_csv, ".jsonl": _open_jsonl, ".parquet": _open_parquet}[table_ending(path)]
    with readable(path):
        return opener(path)


def estimate_rows(path: Path) -> int:
    """Return the number of rows of a table: of Parquet what its file says, else by its first lines.

    Raises:
        DataError: If it is no table.
    """
    if table_ending(path) == ".parquet":
        rows = open_table(path).num_rows
        assert rows is not None
        return rows
    with readable(path), path.open("rb") as file:
        start = file.read(_SAMPLE)
    return round(path.stat().st_size / len(start) * start.count(b"\n"))


def _open_csv(path: Path) -> OpenTable:
    names = csv_header(path)

    def blocks(columns: list[str]) -> Iterator[dict[str, Cells]]:
        with readable(path):
            for batch in csv_batches(path, names):
                yield {name: batch.column(name) for name in columns}

    return OpenTable(names, None, blocks)


def _open_jsonl(path: Path) -> OpenTable:
    frame: pd.DataFrame = read_table(path)

    def blocks(columns: list[str]) -> Iterator[dict[str, Cells]]:
        yield {name: frame[name] for name in columns}

    return OpenTable(list(frame.columns), len(frame), blocks)


def _open_parquet(path: Path) -> OpenTable:
    try:
        file = open_parquet(path)
    except pa.ArrowException as error:
        raise _no_parquet(path, error) from None
    names = file.schema_arrow.names
    refuse_twins(names, path)

    def blocks(columns: list[str]) -> Iterator[dict[str, Cells]]:
        try:
            with readable(path):
                for batch in file.iter_batches(_ROWS, columns=columns, use_threads=may_start_threads()):
                    yield {name: _plain(batch.column(name)) for name in columns}
        except pa.ArrowException as error:
            raise _no_parquet(path, error) from None

    return OpenTable(names, file.metadata.num_rows, blocks)


def _plain(cells: pa.Array) -> pa.Array:
    return cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells


def _no_parquet(path: Path, error: Exception) -> DataError:
    return DataError(f"is no Parquet table: {error}", where=str(path), fix="Write it anew.")
