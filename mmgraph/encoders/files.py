"""Descriptions of raw files, one after the other; all that cannot be read are reported in one error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.data.files import UnreadableFileError
from mmgraph.data.modalities import RawModality
from mmgraph.encoders.broken_items import broken_items
from mmgraph.encoders.one_thread import one_thread
from mmgraph.progress import Progress

_AT_A_TIME = 64
_NOT_FILES = ("pair", "regions")


def read_each(
    raw: RawModality,
    read: Callable[[Path], npt.NDArray[Any]],
    *,
    describe: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] | None = None,
    progress: Progress,
) -> npt.NDArray[Any]:
    """Return what ``read`` makes of each file, stacked, [M, ...].

    Args:
        raw: Images, audio or video.
        read: Returns an array of the same shape for any file, or raises `UnreadableFileError`.
        describe: Takes what was read of some files, stacked, and returns a row for each: many at once cost
            less than each by itself. Nothing where what was read is the description.
        progress: Told about every file.

    Raises:
        DataError: If files cannot be used; it names the first few and counts them all.
    """
    with one_thread():
        return of_each(raw, read, describe=describe, progress=progress)


def of_each(
    raw: RawModality,
    make: Callable[[Any], npt.NDArray[Any]],
    *,
    describe: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] | None = None,
    progress: Progress,
) -> npt.NDArray[Any]:
    """Return what is made of each item, stacked, [M, ...], by as many threads as ``make`` uses.

    Args:
        raw: Images, audio, video, regions or pairs.
        make: Takes a path, regions or a pair, and returns an array of the same shape for any of them, or
            raises `UnreadableFileError`.
        describe: As :func:`read_each` takes it.
        progress: Told about every file.

    Raises:
        DataError: If files cannot be used; it names the first few and counts them all.
    """
    describe = describe or (lambda stacked: stacked)
    results: list[npt.NDArray[Any]] = []
    made: list[npt.NDArray[Any]] = []
    problems: dict[int, str] = {}
    what = "pairs" if raw.kind == "pair" else f"{raw.kind} files"
    with progress.job(f"read {what}", total=len(raw)) as advance:
        for position, value in enumerate(raw.values):
            try:
                made.append(make(value if raw.kind in _NOT_FILES else Path(str(value))))
            except UnreadableFileError as error:
                problems[position] = str(error)
            if len(made) == _AT_A_TIME:
                results.append(describe(np.stack(made)))
                made.clear()
            advance()
        if made:
            results.append(describe(np.stack(made)))
    if problems:
        raise broken_items(problems, raw)
    return np.concatenate(results)
