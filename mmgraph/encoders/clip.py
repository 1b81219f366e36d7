"""Text and images in the one space of a CLIP model: each side's vectors can be compared with the other's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.joint_space import JointSpace, TextSide
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_DEFAULT = "openai/clip-vit-base-patch32"


@dataclass(kw_only=True, eq=False)
class _Clip(JointSpace):
    """Base of both sides of CLIP and SigLIP."""

    sides: ClassVar[tuple[str, str]] = ("text", "image")
    fitting: ClassVar[str] = "CLIP, SigLIP or their like"

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        _DEFAULT
    )


@ENCODERS.register("clip_text")
@dataclass(kw_only=True, eq=False)
class ClipText(_Clip, TextSide):
    """Text: in the space that a CLIP model has for text and images; its other half is `clip_image`.

    CLIP (`Radford et al. 2021 <https://arxiv.org/abs/2103.00020>`_) or SigLIP (`Zhai et al. 2023
    <https://arxiv.org/abs/2303.15343>`_). Where one model encodes both modalities, a text and an image that
    say the same are near to each other: `cross_modal` with ``space: shared`` ties them. The model stays as
    it is.

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

    place: ClassVar[str] = "encoder clip_text"

    version: ClassVar[int] = 3


@ENCODERS.register("clip_image")
@dataclass(kw_only=True, eq=False)
class ClipImage(_Clip):
    """Images: in the space that a CLIP model has for text and images; its other half is `clip_text`.

    CLIP (`Radford et al. 2021 <https://arxiv.org/abs/2103.00020>`_) or SigLIP (`Zhai et al. 2023
    <https://arxiv.org/abs/2303.15343>`_). The model stays as it is.

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
    place: ClassVar[str] = "encoder clip_image"
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
