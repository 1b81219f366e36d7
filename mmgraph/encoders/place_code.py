"""How a latitude and a longitude become numbers, fitted on training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.encoders.column_codes import ColumnCode
from mmgraph.encoders.encoder import Arrays
from mmgraph.encoders.fourier import fourier, fourier_names

_AXES = ("x", "y", "z")


@dataclass(frozen=True)
class PlaceCode(ColumnCode):
    """A place as a point on the globe, in three dimensions: near places are near, across the date line too.

    Points are centred and divided by one number for all axes, so that the places of a city lie as far apart
    as those of a continent, and distances keep their proportions.

    Args:
        centre: The mean point of the training places.
        spread: Their root mean square distance from it along an axis; 0 if they are all one.
        frequencies: How many sines and cosines of each axis there are.
    """

    kind: ClassVar[str] = "place"
    centre: tuple[float, ...]
    spread: float
    frequencies: int = 0

    @classmethod
    def fit(cls, cells: pd.Series[Any], *, frequencies: int = 0) -> PlaceCode:
        """Return the code that suits training cells, which are as :func:`places` makes them."""
        points = _points(cells.dropna().to_numpy(np.complex128))
        if not len(points):
            return cls((0.0, 0.0, 0.0), 0.0, frequencies)
        centre = points.mean(axis=0)
        spread = float(np.sqrt(np.square(points - centre).mean()))
        return cls(tuple(centre.tolist()), spread if spread > 1e-9 else 0.0, frequencies)

    @property
    def width(self) -> int:
        """Three, and six for each frequency."""
        return 3 + 6 * self.frequencies

    def __call__(self, cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return the points and their waves, [M, width]; zeros where a cell is empty."""
        values = cells.to_numpy(np.complex128)
        if self.spread == 0:
            scaled = np.zeros((len(values), 3))
        else:
            scaled = (_points(values) - np.array(self.centre)) / self.spread
        found = np.concatenate([scaled, fourier(scaled, self.frequencies)], axis=1)
        return np.where(np.isnan(values)[:, None], 0.0, found)

    def names(self) -> list[str]:
        """Return the axes, and the name of each wave."""
        return [*_AXES, *fourier_names(_AXES, self.frequencies)]

    def state(self) -> dict[str, Any]:
        """Return the centre, the spread and the number of frequencies."""
        return {"centre": list(self.centre), "spread": self.spread, "frequencies": self.frequencies}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Arrays) -> PlaceCode:  # noqa: ARG003 - JSON holds all
        """Return the code with this centre and spread."""
        return cls(tuple(state["centre"]), state["spread"], state["frequencies"])


def places(latitudes: pd.Series[Any], longitudes: pd.Series[Any]) -> pd.Series[Any]:
    """Return places as complex numbers, latitude and longitude in degrees; NaN where either is empty.

    Args:
        latitudes: North of the equator, in degrees, [M].
        longitudes: East of Greenwich, in degrees, [M].
    """
    values = latitudes.to_numpy(np.float64) + 1j * longitudes.to_numpy(np.float64)
    return pd.Series(values, index=latitudes.index)


def _points(values: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
    """Return points on the unit sphere, [M, 3]."""
    north, east = np.radians(values.real), np.radians(values.imag)
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1)
