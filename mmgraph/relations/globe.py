"""Distances on the globe by straight lines through it, which a search tree can measure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

RADIUS = 6371.0088
"""The mean radius of the earth, in km."""


def on_sphere(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points of the unit sphere, float64 [N, 3], from latitudes and longitudes, [N, 2]."""
    latitude, longitude = np.radians(degrees).T
    along = np.cos(latitude)
    return np.stack([along * np.cos(longitude), along * np.sin(longitude), np.sin(latitude)], axis=1)


def chord(distance: float) -> float:
    """Return the straight line through the unit sphere under a great circle, given in km.

    Example:
        >>> chord(math.pi * RADIUS)
        2.0
    """
    return 2 * math.sin(min(distance / RADIUS, math.pi) / 2)


def kilometres(chords: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the great circles over straight lines through the unit sphere, in km."""
    circle: NDArray[np.float64] = 2 * RADIUS * np.arcsin(np.minimum(chords / 2, 1))
    return circle
