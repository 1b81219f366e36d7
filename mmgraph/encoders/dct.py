"""Images: their slow waves by the discrete cosine transform, projected on principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.fft import dctn

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.files import read_each
from mmgraph.encoders.images import read_image
from mmgraph.encoders.projected import ProjectedEncoder
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_SIZE = 64
_YCBCR = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=np.float32
)
"""Brightness and two differences of colour from red, green and blue, as JPEG has them (ITU-T T.871)."""


@ENCODERS.register("dct")
@dataclass(kw_only=True, eq=False)
class DCT(ProjectedEncoder):
    """Images: layout of light and colour by the discrete cosine transform, on their principal components.

    The slowest waves (`Ahmed, Natarajan and Rao 1974 <https://doi.org/10.1109/T-C.1974.223784>`_) of
    brightness and of two differences of colour, as JPEG files hold them, with half as many a side for colour.
    They hold what a blurred picture shows, and hardly change with compression or size.

    Args:
        waves: Waves of brightness along a side.
        colour: Whether colours count.
        components: Principal components to keep at most.

    Example:
        >>> DCT(waves=8).widths
        (64, 16, 16)
    """

    kind: ClassVar[str] = "image"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("pillow", "scipy")

    waves: Annotated[int, Field(ge=2, le=_SIZE, description="Waves of brightness along a side.")] = 16
    colour: Annotated[bool, Field(description="Whether colours count.")] = True

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the waves of each image, float32 [M, D].

        Raises:
            DataError: If images cannot be read; it names the first few and counts them all.
        """
        return read_each(raw, lambda path: self._parts(read_image(path, size=_SIZE)), progress=progress)

    @property
    def widths(self) -> tuple[int, ...]:
        """The numbers of waves of brightness and of both differences of colour."""
        return tuple(side**2 for side in self._sides)

    @property
    def _sides(self) -> tuple[int, ...]:
        return (self.waves, self.waves // 2, self.waves // 2) if self.colour else (self.waves,)

    def _parts(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the waves of one picture [64, 64, 3] side by side, float32 [D]."""
        planes = np.moveaxis((picture.astype(np.float32) / 255) @ _YCBCR.T, 2, 0)
        waves = [
            dctn(plane, norm="ortho")[:side, :side].ravel() / _SIZE
            for plane, side in zip(planes, self._sides, strict=False)
        ]
        return np.concatenate(waves).astype(np.float32)
