"""How far each place of a picture has moved in the next one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

_LEVELS = 3
_ROUNDS = 3
_RADIUS = 4
_STIFF = 1e-3
_NOTHING = 1e-9
"""Keeps what is divided by from being 0."""

_FARTHEST = 2.0
"""How many pixels a round may change; what is asked for beyond is noise."""

_LEAST = 1e-4
"""Less structure than this, in squared brightness a pixel, is none: nothing is said to move there."""

Flow = npt.NDArray[np.float64]


def optical_flow(before: npt.NDArray[Any], after: npt.NDArray[Any]) -> Flow:
    """Return the motion from each picture to the next, in pixels down and to the right, [2, P, size, size].

    Lucas and Kanade's least squares in small windows, from coarse to fine, with a few rounds at each scale
    (`Bouguet 2000 <https://robots.stanford.edu/cs223b04/algo_tracking.pdf>`_). All pairs are solved at once.

    Args:
        before: Grey pictures, 0 to 1, [P, size, size], where ``size`` is a multiple of 4.
        after: The picture that follows each.
    """
    pyramid = [(before, after)]
    for _ in range(_LEVELS - 1):
        pyramid.append((_half(pyramid[-1][0]), _half(pyramid[-1][1])))
    flow = np.zeros((2, *pyramid[-1][0].shape))
    for first, second in reversed(pyramid):
        if flow.shape[-1] != first.shape[-1]:
            flow = 2 * flow.repeat(2, axis=-2).repeat(2, axis=-1)
        for _ in range(_ROUNDS):
            flow = _solved(first, _moved(second, flow), flow)
    return flow


def _solved(first: npt.NDArray[Any], second: npt.NDArray[Any], flow: Flow) -> Flow:
    """Return the motion that explains best, window by window, what differs between pictures.

    It is solved for as a whole, not as what is to be added: one motion for all of a window is smooth.

    Args:
        first: The pictures before.
        second: The pictures after, moved back by ``flow``.
        flow: What is known already.
    """
    down, right = np.gradient((first + second) / 2, axis=(-2, -1))
    change = second - first - down * flow[0] - right * flow[1]
    a, b, d = _window(down * down), _window(down * right), _window(right * right)
    p, q = -_window(down * change), -_window(right * change)
    # A straight edge tells its motion across alone: a little stiffness makes that the answer.
    stiff = _STIFF * (a + d) + _NOTHING
    found = np.stack([(d + stiff) * p - b * q, (a + stiff) * q - b * p]) / ((a + stiff) * (d + stiff) - b * b)
    return np.where(a + d > _LEAST, flow + np.clip(found - flow, -_FARTHEST, _FARTHEST), 0.0)


def _moved(pictures: npt.NDArray[Any], flow: Flow) -> npt.NDArray[Any]:
    """Return pictures as they would look if all that ``flow`` says had not happened yet."""
    pair, row, column = np.indices(pictures.shape, dtype=np.float64)
    moved: npt.NDArray[Any] = ndimage.map_coordinates(
        pictures, [pair, row + flow[0], column + flow[1]], order=1, mode="nearest"
    )
    return moved


def _window(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the mean over the window around each pixel."""
    width = 2 * _RADIUS + 1
    mean: npt.NDArray[Any] = ndimage.uniform_filter(values, size=(1, width, width), mode="nearest")
    return mean


def _half(pictures: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return pictures at half the size."""
    pairs, size = len(pictures), pictures.shape[-1] // 2
    half: npt.NDArray[Any] = pictures.reshape(pairs, size, 2, size, 2).mean(axis=(2, 4))
    return half
