"""Tables from CSV, JSONL and Parquet files, cell for cell as they stand in the file.

Nothing is guessed: a CSV cell is text, so that the country code ``NA`` stays ``NA`` and the id ``007`` stays
``007``, and only an empty cell is missing. Whoever needs numbers or dates asks for them (`columns.py`).
Rows are counted from 1 and the header is none of them.
"""

from __future__ import annotations

import contextlib
import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from mmgraph.counted import counted
from mmgraph.data.files import no_such_file
from mmgraph.errors import DataError
from mmgraph.parquet_file import may_start_threads, read_parquet

_SHOWN = 5
_CSV_BLOCK = 1 << 26
"""Bytes that pyarrow reads at a time; a single row must fit into them."""


def read_table(path: Path) -> pd.DataFrame:
    """Return a table as it stands in its file.

    Args:
        path: A `.csv` (comma, UTF-8, header), `.jsonl` or `.parquet` file.

    Returns:
        The rows in the order of the file, with a ``RangeIndex``. CSV columns hold text; the others keep the
        types of the file, and whole numbers stay whole beside missing cells.

    Raises:
        DataError: If the file is not there, empty, or no such table; if its rows have different lengths; if
            two columns have the same name.
    """
    reader = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}[table_ending(path)]
    with readable(path):
        return reader(path)


def table_ending(path: Path) -> str:
    """Return the ending of a table's file, ``.csv``, ``.jsonl`` or ``.parquet``, if there is something in it.

    Raises:
        DataError: If it has another ending, is not there or is empty.
    """
    endings = (".csv", ".jsonl", ".parquet")
    if path.suffix.lower() not in endings:
        raise DataError(
            f"has the ending {path.suffix!r}; wanted one of {', '.join(endings)}",
            where=str(path),
            fix="Convert the table to one of them.",
        )
    if not path.is_file():
        raise no_such_file(path)
    if path.stat().st_size == 0:
        raise DataError("is an empty file; wanted a table", where=str(path), fix="Fill it or remove it.")
    return path.suffix.lower()


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the system says about a file that cannot be read into an error that names it.

    Raises:
        DataError: If the block cannot read the file.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot be read: {error}", where=str(path), fix="Check the file.") from None


def _read_csv(path: Path) -> pd.DataFrame:
    names = csv_header(path)
    batches = list(csv_batches(path, names))
    if not batches:
        return pd.DataFrame(columns=names, dtype=object)
    return to_pandas(pa.Table.from_batches(batches))


def csv_batches(path: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a CSV table, block by block; every column holds text.

    Args:
        path: The file.
        names: What :func:`csv_header` returned.

    Raises:
        DataError: If it is no CSV table, or its rows have different lengths.
    """
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "skip"

    try:
        reader = pyarrow.csv.open_csv(
            path,
            # One thread, because only then pyarrow knows the numbers of ragged rows.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        last, rows = None, 0
        for batch in reader:
            if batch.num_rows:
                yield batch
                last, rows = batch, rows + batch.num_rows
    except pa.ArrowInvalid as error:
        if names and "Empty CSV" in str(error):
            # A header that no line break ends.
            return
        raise DataError(f"is no CSV table: {error}", where=str(path), fix="Mend the file.") from None
    if ragged:
        _refuse_ragged(ragged, path)
    if last is not None:
        _refuse_swallowed_rows(last, rows, path)


def csv_header(path: Path) -> list[str]:
    """Return the names of the columns of a CSV table, which stand in the first row that is not empty.

    Raises:
        DataError: If the file cannot be read as CSV, or two columns have the same name.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            names = next((row for row in csv.reader(file) if row), [])
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from None
    except csv.Error as error:
        raise DataError(f"is no CSV table: {error}", where=str(path), fix="Mend the first line.") from None
    refuse_twins(names, path)
    return names


def _refuse_ragged(rows: list[Any], path: Path) -> NoReturn:
    first = rows[0]
    if "\n" in first.text and first.text.count('"') % 2:
        raise _open_quote(path, first.number - 1)
    others = [f"row {row.number - 1} with {row.actual_columns}" for row in rows[1:_SHOWN]]
    more = f"; also {_listing(others, len(rows) - 1)}" if others else ""
    raise DataError(
        f"got {counted(first.actual_columns, 'cell')} ({_shorten(first.text)}); wanted "
        f"{first.expected_columns}, as many as the header has{more}",
        where=f"{path}: row {first.number - 1}",
        fix="Add the missing commas, or quote cells that hold commas.",
    )


def _refuse_swallowed_rows(batch: pa.RecordBatch, rows: int, path: Path) -> None:
    """Raise an error if a quote that is never closed makes the rest of the file one cell."""
    last = [column[batch.num_rows - 1].as_py() for column in batch.columns]
    if any("\n" in cell for cell in last if cell) and path.read_bytes().count(b'"') % 2:
        raise _open_quote(path, rows)


def _open_quote(path: Path, row: int) -> DataError:
    return DataError(
        "a quote is opened and never closed, so that one cell holds the rest of the file",
        where=f"{path}: row {row}",
        fix='Close the quote, or write a quote inside a cell as "".',
    )


def _read_jsonl(path: Path) -> pd.DataFrame:
    rows = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    rows.append(json_row(line, f"{path}: line {number}"))
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from None
    return rows_table(rows)


def rows_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table: whole numbers stay whole beside missing cells.

    Args:
        rows: Column to value; a column that a row does not name is empty there.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: _json_column([row.get(name) for row in rows]) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))


def json_row(line: str, where: str) -> dict[str, Any]:
    """Return the row that a JSON object is.

    Args:
        line: The text.
        where: Its place, for messages.

    Raises:
        DataError: If it is no JSON object, or holds a number that JSON does not know, or half a character.
    """
    try:
        row = _JSON.decode(line)
        if "\\ud" in line or "\\uD" in line:
            json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise DataError(
            f"holds half of a character, {half!r}", where=where, fix="Write all of it, or nothing."
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"is no JSON: {error} ({_shorten(line)})", where=where, fix="Write one JSON object on each line."
        ) from None
    if not isinstance(row, dict):
        raise DataError(
            f"got {_shorten(line)}; wanted a JSON object", where=where, fix='Write e.g. {"id": "a", "x": 1}.'
        )
    return row


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value; a missing value is null")


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def _json_column(values: list[Any]) -> pd.Series[Any]:
    """Return a column that keeps whole numbers whole and mixed values apart."""
    kinds = {type(value) for value in values}
    alike = len(kinds) == 1 or kinds in ({str, type(None)}, {float, type(None)})
    return pd.Series(values) if alike else pd.Series(values, dtype=object)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        table = read_parquet(path)
    except pa.ArrowException as error:
        raise DataError(f"is no Parquet table: {error}", where=str(path), fix="Write it anew.") from None
    refuse_twins(table.column_names, path)
    for position, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            decoded = table.column(position).cast(field.type.value_type)
            table = table.set_column(position, field.name, decoded)
    return to_pandas(table)


def to_pandas(table: Any) -> pd.DataFrame:
    """Return an Arrow table as pandas', whole numbers beside missing cells as they are."""
    frame: pd.DataFrame = table.to_pandas(
        integer_object_nulls=True,
        date_as_object=False,
        ignore_metadata=True,
        use_threads=may_start_threads(),
    )
    return frame


def refuse_twins(names: Iterable[str], path: Path) -> None:
    """Raise an error if two columns have the same name."""
    twins = [name for name, count in Counter(names).items() if count > 1]
    if twins:
        raise DataError(
            f"the column name {twins[0]!r} stands twice",
            where=str(path),
            fix="Give every column a name of its own.",
        )


def _not_utf8(path: Path, error: UnicodeDecodeError) -> DataError:
    return DataError(
        f"is not UTF-8 text: {error.reason} {error.object[error.start : error.start + 1]!r}",
        where=str(path),
        fix="Save it as UTF-8.",
    )


def _listing(shown: list[str], total: int) -> str:
    more = total - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _shorten(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
