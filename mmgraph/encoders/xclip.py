"""Text and videos in the one space of an X-CLIP model, in which both can be compared."""

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


@dataclass(kw_only=True, eq=False)
class _XClip(JointSpace):
    """Base of both sides of X-CLIP."""

    sides: ClassVar[tuple[str, str]] = ("text", "video")
    fitting: ClassVar[str] = "X-CLIP"

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        "microsoft/xclip-base-patch32"
    )


@ENCODERS.register("xclip_text")
@dataclass(kw_only=True, eq=False)
class XClipText(_XClip, TextSide):
    """Text: in the space that an X-CLIP model has for text and videos; its other half is `xclip_video`.

    X-CLIP (`Ni et al. 2022 <https://arxiv.org/abs/2208.02816>`_). Where one model encodes both modalities, a
    text and a video that it tells of are near to each other: `cross_modal` with ``space: shared`` ties them.
    For its own likeness of a pair the model also changes the text by what it saw in the video, which a vector
    of a text by itself cannot hold. The model stays as it is.

    Needs ``mmgraph[hub]``. Nothing is downloaded: a model is a folder, or in the hub's cache already.

    Args:
        model: A folder, or a name on the Hugging Face hub, of an X-CLIP model.
        batch_size: Texts at a time; another number changes last bits.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> XClipText(batch_size=8)
        XClipText(model='microsoft/xclip-base-patch32', batch_size=8)
    """

    place: ClassVar[str] = "encoder xclip_text"


@ENCODERS.register("xclip_video")
@dataclass(kw_only=True, eq=False)
class XClipVideo(_XClip):
    """Video: in the space that an X-CLIP model has for text and videos; its other half is `xclip_text`.

    X-CLIP (`Ni et al. 2022 <https://arxiv.org/abs/2208.02816>`_). It looks at as many frames as it was
    trained on, mostly eight, evenly spaced. The model stays as it is.

    Needs ``mmgraph[hub,video]``. Nothing is downloaded: a model is a folder, or in the hub's cache already.

    Args:
        model: A folder, or a name on the Hugging Face hub, of an X-CLIP model.
        seconds: How much of the beginning of a file counts.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> XClipVideo(seconds=10).model
        'microsoft/xclip-base-patch32'
    """

    kind: ClassVar[str] = "video"
    place: ClassVar[str] = "encoder xclip_video"
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "av", "pillow")

    seconds: Annotated[
        float, Field(gt=0, le=36_000, description="How much of the beginning of a file counts.")
    ] = 60.0

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the video features of the model, float32 [M, D].

        Raises:
            ConfigError: If the model has no joint space.
            DataError: If videos cannot be read, or the model cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers or PyAV is not installed.
        """
        found = self._found()
        return found.describe_videos(
            raw,
            lambda pixels: found.model.get_video_features(pixel_values=pixels).pooler_output,
            frames=found.model.config.vision_config.num_frames,
            seconds=self.seconds,
            progress=progress,
        )
