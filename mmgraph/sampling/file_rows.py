"""Reads rows of a file that is too large to be mapped: mapped pages count as the process's own memory.

A row is read by itself, without Python's lock. Of a mapped file, Linux would show the process up to 2 MiB
around each row that is in its cache, and so soon all of the file. Many rows are read by more threads than
there are cores: what is not in the cache is waited for, and a disk serves several at once.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from mmgraph.errors import GraphError
from mmgraph.worker_threads import run_together

# By how many threads rows are read at most, and how many each is given at least.
_READERS = 8
_ROWS_EACH = 512

Ints = NDArray[np.int64]

_pread: Any = types.ExternalFunction(
    "pread", types.intp(types.int32, types.voidptr, types.uintp, types.int64)
)


@njit(nogil=True, cache=True, error_model="numpy")
def _read_rows(file, offset, index, result):  # type: ignore[no-untyped-def]
    """Read rows, and return how many are whole.

    Args:
        file: The number of an open file.
        offset: Where its rows begin.
        index: Which rows, int64 [B].
        result: Room for them, uint8 [B, W].
    """
    width = result.shape[1]
    for row in range(index.size):
        done = np.int64(0)
        while done < width:
            room = result[row, done:].ctypes.data
            got = _pread(np.int32(file), room, np.uintp(width - done), offset + index[row] * width + done)
            if got <= 0:
                return row
            done += got
    return index.size


def read_rows_of(file: int, offset: int, index: Ints, result: NDArray[Any]) -> int:
    """Read rows of an open file, and return how many of them are whole: all, unless reading failed.

    Args:
        file: The file's number.
        offset: Where its rows begin, in bytes.
        index: Which rows, int64 [B].
        result: Where to write them, [B, ...], contiguous and of the type of the file's rows.
    """
    if not index.size or not result.size:
        return index.size
    room = result.view(np.uint8).reshape(index.size, -1)
    parts = min(_READERS, 1 + index.size // _ROWS_EACH)
    cuts = [index.size * part // parts for part in range(parts + 1)]
    whole = [0] * parts

    def read(part: int, begin: int, end: int) -> None:
        whole[part] = int(_read_rows(file, offset, index[begin:end], room[begin:end]))

    run_together([partial(read, part, *cut) for part, cut in enumerate(pairwise(cuts))])
    for done, (begin, end) in zip(whole, pairwise(cuts), strict=True):
        if begin + done < end:
            return begin + done
    return index.size


def read_rows(values: np.memmap[Any, Any], index: Ints, result: NDArray[Any]) -> None:
    """Read rows of a mapped array from its file.

    Args:
        values: A whole mapped file of numpy's, [N, ...].
        index: Which rows, int64 [B].
        result: Where to write them, [B, ...], of the same type.

    Raises:
        GraphError: If the file cannot be read, or ends too early.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/x.npy", np.arange(6.0).reshape(3, 2))
        ...     result = np.empty((2, 2))
        ...     read_rows(np.load(f"{folder}/x.npy", mmap_mode="r"), np.array([2, 0]), result)
        >>> result.tolist()
        [[4.0, 5.0], [0.0, 1.0]]
    """
    try:
        file = os.open(values.filename, os.O_RDONLY)  # type: ignore[arg-type]
        try:
            whole = read_rows_of(file, values.offset, index, result)
        finally:
            os.close(file)
    except OSError as error:
        raise GraphError(
            f"cannot be read: {error.strerror}", where=str(values.filename), fix="Build the graph again."
        ) from None
    if whole < index.size:
        raise GraphError(
            f"its row {index[whole]} cannot be read", where=str(values.filename), fix="Build the graph again."
        )
