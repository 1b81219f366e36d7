"""Video: what an image encoder makes of its frames."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import Field

from mmgraph.config import parse
from mmgraph.data.choice import Choice
from mmgraph.data.modalities import RawModality
from mmgraph.data.video_file import read_frames
from mmgraph.encoders.build import build_encoder
from mmgraph.encoders.encoder import Arrays, Encoder, State
from mmgraph.encoders.files import of_each
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_AT_A_TIME = 8
"""Frames that lie on disk at once."""


@ENCODERS.register("frames")
@dataclass(kw_only=True, eq=False)
class Frames(Encoder[npt.NDArray[Any], Encoder[Any, Any]]):
    """Video: the mean of what an image encoder makes of evenly spaced frames, or the means of several parts.

    Any encoder of images: ``hog``, ``image_transformer``, ``clip_image``, one of your own. It is fitted on
    the means over training videos. Of several parts of a video, the vectors stand side by side, in order.

    Needs the extra ``mmgraph[video]``.

    Args:
        encoder: The encoder of images and its parameters.
        frames: How many frames are looked at.
        parts: How many parts of a video have a vector each: 1 for the mean over all frames, as many as there
            are frames for a vector of each.
        seconds: How much of the beginning of a file counts.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> Frames(frames=4).parameters()["encoder"]
        {'name': 'hog'}
    """

    kind: ClassVar[str] = "video"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("av", "pillow")
    cached: ClassVar[bool] = True

    encoder: Annotated[Choice, Field(description="The encoder of images and its parameters.")] = Choice(  # noqa: RUF009 - frozen
        name="hog"
    )
    frames: Annotated[int, Field(ge=1, le=1_024, description="How many frames are looked at.")] = 8
    parts: Annotated[int, Field(ge=1, description="How many parts of a video have a vector each.")] = 1
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
        self._images = build_encoder(self.encoder, "image", where=f"{type(self).__name__}: encoder")

    @classmethod
    def from_config(cls, parameters: Mapping[str, Any], *, where: str) -> Self:
        """Return an encoder with parameters that came from YAML.

        Args:
            parameters: The keys and values.
            where: The place that they came from.

        Raises:
            UnknownNameError: If there is no such encoder of images.
            ConfigError: With one fault for each key or value that cannot be used.
        """
        checked: Any = parse(cls.config_model(), dict(parameters), where=where)
        build_encoder(checked.encoder, "image", where=f"{where}.encoder")
        return super().from_config(parameters, where=where)

    def description_parameters(self) -> dict[str, Any]:
        """Return all parameters, and of the encoder of images what its descriptions depend on."""
        images = {
            "name": self.encoder.name,
            "version": self._images.version,
            "parameters": self._images.description_parameters(),
            "libraries": self._images.library_versions(),
        }
        return {**self.parameters(), "encoder": images}

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the mean description of the frames of each part of each video, float32 [M, parts, D].

        Raises:
            DataError: If videos cannot be read; it names the first few and counts them all.
            MissingDependencyError: If PyAV is not installed, or what the encoder of images needs.
        """
        with tempfile.TemporaryDirectory() as folder:
            return of_each(raw, lambda path: self._described(path, Path(folder)), progress=progress)

    def _described(self, video: Path, folder: Path) -> npt.NDArray[np.float32]:
        """Return the mean description of the frames of each part, float32 [parts, D].

        Frames are handed over as uncompressed files, so that any encoder reads them as it reads pictures.
        """
        frames = read_frames(video, number=self.frames, seconds=self.seconds)
        described = []
        while some := list(itertools.islice(frames, _AT_A_TIME)):
            files = [folder / f"{number}.ppm" for number in range(len(some))]
            for file, frame in zip(files, some, strict=True):
                Image.fromarray(frame).save(file)
            pictures = RawModality("image", np.arange(len(files)), files)
            described.append(np.asarray(self._images.describe(pictures, Progress(quiet=True))))
        parts = np.array_split(np.concatenate(described), self.parts)
        return np.stack([part.mean(axis=0) for part in parts]).astype(np.float32)

    def fit(self, described: npt.NDArray[Any]) -> None:
        """Fit the encoder of images on the parts of training videos."""
        self._images.fit(_flat(described))
        self._fitted = self._images

    def transform(self, described: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the vectors of the parts side by side, float32 [M, parts * C]."""
        vectors: npt.NDArray[np.float32] = self.fitted.transform(_flat(described))
        return vectors.reshape(len(described), -1)

    @property
    def channels(self) -> int:
        """The width of the vectors of all parts."""
        return self.parts * self.fitted.channels

    def fitted_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what the encoder of images found out."""
        return self.fitted.fitted_state()

    def restore(self, state: State, arrays: Arrays) -> None:
        """Take over what the encoder of images found out."""
        self._images.restore(state, arrays)
        self._fitted = self._images


def _flat(described: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return descriptions [M, parts, D] as [M * parts, D]."""
    return described.reshape(-1, described.shape[-1])
