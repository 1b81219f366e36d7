"""Some of many, evenly spaced: a sample that is the same each time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def evenly(size: int, most: int) -> NDArray[np.int64]:
    """Return places from the first to the last, at most so many, ascending and each once.

    Args:
        size: How many there are.
        most: How many to return at most.

    Example:
        >>> evenly(9, 3).tolist(), evenly(2, 5).tolist(), evenly(0, 5).tolist()
        ([0, 4, 8], [0, 1], [])
    """
    return np.unique(np.linspace(0, size - 1, min(most, size)).astype(np.int64))
