"""Images: local binary patterns, which tell textures apart, projected on principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from skimage.feature import local_binary_pattern

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.colours import COLOURS, LUMA, palettes
from mmgraph.encoders.files import read_each
from mmgraph.encoders.images import read_image
from mmgraph.encoders.projected import ProjectedEncoder
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_CIRCLES = ((8, 1), (16, 2))
"""Points on each circle around a pixel, and its radius in pixels."""


@ENCODERS.register("lbp")
@dataclass(kw_only=True, eq=False)
class LBP(ProjectedEncoder):
    """Images: local binary patterns at two radii, and the colours, on their principal components.

    Rotation-invariant uniform patterns (Ojala, Pietikäinen and Mäenpää 2002,
    https://doi.org/10.1109/TPAMI.2002.1017623): for each pixel, which of the points around it are brighter.
    Their shares in each of some cells hold the texture, whatever the light and however it is turned.

    Args:
        size: The side, in pixels, of the square that images are scaled to.
        cells: Cells along a side.
        colour: Whether the shares of 64 colours count too.
        components: Principal components to keep at most.

    Example:
        >>> LBP(cells=2)
        LBP(components=128, size=64, cells=2, colour=True)
    """

    kind: ClassVar[str] = "image"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("pillow", "scikit-image")

    size: Annotated[
        int, Field(ge=16, le=256, multiple_of=16, description="Side in pixels, a multiple of 16 up to 256.")
    ] = 64
    cells: Annotated[Literal[1, 2, 4, 8], Field(description="Cells along a side.")] = 4
    colour: Annotated[bool, Field(description="Whether colours count.")] = True

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the parts of each image side by side, float32 [M, D].

        Raises:
            DataError: If images cannot be read; it names the first few and counts them all.
        """
        return read_each(raw, lambda path: self._parts(read_image(path, size=self.size)), progress=progress)

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of the parts, as `_parts` puts them side by side."""
        textures = tuple(self.cells**2 * (points + 2) for points, _ in _CIRCLES)
        return (*textures, COLOURS) if self.colour else textures

    def _parts(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the parts of one picture [size, size, 3] side by side, float32 [D]."""
        grey = np.rint(picture @ LUMA).astype(np.uint8)
        parts = [self._shares(grey, points, radius) for points, radius in _CIRCLES]
        parts += [palettes(picture[None])[0]] if self.colour else []
        return np.concatenate(parts).astype(np.float32)

    def _shares(self, grey: npt.NDArray[np.uint8], points: int, radius: int) -> npt.NDArray[Any]:
        """Return the square roots of the shares of all patterns in each cell, side by side."""
        patterns = local_binary_pattern(grey, points, radius, method="uniform")  # type: ignore[no-untyped-call]
        side = self.size // self.cells
        cell = np.arange(self.size) // side
        places = (cell[:, None] * self.cells + cell) * (points + 2) + patterns.astype(np.int64)
        counts = np.bincount(places.ravel(), minlength=self.cells**2 * (points + 2))
        shares: npt.NDArray[Any] = np.sqrt(counts / side**2)
        return shares
