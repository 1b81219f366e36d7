"""Images: histograms of oriented gradients, colours and a thumbnail, projected on principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.colours import COLOURS, LUMA, palettes, tile_means
from mmgraph.encoders.files import read_each
from mmgraph.encoders.images import read_image
from mmgraph.encoders.oriented_gradients import ORIENTATIONS, oriented_gradients
from mmgraph.encoders.projected import ProjectedEncoder
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_GRID = 4
_THUMBNAIL = 16


@ENCODERS.register("hog")
@dataclass(kw_only=True, eq=False)
class HOG(ProjectedEncoder):
    """Images: oriented gradients, colours and a thumbnail, on their principal components.

    Histograms of oriented gradients (Dalal and Triggs 2005, https://doi.org/10.1109/CVPR.2005.177) hold the
    shape. A histogram of colours and a coarse grid of mean colours hold the palette, and a grey thumbnail the
    layout. Each of these parts gets the same variance before the projection.

    Args:
        size: The side, in pixels, of the square that images are scaled to.
        cells: Cells of gradients along a side.
        colour: Whether colours count.
        components: Principal components to keep at most.

    Example:
        >>> HOG(size=32, components=64)
        HOG(components=64, size=32, cells=4, colour=True)
    """

    kind: ClassVar[str] = "image"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("pillow",)

    size: Annotated[
        int, Field(ge=16, le=256, multiple_of=16, description="Side in pixels, a multiple of 16 up to 256.")
    ] = 32
    cells: Annotated[Literal[2, 4, 8], Field(description="Cells of gradients along a side.")] = 4
    colour: Annotated[bool, Field(description="Whether colours count.")] = True

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the parts of each image side by side, float32 [M, D].

        Raises:
            DataError: If images cannot be read; it names the first few and counts them all.
        """
        return read_each(
            raw, lambda path: read_image(path, size=self.size), describe=self._parts, progress=progress
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of the parts, as `_parts` puts them side by side."""
        shape = ((self.cells - 1) ** 2 * 4 * ORIENTATIONS, _THUMBNAIL**2)
        return (*shape, COLOURS, 3 * _GRID**2) if self.colour else shape

    def _parts(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the parts of pictures [B, size, size, 3] side by side, float32 [B, D]."""
        rgb: npt.NDArray[np.float32] = pictures.astype(np.float32) / np.float32(255)
        grey: npt.NDArray[np.float32] = rgb @ LUMA
        parts = [oriented_gradients(grey, self.cells), tile_means(grey, _THUMBNAIL)]
        if self.colour:
            parts += [palettes(pictures), tile_means(rgb, _GRID)]
        return np.concatenate([part.reshape(len(pictures), -1) for part in parts], axis=1, dtype=np.float32)
