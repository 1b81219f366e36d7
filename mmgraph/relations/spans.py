"""Spans of positions, written out: the form in which many builders find their edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


def write_out(start: Positions, stop: Positions) -> tuple[Positions, Positions]:
    """Return every position of every span, and the span that it belongs to.

    Args:
        start: The first position of each span, int64 [S].
        stop: The position after its last one, int64 [S]; a span that stops before it starts is empty.

    Example:
        >>> position, span = write_out(np.array([0, 5, 2]), np.array([2, 5, 5]))
        >>> position.tolist(), span.tolist()
        ([0, 1, 2, 3, 4], [0, 0, 2, 2, 2])
    """
    lengths = np.maximum(stop - start, 0)
    span = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    before = np.cumsum(lengths) - lengths
    position = np.arange(len(span), dtype=np.int64) + np.repeat(start - before, lengths)
    return position, span
