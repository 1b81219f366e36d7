"""Feature vectors that stand in cells, one for each node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.errors import Faults


def vectors(
    cells: Sequence[Any], *, where: str, faults: Faults, width: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the rows that have a vector, int64 [M], and the vectors, float32 [M, D].

    A cell without a vector is ``None``, or holds nothing but NaN.

    Args:
        cells: One cell for each node, [N].
        where: The place, for messages.
        faults: Told about cells that hold something else.
        width: How wide the vectors are, where it is known; else as wide as the first one.
    """
    rows, found = [], []
    for row, cell in enumerate(cells):
        if cell is None:
            continue
        vector = _vector(cell)
        if vector is None:
            faults.add(where, f"got {_shown(cell)} for node {row}; wanted numbers [D]", "Mend it.")
            return _nothing(width)
        if len(vector) and np.isnan(vector).all():
            continue
        width = len(vector) if width is None else width
        if len(vector) != width:
            problem = (
                f"got {counted(len(vector), 'number')} for node {row}; wanted {width}, as many as for the "
                "others"
            )
            faults.add(where, problem, "Give all nodes vectors of one length.")
            return _nothing(width)
        if not np.isfinite(vector).all():
            fix = "Mend it, or fill the whole vector with NaN to say that it is missing."
            faults.add(where, f"the vector of node {row} holds a value that is not finite", fix)
            return _nothing(width)
        rows.append(row)
        found.append(vector)
    if not found:
        return _nothing(width)
    return np.array(rows, dtype=np.int64), np.stack(found)


def _vector(cell: Any) -> NDArray[np.float32] | None:
    try:
        array = np.asarray(cell)
    except (TypeError, ValueError, RuntimeError):
        return None
    if array.ndim != 1 or (array.dtype.kind not in "fiub" and array.size):
        return None
    vector: NDArray[np.float32] = array.astype(np.float32)
    return vector


def _nothing(width: int | None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return np.empty(0, dtype=np.int64), np.empty((0, width or 0), dtype=np.float32)


def _shown(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else f"{text[:57]}..."


def whole_vectors(
    array: NDArray[Any], *, where: str, faults: Faults, present: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the rows of an array that are not NaN throughout, int64 [M], and their values, float32 [M, D].

    Args:
        array: Numbers [N, D].
        where: The place, for messages.
        faults: Told about rows that hold a value that is not finite.
        present: The rows that are there at all, bool [N]; nothing for all.
    """
    values: NDArray[np.float32] = array.astype(np.float32, copy=False)
    there = ~np.isnan(values).all(axis=1) if values.shape[1] else np.ones(len(values), dtype=bool)
    if present is not None:
        there &= present
    broken = np.flatnonzero(there & ~np.isfinite(values).all(axis=1))
    if len(broken):
        faults.add(
            where,
            f"{counted(len(broken), 'row holds', 'rows hold')} a value that is not finite, first row "
            f"{broken[0]}",
            "Mend them, or fill the whole row with NaN to say that it is missing.",
        )
    rows = np.flatnonzero(there)
    return rows.astype(np.int64), values[rows]
