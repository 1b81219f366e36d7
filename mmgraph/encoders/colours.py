"""The colours of a picture: how much there is of each, and where."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_LEVELS = 4
COLOURS = _LEVELS**3
"""How many colours a palette tells apart."""

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""What red, green and blue add to brightness (ITU-R BT.601)."""


def tile_means(picture: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """Return the mean of each of ``side`` x ``side`` tiles of a square picture, [side, side, channels]."""
    tile = len(picture) // side
    tiles = picture.reshape(side, tile, side, tile, -1)
    means: npt.NDArray[Any] = tiles.mean(axis=(1, 3))
    return means


def palette(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the square roots of the shares of 64 colours: the many pixels of a ground must not rule."""
    red, green, blue = np.moveaxis(picture.astype(np.int64) * _LEVELS // 256, 2, 0)
    counts = np.bincount(((red * _LEVELS + green) * _LEVELS + blue).ravel(), minlength=COLOURS)
    shares: npt.NDArray[np.float64] = np.sqrt(counts / counts.sum())
    return shares
