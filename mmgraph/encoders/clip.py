"""Text and images in the one space of a CLIP model: each side's vectors can be compared with the other's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.affine import Affine
from mmgraph.encoders.frozen import FrozenEncoder
from mmgraph.encoders.hub_model import HubModel, hub_model
from mmgraph.encoders.pretrained import content_of, pretrained_folder
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_DEFAULT = "openai/clip-vit-base-patch32"


@dataclass(kw_only=True, eq=False)
class _JointSpace(FrozenEncoder):
    """Base of both sides: vectors of length ``sqrt(D)``, the same for each side, so that nothing is fitted.

    A mean that each side subtracted for itself would leave two spaces.

    Args:
        model: A folder, or a name on the Hugging Face hub, of a model with a joint space.
    """

    learns: ClassVar[bool] = False
    version: ClassVar[int] = 1

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        _DEFAULT
    )

    def description_parameters(self) -> dict[str, Any]:
        """Return the content of the model, and all else."""
        content = content_of(pretrained_folder(self.model, kind=self.kind, where=self._place))
        return {**self.parameters(), "model": content}

    def fit(self, described: npt.NDArray[Any]) -> None:
        """Learn the width alone."""
        width = described.shape[1]
        self._fitted = Affine(np.zeros(width), np.full(width, np.sqrt(width)))

    def transform(self, described: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the vectors at length ``sqrt(D)``, float32 [M, D].

        Raises:
            DataError: If they are of another model, with another width.
        """
        length = np.linalg.norm(described.astype(np.float64), axis=1, keepdims=True)
        return super().transform(described / np.maximum(length, np.finfo(np.float32).tiny))

    @property
    def _place(self) -> str:
        return f"encoder clip_{self.kind}"

    def _found(self) -> HubModel:
        folder = pretrained_folder(self.model, kind=self.kind, where=self._place)
        found = hub_model(folder, kind=self.kind, encoder_only=False, where=self._place)
        if not hasattr(found.model, "get_text_features") or not hasattr(found.model, "get_image_features"):
            raise ConfigError(
                f"got a model of the type {found.model.config.model_type!r}, without a joint space",
                where=f"{self._place}: model",
                fix=f"Take CLIP, SigLIP or their like, or the encoder {self.kind}_transformer.",
            )
        found.require_complete()
        return found


@ENCODERS.register("clip_text")
@dataclass(kw_only=True, eq=False)
class ClipText(_JointSpace):
    """Text: in the space that a CLIP model has for text and images; its other half is `clip_image`.

    CLIP (`Radford et al. 2021 <https://arxiv.org/abs/2103.00020>`_) or SigLIP (`Zhai et al. 2023
    <https://arxiv.org/abs/2303.15343>`_). Where one model encodes both modalities, a text and an image that
    say the same are near to each other: `cross_modal` with ``space: shared`` ties them. The model stays as
    it is, and runs on the CPU.

    Needs ``mmgraph[hub]``. Nothing is downloaded: a model is a folder, or in the hub's cache already.

    Args:
        model: A folder, or a name on the Hugging Face hub, of a model with a joint space.
        batch_size: Texts at a time, fewer where they are long; another number changes last bits.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> ClipText(batch_size=8)
        ClipText(model='openai/clip-vit-base-patch32', batch_size=8)
    """

    kind: ClassVar[str] = "text"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("transformers",)

    batch_size: Annotated[int, Field(ge=1, description="Texts at a time, at most.")] = 16

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the text features of the model, float32 [M, D].

        Raises:
            ConfigError: If the model has no joint space.
            DataError: If the model cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers is not installed.
        """
        found = self._found()
        return found.describe_texts(
            raw,
            lambda tokens, mask: (
                found.model.get_text_features(input_ids=tokens, attention_mask=mask).pooler_output
            ),
            max_tokens=found.max_tokens,
            batch_size=self.batch_size,
            progress=progress,
        )


@ENCODERS.register("clip_image")
@dataclass(kw_only=True, eq=False)
class ClipImage(_JointSpace):
    """Images: in the space that a CLIP model has for text and images; its other half is `clip_text`.

    CLIP (`Radford et al. 2021 <https://arxiv.org/abs/2103.00020>`_) or SigLIP (`Zhai et al. 2023
    <https://arxiv.org/abs/2303.15343>`_). The model stays as it is, and runs on the CPU.

    Needs ``mmgraph[hub]``. Nothing is downloaded: a model is a folder, or in the hub's cache already.

    Args:
        model: A folder, or a name on the Hugging Face hub, of a model with a joint space.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> ClipImage().model
        'openai/clip-vit-base-patch32'
    """

    kind: ClassVar[str] = "image"
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "pillow")

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the image features of the model, float32 [M, D].

        Raises:
            ConfigError: If the model has no joint space.
            DataError: If images cannot be read, or the model cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers is not installed.
        """
        found = self._found()
        return found.describe_images(
            raw,
            lambda pixels: found.model.get_image_features(pixel_values=pixels).pooler_output,
            progress=progress,
        )
