"""Tables from CSV, JSONL and Parquet files, cell for cell as they stand in the file.

Nothing is guessed: a CSV cell is text, so that the country code ``NA`` stays ``NA`` and the id ``007`` stays
``007``, and only an empty cell is missing. Whoever needs numbers or dates asks for them (`columns.py`).
Rows are counted from 1 and the header is none of them.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mmgraph.data.files import no_such_file
from mmgraph.errors import DataError

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
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"has the ending {path.suffix!r}; wanted one of {', '.join(readers)}",
            where=str(path),
            fix="Convert the table to one of them.",
        )
    if not path.is_file():
        raise no_such_file(path)
    if path.stat().st_size == 0:
        raise DataError("is an empty file; wanted a table", where=str(path), fix="Fill it or remove it.")
    try:
        return reader(path)
    except OSError as error:
        raise DataError(f"cannot be read: {error}", where=str(path), fix="Check the file.") from None


def _read_csv(path: Path) -> pd.DataFrame:
    names = _csv_header(path)
    _refuse_twins(names, path)
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
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
    except pa.ArrowInvalid as error:
        if names and "Empty CSV" in str(error):
            # A header that no line break ends.
            return pd.DataFrame(columns=names, dtype=object)
        raise DataError(f"is no CSV table: {error}", where=str(path), fix="Mend the file.") from None
    if ragged:
        _refuse_ragged(ragged, path)
    _refuse_swallowed_rows(table, path)
    return _to_pandas(table)


def _csv_header(path: Path) -> list[str]:
    """Return the names in the first row that is not empty."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return next((row for row in csv.reader(file) if row), [])
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from None
    except csv.Error as error:
        raise DataError(f"is no CSV table: {error}", where=str(path), fix="Mend the first line.") from None


def _refuse_ragged(rows: list[Any], path: Path) -> NoReturn:
    first = rows[0]
    if "\n" in first.text and first.text.count('"') % 2:
        raise _open_quote(path, first.number - 1)
    others = [f"row {row.number - 1} with {row.actual_columns}" for row in rows[1:_SHOWN]]
    more = f"; also {_listing(others, len(rows) - 1)}" if others else ""
    raise DataError(
        f"got {first.actual_columns} cells ({_shorten(first.text)}); wanted {first.expected_columns}, "
        f"as many as the header has{more}",
        where=f"{path}: row {first.number - 1}",
        fix="Add the missing commas, or quote cells that hold commas.",
    )


def _refuse_swallowed_rows(table: Any, path: Path) -> None:
    """Raise an error if a quote that is never closed makes the rest of the file one cell."""
    if not table.num_rows:
        return
    last = [table.column(i)[table.num_rows - 1].as_py() for i in range(table.num_columns)]
    if any("\n" in cell for cell in last if cell) and path.read_bytes().count(b'"') % 2:
        raise _open_quote(path, table.num_rows)


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
                    rows.append(_json_row(line, f"{path}: line {number}"))
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from None
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: _json_column([row.get(name) for row in rows]) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))


def _json_row(line: str, where: str) -> dict[str, Any]:
    try:
        row = _JSON.decode(line)
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
        table = pyarrow.parquet.read_table(path, partitioning=None)
    except pa.ArrowException as error:
        raise DataError(f"is no Parquet table: {error}", where=str(path), fix="Write it anew.") from None
    _refuse_twins(table.column_names, path)
    for position, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            decoded = table.column(position).cast(field.type.value_type)
            table = table.set_column(position, field.name, decoded)
    return _to_pandas(table)


def _to_pandas(table: Any) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(
        integer_object_nulls=True, date_as_object=False, ignore_metadata=True
    )
    return frame


def _refuse_twins(names: Iterable[str], path: Path) -> None:
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
