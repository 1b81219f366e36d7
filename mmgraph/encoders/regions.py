"""Regions of images: what an image encoder makes of boxes, given or found by a detector."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import Field

from mmgraph.data.files import UnreadableFileError
from mmgraph.data.modalities import RawModality
from mmgraph.data.regions import Box, Regions
from mmgraph.encoders.files import of_each
from mmgraph.encoders.hub_model import HubModel, hub_model
from mmgraph.encoders.images import read_picture, read_rgb
from mmgraph.encoders.of_pictures import OfPictures, describe_pictures
from mmgraph.encoders.placement import placement
from mmgraph.encoders.pretrained import content_of, pretrained_folder
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_DETECTOR = "encoder detected_regions"


@ENCODERS.register("regions")
@dataclass(kw_only=True, eq=False)
class GivenRegions(OfPictures):
    """Regions: the mean of what an image encoder makes of the given boxes of an image.

    Any encoder of images: ``hog``, ``image_transformer``, ``clip_image``, one of your own. With ``sequence:
    true`` in the modality, each box is a node of its own. What of a box lies outside of the image is left
    out.

    Args:
        encoder: The encoder of images and its parameters.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> GivenRegions().parameters()["encoder"]
        {'name': 'hog'}
    """

    kind: ClassVar[str] = "regions"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("pillow",)
    cached: ClassVar[bool] = True

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the mean description of the boxes of each item, float32 [M, 1, D].

        Raises:
            DataError: If images cannot be read, or a box lies outside; it names the first few and counts
                them all.
            MissingDependencyError: If what the encoder of images needs is not installed.
        """
        with tempfile.TemporaryDirectory() as folder:

            def describe_one(regions: Regions) -> npt.NDArray[np.float32]:
                pictures = pictures_in(read_rgb(regions.path), regions.boxes)
                return _mean(describe_pictures(self._images, pictures, Path(folder)))

            return of_each(raw, describe_one, progress=progress)


@ENCODERS.register("detected_regions")
@dataclass(kw_only=True, eq=False)
class DetectedRegions(OfPictures):
    """Images: the mean of what an image encoder makes of the things that a detector finds in them.

    A detector of the transformers library that needs no timm: YOLOS (`Fang et al. 2021
    <https://arxiv.org/abs/2106.00666>`_), or DETR (`Carion et al. 2020 <https://arxiv.org/abs/2005.12872>`_)
    with a backbone of the library's own. Where it finds nothing, the whole image is the region. It stays as
    it is.

    Needs ``mmgraph[hub]``. Nothing is downloaded: a model is a folder, or in the hub's cache already. Only
    safetensors weights are read, and no code that comes with a model is run.

    Args:
        model: The detector: a folder, or a name on the Hugging Face hub.
        threshold: How sure it must be of a thing.
        most: How many things count at most; it is the surest that do.
        encoder: The encoder of images and its parameters.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> DetectedRegions(threshold=0.7).model
        'hustvl/yolos-tiny'
    """

    kind: ClassVar[str] = "image"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "pillow")
    cached: ClassVar[bool] = True

    model: Annotated[
        str, Field(min_length=1, description="The detector: a folder, or a name on the Hugging Face hub.")
    ] = "hustvl/yolos-tiny"
    threshold: Annotated[float, Field(ge=0, lt=1, description="How sure it must be of a thing.")] = 0.5
    most: Annotated[int, Field(ge=1, le=1_000, description="How many things count at most.")] = 36

    def description_parameters(self) -> dict[str, Any]:
        """Return the content of the detector, and all else."""
        content = content_of(pretrained_folder(self.model, kind=self.kind, where=_DETECTOR))
        return {**super().description_parameters(), "model": content, **placement().mark}

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the mean description of what is found in each image, float32 [M, 1, D].

        Raises:
            DataError: If images cannot be read, or the detector cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers is not installed, or what the encoder of images needs.
        """
        place = pretrained_folder(self.model, kind=self.kind, where=_DETECTOR)
        found = hub_model(place, kind="detector", encoder_only=False, where=_DETECTOR)
        found.require_complete()
        with tempfile.TemporaryDirectory() as folder:

            def describe_one(path: Path) -> npt.NDArray[np.float32]:
                picture = read_picture(path)
                boxes = detected(found, picture, threshold=self.threshold, most=self.most)
                pictures = pictures_in(picture, boxes or [(0, 0, *picture.size)])
                return _mean(describe_pictures(self._images, pictures, Path(folder)))

            return of_each(raw, describe_one, progress=progress)


def _mean(described: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the mean of descriptions [R, D], float32 [1, D]."""
    mean: npt.NDArray[np.float32] = described.mean(axis=0, keepdims=True).astype(np.float32)
    return mean


def detected(found: HubModel, picture: Image.Image, *, threshold: float, most: int) -> list[Box]:
    """Return the boxes of the things that a detector is surest of in a picture, the surest first.

    Args:
        found: The detector.
        picture: RGB.
        threshold: How sure it must be, 0 to 1.
        most: How many boxes at most.
    """
    import torch

    inputs = found.prepare(images=picture, return_tensors="pt")

    def ends(*tensors: Any) -> tuple[Any, Any]:
        out = found.model(**dict(zip(inputs, tensors, strict=True)))
        return out.logits, out.pred_boxes

    logits, edges = found.placed.computed(ends, *inputs.values())
    (result,) = found.prepare.post_process_object_detection(
        SimpleNamespace(logits=logits, pred_boxes=edges),
        threshold=threshold,
        target_sizes=[picture.size[::-1]],
    )
    order = torch.argsort(result["scores"], descending=True, stable=True)[:most]
    width, height = picture.size
    boxes = result["boxes"][order].double().tolist()
    return [box for box in map(tuple, boxes) if _inside(box, width, height) is not None]


def pictures_in(picture: Image.Image, boxes: Iterable[Box]) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield what lies in boxes of a picture, uint8 [height, width, 3], at least a pixel each.

    Args:
        picture: RGB.
        boxes: Their edges, in pixels.

    Raises:
        UnreadableFileError: If a box lies outside of the picture.
    """
    for box in boxes:
        whole = _inside(box, *picture.size)
        if whole is None:
            width, height = picture.size
            raise UnreadableFileError(
                f"is {width} x {height} pixels large; the box {list(box)} lies outside of it"
            )
        yield np.asarray(picture.crop(whole))


def _inside(box: Box, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Return the pixels that a box touches in a picture, or nothing if there are none.

    Example:
        >>> _inside((-3.0, 1.5, 2.2, 9.0), 10, 5), _inside((10.0, 0.0, 12.0, 3.0), 10, 5)
        ((0, 1, 3, 5), None)
    """
    left, top, right, bottom = box
    found = (
        max(math.floor(left), 0),
        max(math.floor(top), 0),
        min(math.ceil(right), width),
        min(math.ceil(bottom), height),
    )
    return found if found[0] < found[2] and found[1] < found[3] else None
