"""Descriptions of raw files, one after the other; all that cannot be read are reported in one error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.data.files import UnreadableFileError
from mmgraph.data.modalities import RawModality
from mmgraph.encoders.one_thread import one_thread
from mmgraph.errors import DataError
from mmgraph.progress import Progress

_SHOWN = 5
_AT_A_TIME = 64


def read_each(
    raw: RawModality,
    read: Callable[[Path], npt.NDArray[Any]],
    *,
    describe: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] | None = None,
    progress: Progress,
) -> npt.NDArray[Any]:
    """Return what ``read`` makes of each file, stacked, [M, ...].

    Args:
        raw: Images or audio.
        read: Returns an array of the same shape for any file, or raises `UnreadableFileError`.
        describe: Takes what was read of some files, stacked, and returns a row for each: many at once cost
            less than each by itself. Nothing where what was read is the description.
        progress: Told about every file.

    Raises:
        DataError: If files cannot be used; it names the first few and counts them all.
    """
    results: list[npt.NDArray[Any]] = []
    read_so_far: list[npt.NDArray[Any]] = []
    describe = describe or (lambda stacked: stacked)
    problems: list[tuple[str, str]] = []
    with one_thread(), progress.job(f"read {raw.kind} files", total=len(raw)) as advance:
        for row, value in zip(raw.index, raw.values, strict=True):
            path = Path(str(value))
            try:
                read_so_far.append(read(path))
            except UnreadableFileError as error:
                problems.append((f"{path} (row {row + 1})", str(error)))
            if len(read_so_far) == _AT_A_TIME:
                results.append(describe(np.stack(read_so_far)))
                read_so_far.clear()
            advance()
        if read_so_far:
            results.append(describe(np.stack(read_so_far)))
    if problems:
        raise _one_error(problems, raw)
    return np.concatenate(results)


def _one_error(problems: list[tuple[str, str]], raw: RawModality) -> DataError:
    where, problem = problems[0]
    if len(problems) > 1:
        others = "; ".join(f"{place}: {text}" for place, text in problems[1:_SHOWN])
        more = f"; and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
        problem += (
            f" ({len(problems):,} of {len(raw):,} {raw.kind} files cannot be used, also {others}{more})"
        )
    return DataError(
        problem, where=where, fix="Mend or replace the file, or leave its cell in the table empty."
    )
