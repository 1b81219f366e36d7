"""From the ids of entities to their rows, millions at a time."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_SPREAD = 8
"""Whole numbers are looked up in an array if the ids' range is at most so many times their number."""


class IdIndex:
    """Finds the rows of ids.

    Args:
        ids: Text, [N], each once and none empty.

    Example:
        >>> IdIndex(["a", "b", "12"]).rows(pa.array(["b", None, "x", "a"])).tolist()
        [1, -1, -1, 0]
        >>> IdIndex(["a", "b", "12"]).rows(pa.array([12, 13])).tolist()
        [2, -1]
    """

    def __init__(self, ids: Sequence[str] | pa.LargeStringArray) -> None:
        self._ids = text_array(ids)
        self._offsets, self._data = text_buffers(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def rows(self, wanted: pa.Array) -> NDArray[Any]:
        """Return the row of each id, [M], in int32 where that is enough; -1 where it is empty or unknown.

        Args:
            wanted: Text or whole numbers, [M].
        """
        if pa.types.is_integer(wanted.type):
            if self._by_number is not None:
                return self._rows_by_number(wanted, *self._by_number)
            wanted = wanted.cast(pa.string())
        # Kernels are compiled at their first use, and importing the compiler takes its time as well.
        from mmgraph.data.id_kernels import find

        rows = np.empty(len(wanted), dtype=self._kind)
        find(self._offsets, self._data, self._tags, *text_buffers(wanted), rows)
        return rows

    @property
    def _kind(self) -> type[np.signedinteger[Any]]:
        return np.int32 if len(self._ids) <= np.iinfo(np.int32).max else np.int64

    @functools.cached_property
    def _tags(self) -> NDArray[np.uint64]:
        from mmgraph.data.id_kernels import fill

        tags = np.zeros((1 << max(2 * len(self._ids), 1).bit_length(), 2), dtype=np.uint64)
        fill(self._offsets, self._data, tags)
        return tags

    @functools.cached_property
    def _by_number(self) -> tuple[int, NDArray[Any]] | None:
        """The least id and, from it on, the row of each; nothing unless ids are numbers that lie close."""
        try:
            numbers = self._ids.cast(pa.int64())
        except pa.ArrowInvalid:
            return None
        # A number has one spelling in a column of numbers: the ids 07 and +7 are not the number 7.
        if not len(numbers) or not numbers.cast(pa.large_string()).equals(self._ids):
            return None
        least, most = pc.min_max(numbers).values()
        span = most.as_py() - least.as_py() + 1
        if span > _SPREAD * len(numbers):
            return None
        table = np.full(span, -1, dtype=self._kind)
        table[numbers.to_numpy() - least.as_py()] = np.arange(len(numbers), dtype=self._kind)
        return least.as_py(), table

    @staticmethod
    def _rows_by_number(wanted: pa.Array, least: int, table: NDArray[Any]) -> NDArray[Any]:
        numbers = pc.fill_null(wanted, 0).to_numpy()
        inside = (numbers >= least) & (numbers <= least + len(table) - 1)
        if wanted.null_count:
            inside &= wanted.is_valid().to_numpy(zero_copy_only=False)
        if inside.all():
            return table[_offset(numbers, least)]
        rows = np.full(len(numbers), -1, dtype=table.dtype)
        rows[inside] = table[_offset(numbers[inside], least)]
        return rows


def _offset(numbers: NDArray[Any], least: int) -> NDArray[np.int64]:
    return numbers.astype(np.int64, copy=False) - least


def text_array(cells: Any) -> Any:
    """Return text as Arrow holds it, a ``LargeStringArray`` [N] in one piece; a missing cell is null."""
    if isinstance(cells, pa.LargeStringArray):
        return cells
    text = pa.array(cells, type=pa.large_string())
    # What pandas keeps in Arrow's form comes in chunks.
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text


def text_buffers(array: pa.Array) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return the offsets [N + 1] and the bytes of an array of text; missing cells are empty."""
    if isinstance(array, pa.ChunkedArray):
        # What pandas keeps in Arrow's form comes in chunks.
        array = array.combine_chunks()
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        array = array.cast(pa.large_string())
    if array.null_count:
        array = pc.fill_null(array, "")
    _, offsets, data = array.buffers()
    kind = np.int64 if pa.types.is_large_string(array.type) else np.int32
    if not len(array):
        return np.zeros(1, dtype=kind), np.empty(0, dtype=np.uint8)
    whole = np.frombuffer(offsets, dtype=kind)[array.offset : array.offset + len(array) + 1]
    nothing = np.empty(0, dtype=np.uint8)
    return whole, nothing if data is None or not data.size else np.frombuffer(data, dtype=np.uint8)
