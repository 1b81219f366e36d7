"""The values in the cells of a column: one a cell, a list of them, or text that a separator cuts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def cell_values(
    cells: pd.Series[Any], separator: str | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    """Return every distinct value of every cell, without spaces around it; what is blank is no value.

    Args:
        cells: The column, [N].
        separator: What stands between the values in a cell of text; nothing where a cell holds one.

    Returns:
        The row of each value, ascending, int64 [V], and the values, text [V].

    Example:
        >>> rows, values = cell_values(pd.Series(["red| blue", None, "red"]), "|")
        >>> rows.tolist(), values.tolist()
        ([0, 0, 2], ['red', 'blue', 'red'])
    """
    found = [dict.fromkeys(_split(cell, separator)) for cell in cells.astype(object)]
    rows = np.repeat(np.arange(len(found), dtype=np.int64), [len(values) for values in found])
    values = np.empty(len(rows), dtype=object)
    values[:] = [value for each in found for value in each]
    return rows, values


def _split(cell: Any, separator: str | None) -> list[str]:
    if isinstance(cell, str):
        parts: Collection[Any] = cell.split(separator) if separator else [cell]
    elif isinstance(cell, (list, tuple, np.ndarray)):
        parts = list(cell)
    else:
        parts = [cell]
    texts = (str(part).strip() for part in parts if not _is_missing(part))
    return [text for text in texts if text]


def _is_missing(part: Any) -> bool:
    # Text, which most of them are, need not be asked.
    return not isinstance(part, str) and pd.api.types.is_scalar(part) and bool(pd.isna(part))
