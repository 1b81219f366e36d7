"""The colours of pictures: how much there is of each, and where."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_LEVELS = 4
COLOURS = _LEVELS**3
"""How many colours a palette tells apart."""

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""What red, green and blue add to brightness (ITU-R BT.601)."""


def tile_means(pictures: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """Return the mean of each of ``side`` x ``side`` tiles of square pictures, [B, side, side, channels]."""
    tile = pictures.shape[1] // side
    tiles = pictures.reshape(len(pictures), side, tile, side, tile, -1)
    means: npt.NDArray[Any] = tiles.mean(axis=(2, 4))
    return means


def palettes(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the square roots of the shares of 64 colours: the many pixels of a ground must not rule.

    Args:
        pictures: [B, height, width, 3].

    Returns:
        [B, 64].
    """
    levels = pictures.astype(np.int64) * _LEVELS // 256
    colour = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]
    colour += np.arange(len(pictures))[:, None, None] * COLOURS
    counts = np.bincount(colour.ravel(), minlength=len(pictures) * COLOURS).reshape(len(pictures), -1)
    shares: npt.NDArray[np.float64] = np.sqrt(counts / (pictures.shape[1] * pictures.shape[2]))
    return shares
