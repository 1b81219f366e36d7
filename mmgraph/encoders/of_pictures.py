"""Encoders that leave pictures, which they make of their items, to an encoder of images."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import Field

from mmgraph.config import parse
from mmgraph.data.choice import Choice
from mmgraph.data.files import UnreadableFileError
from mmgraph.data.modalities import RawModality
from mmgraph.encoders.broken_items import BrokenItemsError
from mmgraph.encoders.build import build_encoder
from mmgraph.encoders.encoder import Arrays, Encoder, State
from mmgraph.encoders.trainable import require_frozen
from mmgraph.errors import ConfigError
from mmgraph.hashing import Hasher
from mmgraph.progress import Progress

_AT_A_TIME = 8
"""Pictures that lie on disk at once."""


@dataclass(kw_only=True, eq=False)
class OfPictures(Encoder[npt.NDArray[Any], Encoder[Any, Any]]):
    """Base of encoders whose descriptions are means of what an encoder of images makes of pictures.

    They are float32 [M, parts, D]. The encoder of images is fitted on the parts of training items.

    Args:
        encoder: The encoder of images and its parameters.
    """

    encoder: Annotated[Choice, Field(description="The encoder of images and its parameters.")] = Choice(  # noqa: RUF009 - frozen
        name="hog"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._images = image_encoder(self.encoder, where=f"{type(self).__name__}: encoder")

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
        image_encoder(checked.encoder, where=f"{where}.encoder")
        return super().from_config(parameters, where=where)

    def description_parameters(self) -> dict[str, Any]:
        """Return all parameters, and of the encoder of images what its descriptions depend on."""
        return {**self.parameters(), "encoder": described_by(self._images, self.encoder.name)}

    def fit(self, described: npt.NDArray[Any]) -> None:
        """Fit the encoder of images on the parts of training items."""
        self._images.fit(_flat(described))
        self._fitted = self._images

    def transform(self, described: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the vectors of the parts side by side, float32 [M, parts * C]."""
        vectors: npt.NDArray[np.float32] = self.fitted.transform(_flat(described))
        return vectors.reshape(len(described), -1)

    def meaning(self) -> str:
        """Return a hash of what the vectors of all parts mean."""
        parts = [type(self).__name__, self.version, self._num_parts, self.fitted.meaning()]
        return Hasher().json(parts).hexdigest()

    @property
    def channels(self) -> int:
        """The width of the vectors of all parts."""
        return self._num_parts * self.fitted.channels

    @property
    def _num_parts(self) -> int:
        """How many vectors of an item stand side by side."""
        return 1

    def fitted_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what the encoder of images found out."""
        return self.fitted.fitted_state()

    def restore(self, state: State, arrays: Arrays) -> None:
        """Take over what the encoder of images found out."""
        self._images.restore(state, arrays)
        self._fitted = self._images


def image_encoder(choice: Choice, *, where: str) -> Encoder[Any, Any]:
    """Return an encoder that makes one vector of an image, not fitted yet.

    Args:
        choice: Its name and parameters.
        where: The place of ``choice``.

    Raises:
        UnknownNameError: If there is no such encoder.
        ConfigError: If it reads something else, makes several nodes of an image, or parameters cannot be
            used, or is to be trained.
    """
    images = build_encoder(choice, "image", where=where)
    require_frozen(images, where=where, what="parts of other items")
    if images.several:
        raise ConfigError(
            f"got {choice.name} with a node for each part of an image; wanted one vector of an image",
            where=where,
            fix="Take another pooling.",
        )
    return images


def described_by(images: Encoder[Any, Any], name: str) -> dict[str, Any]:
    """Return what the descriptions of an encoder of images depend on, beside the pictures.

    Args:
        images: The encoder.
        name: The name that it is registered under.
    """
    return {
        "name": name,
        "version": images.version,
        "parameters": images.description_parameters(),
        "libraries": images.library_versions(),
    }


def describe_pictures(
    images: Encoder[Any, Any], pictures: Iterable[npt.NDArray[np.uint8]], folder: Path
) -> npt.NDArray[Any]:
    """Return what an encoder of images makes of pictures, [P, D].

    They are handed over as uncompressed files, so that any encoder reads them as it reads others.

    Args:
        images: The encoder.
        pictures: At least one, uint8 [height, width, 3]; one of them is held at a time.
        folder: Where files may lie for a while.

    Raises:
        UnreadableFileError: If the encoder cannot read one of them.
    """
    waiting, described = iter(pictures), []
    while files := _written(itertools.islice(waiting, _AT_A_TIME), folder):
        raw = RawModality("image", np.arange(len(files)), files)
        try:
            described.append(np.asarray(images.describe(raw, Progress(quiet=True))))
        except BrokenItemsError as error:
            # The file that it names is gone, and nobody knows its number.
            problem = next(iter(error.problems.values()))
            raise UnreadableFileError(f"has a part that {problem}") from None
    return np.concatenate(described)


def _written(pictures: Iterable[npt.NDArray[np.uint8]], folder: Path) -> list[Path]:
    """Return files that hold pictures; each is written as it comes, as a large one takes 100 MB."""
    files: list[Path] = []
    for number, picture in enumerate(pictures):
        file = folder / f"{number}.ppm"
        Image.fromarray(picture).save(file)
        files.append(file)
    return files


def _flat(described: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return descriptions [M, parts, D] as [M * parts, D]."""
    return described.reshape(-1, described.shape[-1])
