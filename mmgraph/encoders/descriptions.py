"""Descriptions of items in the parts that they came in, each found by its key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.encoders.ragged import Ragged
from mmgraph.errors import DataError

Described = npt.NDArray[Any] | Ragged
Rows = npt.NDArray[np.int64]


class Descriptions:
    """Descriptions by the keys of their items; iterating gives the keys.

    Parts stay as they are, parts of files too, until somebody asks for rows.

    Example:
        >>> some = Descriptions()
        >>> some.add([b"one", b"two"], np.array([[1.0], [2.0]]))
        >>> some.add([b"three"], np.array([[3.0]]))
        >>> some.of([b"three", b"one", b"three"], "here").ravel().tolist()
        [3.0, 1.0, 3.0]
        >>> some.lacking({b"one", b"four"})
        {b'four'}
    """

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._parts: list[Described] = []
        self._starts = [0]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._numbers)

    def add(self, keys: Sequence[bytes], described: Described) -> None:
        """Add a part; of a key that is there already the new description counts.

        Args:
            keys: The keys.
            described: The description of each, [len(keys), ...], or as many rows as each has.
        """
        start = self._starts[-1]
        self._numbers.update(zip(keys, range(start, start + len(keys)), strict=True))
        self._parts.append(described)
        self._starts.append(start + len(keys))

    def lacking(self, keys: set[bytes]) -> set[bytes]:
        """Return the keys that are not there."""
        return keys.difference(self._numbers)

    def of(self, keys: Sequence[bytes], place: str) -> Described:
        """Return a copy of the descriptions of some keys, [len(keys), ...].

        Args:
            keys: At least one; all are there.
            place: What an error names.

        Raises:
            DataError: If the descriptions are not of one shape.
        """
        numbers = np.fromiter(map(self._numbers.__getitem__, keys), np.int64, len(keys))
        taken: list[_Taken] = []
        for part, (start, end) in zip(self._parts, pairwise(self._starts), strict=True):
            into = np.flatnonzero((numbers >= start) & (numbers < end))
            if len(into):
                taken.append((part, numbers[into] - start, into))
        taken.sort(key=lambda each: int(each[2][0]))
        require_one_shape([part for part, _, _ in taken], place)
        if not isinstance(taken[0][0], Ragged):
            return _gathered(taken, len(keys))
        return _of_several(taken, len(keys))


_Taken = tuple[Any, Rows, Rows]
"""A part, rows of it, and where they go."""


def _gathered(taken: Sequence[_Taken], num_rows: int) -> npt.NDArray[Any]:
    dtype = np.result_type(*{part.dtype for part, _, _ in taken})
    made = np.empty((num_rows, *taken[0][0].shape[1:]), dtype)
    for part, rows, into in taken:
        source, place = _place(rows), _place(into)
        if isinstance(place, slice) and not isinstance(source, slice) and part.dtype == dtype:
            # By one copy from the file to its place; the mode "raise" would take another.
            np.take(part, rows, axis=0, out=made[place], mode="clip")
        else:
            made[place] = part[source]
    return made


def _place(rows: Rows) -> Rows | slice:
    """Return rows, as a slice if each follows the one before: those are copied in half the time."""
    first, end = int(rows[0]), int(rows[-1]) + 1
    return slice(first, end) if np.array_equal(rows, np.arange(first, end)) else rows


def _of_several(taken: Sequence[_Taken], num_items: int) -> Ragged:
    lengths = np.empty(num_items, np.int64)
    for part, items, into in taken:
        lengths[into] = part.lengths[items]
    starts, inner = _starts(lengths), []
    for part, items, into in taken:
        rows = _all_rows(_starts(part.lengths)[items], lengths[into])
        inner.append((part.values, rows, _all_rows(starts[into], lengths[into])))
    return Ragged(_gathered(inner, int(lengths.sum())), lengths)


def require_one_shape(parts: Iterable[Described], place: str) -> None:
    """Raise an error if the descriptions of parts are not of one shape.

    Args:
        parts: The parts.
        place: What the error names.

    Raises:
        DataError: If they are not.
    """
    shapes = list(dict.fromkeys(map(shape_of, parts)))
    if len(shapes) > 1:
        one, other = (f"[{', '.join(map(str, shape))}]" for shape in shapes[:2])
        raise DataError(
            f"described items by arrays of shape {one} and {other}; wanted one shape",
            where=place,
            fix="Mend the encoder; if it describes items in another way than before, raise its version.",
        )


def shape_of(part: Described) -> tuple[int | str, ...]:
    """Return the shape of each description of a part; ``*`` stands for any number of rows."""
    return ("*", *part.values.shape[1:]) if isinstance(part, Ragged) else part.shape[1:]


def _starts(lengths: Rows) -> Rows:
    return np.cumsum(lengths) - lengths


def _all_rows(first: Rows, lengths: Rows) -> Rows:
    """Return the numbers of rows of items, from the first of each on."""
    return np.repeat(first - _starts(lengths), lengths) + np.arange(lengths.sum())
