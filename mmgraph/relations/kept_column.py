"""A column of a table in a form that a graph can keep: one JSON text a cell."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.errors import GraphError


def keep_column(cells: pd.Series[Any], *, where: str) -> NDArray[np.str_]:
    """Return each cell as JSON text, [N].

    Args:
        cells: A column [N] of text, numbers, true and false, or lists of these; cells may be missing.
        where: What names the column, for messages.

    Raises:
        GraphError: If a cell is of a kind that JSON does not have, such as a date.

    Example:
        >>> read_column(keep_column(pd.Series(["a", None, 2]), where="columns"))
        ['a', None, 2]
    """
    plain = cells.astype(object).where(cells.notna(), None).tolist()
    try:
        texts = [json.dumps(cell.tolist() if hasattr(cell, "tolist") else cell) for cell in plain]
    except TypeError as error:
        raise GraphError(
            f"the column {cells.name!r} cannot be kept for new entities: {error}",
            where=where,
            fix="Write it as text or numbers, or leave `inductive` out.",
        ) from None
    return np.array(texts, dtype=np.str_)


def read_column(texts: NDArray[np.str_]) -> list[Any]:
    """Return the cells that :func:`keep_column` kept, missing ones as ``None``."""
    return [json.loads(text) for text in texts]
