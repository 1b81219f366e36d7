"""Images: the pooled states of a pre-trained vision model such as ViT, DINOv2, CLIP or SigLIP."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.files import of_each
from mmgraph.encoders.hub_model import HubModel, hub_model
from mmgraph.encoders.images import read_picture
from mmgraph.encoders.pretrained import pretrained_folder
from mmgraph.encoders.ragged import Ragged
from mmgraph.encoders.trainable import TrainableEncoder
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

if TYPE_CHECKING:
    from torch import nn

_PLACE = "encoder image_transformer"
_POOLER = ("pooler.", "vision_model.head.", "head.")


@ENCODERS.register("image_transformer")
@dataclass(kw_only=True, eq=False)
class ImageTransformer(TrainableEncoder):
    """Images: the pooled states of a pre-trained vision model, such as DINOv2, ViT, CLIP, SigLIP or ResNet.

    Any image model of the transformers library: ViT (`Dosovitskiy et al. 2021
    <https://arxiv.org/abs/2010.11929>`_), DINOv2 (`Oquab et al. 2024 <https://arxiv.org/abs/2304.07193>`_),
    the image half of CLIP or SigLIP. It stays as it is, unless it is `trainable`, and runs on the CPU. Images
    are resized and cropped as the model's own processor says, which works without torchvision.

    Needs ``mmgraph[hub]``. Nothing is downloaded: a model is a folder, or in the hub's cache already. Only
    safetensors weights are read, and no code that comes with a model is run.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        pooling: ``model`` for what the model itself pools, or its first token where the folder holds no
            weights for that; ``first`` for the first token; ``mean`` for the mean over the patches; ``none``
            for a node for each patch, line by line.
        trainable: Whether trainings change the model, all of it or by ``lora``.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> ImageTransformer(model="google/vit-base-patch16-224-in21k").pooling
        'model'
    """

    kind: ClassVar[str] = "image"
    place: ClassVar[str] = _PLACE
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "pillow")

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        "facebook/dinov2-base"
    )
    pooling: Annotated[
        Literal["model", "first", "mean", "none"],
        Field(description="How the states of patches become one vector."),
    ] = "model"

    @property
    def several(self) -> bool:
        """Whether each patch is a node."""
        return self.pooling == "none"

    def describe(self, raw: RawModality, progress: Progress) -> Any:
        """Return the pooled states of each image, float32 [M, D], or the states of all its patches.

        Raises:
            ConfigError: If the model has no such pooling.
            DataError: If images cannot be read, or the model cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers is not installed.
        """
        found = self._found()
        half = _image_half(found)
        described = found.describe_images(
            raw, lambda pixels: self._vectors(found, half, pixels), progress=progress
        )
        return Ragged.of(list(described)) if self.several else described

    def inputs(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.uint8]:
        """Return each image as the model's processor resizes and crops it, uint8 [M, 3, height, width].

        Raises:
            ConfigError: If the processor gives pictures of several shapes.
            DataError: If images cannot be read.
        """
        prepare = self._found().prepare
        shapes: set[tuple[int, ...]] = set()

        def pixels_of(path: Path) -> npt.NDArray[np.uint8]:
            made = prepare(
                images=read_picture(path), return_tensors="np", do_rescale=False, do_normalize=False
            )
            pixels: npt.NDArray[np.uint8] = np.asarray(made["pixel_values"][0]).astype(np.uint8)
            shapes.add(pixels.shape)
            if len(shapes) > 1:
                raise ConfigError(
                    f"got {self.trainable!r}, but the processor of {self.model!r} makes pictures of several "
                    f"shapes, among them {sorted(shapes)[0]} and {sorted(shapes)[1]}",
                    where=f"{_PLACE}: trainable",
                    fix="Take a model whose processor makes pictures of one size, or leave it out.",
                )
            return pixels

        return of_each(raw, pixels_of, progress=progress)

    def network(self) -> nn.Module:
        """Return a copy of the model that makes vectors [B, D] of pixels, uint8 [B, 3, height, width]."""
        from mmgraph.encoders.networks import PixelNetwork

        found = self._found()
        prepare, none = found.prepare, not found.prepare.do_normalize
        return PixelNetwork(
            copy.deepcopy(_image_half(found)),
            lambda half, pixels: self._vectors(found, half, pixels),
            scale=prepare.rescale_factor if prepare.do_rescale else 1.0,
            mean=[0.0] if none else prepare.image_mean,
            spread=[1.0] if none else prepare.image_std,
        )

    def _found(self) -> HubModel:
        folder = pretrained_folder(self.model, kind=self.kind, where=_PLACE)
        found = hub_model(folder, kind="image", encoder_only=False, where=_PLACE)
        found.require_complete(but=_POOLER)
        return found

    def _vectors(self, found: HubModel, half: Any, pixels: Any) -> Any:
        return self._pooled(found, half(pixel_values=pixels), pixels)

    def _pooled(self, found: HubModel, out: Any, pixels: Any) -> Any:
        """Return vectors [B, D] of what a model made of pixels [B, 3, height, width]."""
        own = getattr(out, "pooler_output", None)
        random = any(name.startswith(_POOLER) for name in found.absent)
        if self.pooling == "model" and own is not None and not random:
            # ResNet and its like keep the two sides of the one place that is left.
            return own.flatten(start_dim=1)
        states = out.last_hidden_state
        config = getattr(found.model.config, "vision_config", found.model.config)
        side = getattr(config, "patch_size", None)
        patches = (pixels.shape[2] // side) * (pixels.shape[3] // side) if isinstance(side, int) else 0
        if states.dim() != 3 or not 0 < patches <= states.shape[1]:
            raise ConfigError(
                f"got {self.pooling}, but {self.model!r} keeps no states of patches",
                where=f"{_PLACE}: pooling",
                fix="Take pooling: model, and a model that holds the weights for it.",
            )
        if self.several:
            return states[:, -patches:]
        if self.pooling == "mean":
            return states[:, -patches:].mean(dim=1)
        if states.shape[1] == patches:
            raise ConfigError(
                f"got {self.pooling}, but {self.model!r} has no token before the patches",
                where=f"{_PLACE}: pooling",
                fix="Take mean.",
            )
        return states[:, 0]


def _image_half(found: HubModel) -> Any:
    return getattr(found.model, "vision_model", found.model)
