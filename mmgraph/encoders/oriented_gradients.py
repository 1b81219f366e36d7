"""Histograms of oriented gradients of many pictures at once.

Shapes: B pictures, S pixels along a side, C cells along a side, O orientations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ORIENTATIONS = 9
_CLIPPED = 0.2
_NEGLIGIBLE = 1e-5


def oriented_gradients(grey: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Return histograms of oriented gradients, float32 [B, (C - 1)^2 * 4 * O].

    Each of two by two cells side by side is a block, whose histograms are brought to one length, clipped and
    brought to one length again (Dalal and Triggs 2005, https://doi.org/10.1109/CVPR.2005.177). They are those
    of scikit-image's ``hog``, which takes a picture at a time.

    Args:
        grey: The brightness of the pixels, float32 [B, S, S].
        cells: Cells along a side, C, which divides S.

    Example:
        >>> ramp = np.tile(np.arange(8, dtype=np.float32), (8, 1))
        >>> oriented_gradients(ramp[None], 2).reshape(4, 9).argmax(axis=1).tolist()
        [0, 0, 0, 0]
    """
    histograms = _histograms(grey, cells)
    last = cells - 1
    corners = [histograms[:, row : row + last, column : column + last] for row in (0, 1) for column in (0, 1)]
    blocks = np.concatenate(corners, axis=3)
    blocks = _unit(np.minimum(_unit(blocks), _CLIPPED))
    return blocks.reshape(len(grey), -1).astype(np.float32)


def _histograms(grey: NDArray[np.float32], cells: int) -> NDArray[np.float64]:
    """Return the mean length of the gradients of each orientation in each cell, float64 [B, C, C, O]."""
    down, right = np.zeros_like(grey), np.zeros_like(grey)
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    right[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    length = np.hypot(right, down)
    degrees = np.rad2deg(np.arctan2(down, right)) % 180
    # A direction that rounding brings to 180 degrees counts as the last one below.
    orientation = np.minimum((degrees * (ORIENTATIONS / 180)).astype(np.int64), ORIENTATIONS - 1)
    count, size = grey.shape[:2]
    cell = np.arange(size) // (size // cells)
    place = (np.arange(count)[:, None, None] * cells + cell[:, None]) * cells + cell
    sums = np.bincount(
        (place * ORIENTATIONS + orientation).ravel(), length.ravel(), count * cells**2 * ORIENTATIONS
    )
    means: NDArray[np.float64] = sums.reshape(count, cells, cells, ORIENTATIONS) / (size // cells) ** 2
    return means


def _unit(blocks: NDArray[np.float64]) -> NDArray[Any]:
    """Return each block with a length of 1, or nearly 0 where there is hardly any gradient."""
    length = np.sqrt(np.square(blocks).sum(axis=3, keepdims=True) + _NEGLIGIBLE**2)
    unit: NDArray[Any] = blocks / length
    return unit
