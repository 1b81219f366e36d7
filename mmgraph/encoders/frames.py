"""Video: what an image encoder makes of its frames."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.data.video_file import read_frames
from mmgraph.encoders.files import of_each
from mmgraph.encoders.of_pictures import OfPictures, describe_pictures
from mmgraph.encoders.ragged import Ragged
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS


@ENCODERS.register("frames")
@dataclass(kw_only=True, eq=False)
class Frames(OfPictures):
    """Video: the mean of what an image encoder makes of evenly spaced frames, or the means of several parts.

    Any encoder of images: ``hog``, ``image_transformer``, ``clip_image``, one of your own. It is fitted on
    the means over training videos. Of several parts of a video, the vectors stand side by side, in order.

    Needs the extra ``mmgraph[video]``.

    Args:
        encoder: The encoder of images and its parameters.
        frames: How many frames are looked at.
        parts: How many parts of a video have a vector each: 1 for the mean over all frames, as many as there
            are frames for a vector of each.
        sequence: Whether each part is a node of its own; else their vectors stand side by side in one.
        seconds: How much of the beginning of a file counts.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> Frames(frames=4).parameters()["encoder"]
        {'name': 'hog'}
    """

    kind: ClassVar[str] = "video"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("av", "pillow")
    cached: ClassVar[bool] = True

    frames: Annotated[int, Field(ge=1, le=1_024, description="How many frames are looked at.")] = 8
    parts: Annotated[int, Field(ge=1, description="How many parts of a video have a vector each.")] = 1
    sequence: Annotated[bool, Field(description="Whether each part is a node of its own.")] = False
    seconds: Annotated[
        float, Field(gt=0, le=36_000, description="How much of the beginning of a file counts.")
    ] = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.parts > self.frames:
            raise ConfigError(
                f"got {self.parts} parts of {self.frames} frames; wanted a frame in each part",
                where=f"{type(self).__name__}: parts",
                fix=f"Take at most {self.frames} parts, or more frames.",
            )

    @property
    def several(self) -> bool:
        """Whether each part is a node."""
        return self.sequence

    def describe(self, raw: RawModality, progress: Progress) -> Any:
        """Return the mean description of the frames of each part of each video, float32 [M, parts, D].

        Raises:
            DataError: If videos cannot be read; it names the first few and counts them all.
            MissingDependencyError: If PyAV is not installed, or what the encoder of images needs.
        """
        with tempfile.TemporaryDirectory() as folder:
            parts = of_each(raw, lambda path: self._described(path, Path(folder)), progress=progress)
        return Ragged.of(list(parts)) if self.several else parts

    def _described(self, video: Path, folder: Path) -> npt.NDArray[np.float32]:
        """Return the mean description of the frames of each part, float32 [parts, D]."""
        frames = read_frames(video, number=self.frames, seconds=self.seconds)
        parts = np.array_split(describe_pictures(self._images, frames, folder), self.parts)
        return np.stack([part.mean(axis=0) for part in parts]).astype(np.float32)

    @property
    def _num_parts(self) -> int:
        return 1 if self.sequence else self.parts
