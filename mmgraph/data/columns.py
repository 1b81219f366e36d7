"""One column of a table, read as ids, text, numbers, dates or true/false; every fault names row and id."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mmgraph.data.id_index import text_array
from mmgraph.errors import DataError, did_you_mean

MAX_CHARACTERS = 1_000_000
"""Longer texts are refused before they are encoded: what counts n-grams takes some hundred bytes for each."""

_SHOWN = 5
_SCALARS = (str, int, float, bool, Decimal, np.generic, datetime.date, datetime.time)
_NUMBER_FIX = "Write it as 1234.5, without units; leave the cell empty if it is missing."
_DATE_FIX = "Write it as 2024-01-31 or 2024-01-31T12:30."
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no"}


def pick(
    frame: pd.DataFrame,
    name: str,
    *,
    file: str,
    where: str,
    ids: Sequence[str] | None = None,
    rows: Sequence[int] | npt.NDArray[np.int64] | None = None,
) -> Column:
    """Return a column of a table.

    Args:
        frame: The table.
        name: The column.
        file: The table's file, for messages.
        where: The key that names the column, for messages.
        ids: The id of each row, for messages; without them a message gives the row alone.
        rows: The row of the file in which each cell stands, counted from 0; without them they stand in order.

    Raises:
        DataError: If the table has no such column; the message offers the nearest names.
    """
    if name not in frame.columns:
        known = [str(column) for column in frame.columns]
        fix = did_you_mean(name, known)
        if len(known) == 1 and (";" in known[0] or "\t" in known[0]):
            fix = "The table seems to be separated by something else than commas: save it with commas."
        raise DataError(f"got {name!r}; {file} has no such column", where=where, fix=fix)
    return Column(frame[name], name, file, ids, rows)


@dataclass(frozen=True, eq=False)
class Column:
    """A column and what is needed to say where in it something is wrong.

    Args:
        values: The cells.
        name: The column's name.
        file: The table's file, for messages.
        ids: The id of each row, for messages.
        rows: The row of the file in which each cell stands, counted from 0; nothing where that is the
            cell's own number.

    Example:
        >>> colour = pick(pd.DataFrame({"hue": ["red", None]}), "hue", file="a.csv", where="dataset.yaml: x")
        >>> colour.text().tolist(), colour.missing.tolist()
        (['red', None], [False, True])
    """

    values: pd.Series[Any]
    name: str
    file: str
    ids: Sequence[str] | None = None
    rows: Sequence[int] | npt.NDArray[np.int64] | None = None

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which cells are empty, [N]. Text of no characters counts as empty."""
        empty = self.values.isna().to_numpy(bool)
        if _is_textual(self.values):
            empty = empty | (self.values == "").fillna(False).to_numpy(bool)
        return empty

    def text(self) -> npt.NDArray[np.object_]:
        """Return the cells as text, [N] of ``str`` or, where a cell is empty, ``None``.

        Raises:
            DataError: If a cell holds a list, a mapping or bytes.
        """
        missing = self.missing
        if not _is_textual(self.values):
            cells = self.values.astype(str).to_numpy(object).copy()
        else:
            cells = self.values.to_numpy(object).copy()
            if pd.api.types.infer_dtype(self.values, skipna=True) not in ("string", "empty"):
                self._spell_out(cells, ~missing)
        cells[missing] = None
        return cells

    def bounded_text(self) -> npt.NDArray[np.object_]:
        """Return what :meth:`text` does, for cells that encoders read.

        Raises:
            DataError: If a cell holds a list, a mapping or bytes, or more than a million characters.
        """
        cells = self.text()
        lengths = np.fromiter((0 if cell is None else len(cell) for cell in cells), np.int64, len(cells))
        longer = self.in_file(np.flatnonzero(lengths > MAX_CHARACTERS))
        if len(longer):
            raise DataError(
                f"got a text of {lengths[longer[0]]:,} characters; wanted at most {MAX_CHARACTERS:,}"
                f"{self.also(longer)}",
                where=self.place(int(longer[0])),
                fix="Shorten the text, cut it into several entities, or leave the cell empty.",
            )
        return cells

    def _spell_out(self, cells: npt.NDArray[np.object_], present: npt.NDArray[np.bool_]) -> None:
        """Turn numbers, dates and true/false among ``cells`` into text, in place."""
        nested = [row for row in np.flatnonzero(present) if not isinstance(cells[row], _SCALARS)]
        if nested:
            self._refuse(np.asarray(nested), "text", "Write text, or leave the cell empty.")
        cells[present] = [str(cell) for cell in cells[present]]

    def id_texts(self) -> npt.NDArray[np.object_]:
        """Return ids as text, [N] of ``str`` or, where a cell is empty, ``None``; 7.0 becomes ``7``.

        Raises:
            DataError: If a cell is neither text nor a whole number.
        """
        values = self.values
        if pd.api.types.is_float_dtype(values):
            broken = (values.notna() & (values % 1 != 0)).to_numpy(bool)
            self._refuse_if_any(broken, "text or a whole number", "Store ids as text.")
            return replace(self, values=values.astype("Int64").astype(object)).text()
        if not (_is_textual(values) or pd.api.types.is_integer_dtype(values)):
            self._refuse_if_any(~self.missing, "text or a whole number", "Store ids as text.")
        return self.text()

    def id_array(self) -> Any:
        """Return what :meth:`id_texts` does as Arrow's text, [N], null where a cell is empty.

        Raises:
            DataError: If a cell is neither text nor a whole number.
        """
        values = self.values
        if isinstance(values.dtype, pd.StringDtype):
            text = text_array(values)
        elif pd.api.types.is_integer_dtype(values) and isinstance(values.dtype, np.dtype):
            text = pa.array(values.to_numpy()).cast(pa.large_string())
        else:
            return text_array(self.id_texts())
        return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.large_string()), text)

    def numbers(self) -> npt.NDArray[np.float64]:
        """Return the cells as numbers, [N], NaN where a cell is empty.

        Raises:
            DataError: If a cell is no number, or is infinite.
        """
        numbers = self._parsed_numbers()
        self._refuse_if_any(np.isnan(numbers) & ~self.missing, "a number", _NUMBER_FIX)
        self._refuse_if_any(np.isinf(numbers), "a finite number", "Leave the cell empty if it is missing.")
        return numbers

    def filled_numbers(self) -> npt.NDArray[np.float64]:
        """Return the cells as numbers, [N], where every cell must hold one.

        Raises:
            DataError: If a cell is empty, no number, or infinite.
        """
        self._refuse_if_any(self.missing, "a number", "Fill the cell, or remove the row.")
        return self.numbers()

    def numbers_between(self, least: float, most: float) -> npt.NDArray[np.float64]:
        """Return the cells as numbers within bounds, [N], NaN where a cell is empty.

        Raises:
            DataError: If a cell is no number, or is out of bounds.
        """
        numbers = self.numbers()
        outside = (numbers < least) | (numbers > most)
        self._refuse_if_any(outside, f"a number from {least:g} to {most:g}", "Mend the cell, or empty it.")
        return numbers

    def ordered(self, order: Sequence[str]) -> pd.Series[Any]:
        """Return the cells as categories with an order, [N], missing where a cell is empty.

        Args:
            order: The categories, from the least to the most.

        Raises:
            DataError: If a cell is none of them.
        """
        text = pd.Series(self.id_texts(), dtype=object)
        unknown = (text.notna() & ~text.isin(order)).to_numpy(bool)
        wanted = f"one of {', '.join(map(repr, order))}"
        self._refuse_if_any(unknown, wanted, "Mend the cell, empty it, or add it to the order.")
        return pd.Series(pd.Categorical(text, categories=list(order), ordered=True))

    def dates(self) -> pd.Series[Any]:
        """Return the cells as dates in UTC without a zone, [N], ``NaT`` where a cell is empty.

        Raises:
            DataError: If a cell is no date by ISO 8601 (``2024``, ``2024-01-31``, ``2024-01-31T12:30``).
        """
        dates = self._parsed_dates()
        self._refuse_if_any(dates.isna().to_numpy(bool) & ~self.missing, "a date", _DATE_FIX)
        return dates

    def times(self) -> npt.NDArray[np.float64]:
        """Return the cells as points in time, [N]: the numbers, or for dates the seconds since 1970.

        Raises:
            DataError: If a cell is empty, or the cells are neither all numbers nor all dates.
        """
        fix = "Fill it, or take another column."
        self._refuse_if_any(self.missing, "a number or a date", fix)
        return self.moments()[0]

    def moments(self) -> tuple[npt.NDArray[np.float64], bool]:
        """Return the cells as points in time, and whether they are dates.

        Returns:
            The numbers, or for dates the seconds since 1970, [N]; NaN where a cell is empty.

        Raises:
            DataError: If the cells are neither all numbers nor all dates.
        """
        present = ~self.missing
        if not np.isnan(self._parsed_numbers()[present]).any():
            return self.numbers(), False
        dates = self._parsed_dates()
        self._refuse_if_any(dates.isna().to_numpy(bool) & present, "a number or a date", _DATE_FIX)
        seconds = (dates - pd.Timestamp(0)).dt.total_seconds()
        return np.asarray(seconds, dtype=np.float64), True

    def flags(self) -> npt.NDArray[np.bool_]:
        """Return the cells as true or false, [N]; an empty cell is false.

        Raises:
            DataError: If a cell is something else than true/false, yes/no, 1/0.
        """
        text = pd.Series(self.text(), dtype=object).fillna("false").str.lower()
        true = text.isin(_TRUE).to_numpy(bool)
        unknown = ~true & ~text.isin(_FALSE).to_numpy(bool)
        self._refuse_if_any(unknown, "true or false", "Write true or false.")
        return true

    def place(self, cell: int) -> str:
        """Return where a cell is, for messages; ``cell`` counts from 0."""
        row = cell if self.rows is None else int(self.rows[cell])
        named = f" (id {self.ids[cell]!r})" if self.ids is not None else ""
        return f"{self.file}: column {self.name!r}, {row_name(row)}{named}"

    def in_file(self, cells: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return cells, counted from 0, in the order in which they stand in the file."""
        return cells if self.rows is None else cells[np.argsort([self.rows[cell] for cell in cells])]

    def also(self, cells: npt.NDArray[np.int64]) -> str:
        """Return which rows but the first of these cells' have the same fault, for messages."""
        rows = cells[1:] if self.rows is None else [self.rows[cell] for cell in cells[1:]]
        return f" (also in {row_numbers(rows)})" if len(rows) else ""

    def _parsed_numbers(self) -> npt.NDArray[np.float64]:
        """Return the cells as numbers, NaN where that cannot be done."""
        if pd.api.types.is_datetime64_any_dtype(self.values):
            return np.full(len(self.values), np.nan)
        cells = self.values.astype(object)
        try:
            numbers = pd.to_numeric(cells, errors="coerce")
        except OverflowError:
            # Whole numbers of hundreds of digits, as JSON may hold.
            huge = cells.map(lambda cell: isinstance(cell, int) and abs(cell) > 1e308).astype(bool)
            numbers = pd.to_numeric(cells.mask(huge, np.inf), errors="coerce")
        return numbers.to_numpy(float, na_value=np.nan)

    def _parsed_dates(self) -> pd.Series[Any]:
        """Return the cells as dates, ``NaT`` where that cannot be done."""
        dated = pd.api.types.is_datetime64_any_dtype(self.values)
        cells = self.values if dated else pd.Series(self.text(), dtype=object)
        dates = pd.to_datetime(cells, format=None if dated else "ISO8601", errors="coerce", utc=True)
        return dates.dt.tz_localize(None).reset_index(drop=True)

    def _refuse_if_any(self, broken: npt.NDArray[np.bool_], wanted: str, fix: str) -> None:
        if broken.any():
            self._refuse(np.flatnonzero(broken), wanted, fix)

    def _refuse(self, cells: npt.NDArray[np.int64], wanted: str, fix: str) -> NoReturn:
        cells = self.in_file(cells)
        first = int(cells[0])
        got = "an empty cell" if self.missing[first] else shorten(self.values.iloc[first])
        raise DataError(f"got {got}; wanted {wanted}{self.also(cells)}", where=self.place(first), fix=fix)


def row_name(row: int, ids: Sequence[str] | None = None) -> str:
    """Return how messages name a row: counted from 1, without the header, and with its id if that is known.

    Example:
        >>> row_name(2, ["a", "b", "c"])
        "row 3 (id 'c')"
    """
    return f"row {row + 1}" + (f" (id {ids[row]!r})" if ids is not None else "")


def row_numbers(rows: Sequence[int] | npt.NDArray[np.int64]) -> str:
    """Return how messages name several rows, counted from 1.

    Example:
        >>> row_numbers([4, 7]), row_numbers([1]), row_numbers(range(9))
        ('rows 5, 8', 'row 2', 'rows 1, 2, 3, 4, 5 and 4 more')
    """
    shown = ", ".join(str(int(row) + 1) for row in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"


def _is_textual(values: pd.Series[Any]) -> bool:
    """Return whether a column holds text, or anything at all (object)."""
    return pd.api.types.is_object_dtype(values) or pd.api.types.is_string_dtype(values)


def shorten(value: Any) -> str:
    """Return a value as Python would write it, cut to 60 characters."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."
