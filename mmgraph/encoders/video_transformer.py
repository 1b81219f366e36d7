"""Video: the pooled states of a pre-trained video model such as VideoMAE or TimeSformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.hub_model import HubModel, hub_model
from mmgraph.encoders.pretrained import pretrained_folder
from mmgraph.encoders.pretrained_encoder import PretrainedEncoder
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_PLACE = "encoder video_transformer"
_WITH_FIRST = ("timesformer",)
"""Models that put a token before those of the patches."""


@ENCODERS.register("video_transformer")
@dataclass(kw_only=True, eq=False)
class VideoTransformer(PretrainedEncoder):
    """Video: the pooled states of a pre-trained video model, such as VideoMAE.

    Models of the transformers library that make states of patches in space and time: VideoMAE (`Tong et al.
    2022 <https://arxiv.org/abs/2203.12602>`_), of which only the encoder is used, TimeSformer (`Bertasius et
    al. 2021 <https://arxiv.org/abs/2102.05095>`_) and their like. It looks at as many frames as it was
    trained on, evenly spaced, stays as it is.

    Needs ``mmgraph[hub,video]``. Nothing is downloaded: a model is a folder, or in the hub's cache already.
    Only safetensors weights are read, and no code that comes with a model is run.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        pooling: ``mean`` over all states, or ``first`` for the token that some models put before the patches.
        seconds: How much of the beginning of a file counts.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> VideoTransformer(seconds=10).model
        'MCG-NJU/videomae-base'
    """

    kind: ClassVar[str] = "video"
    place: ClassVar[str] = _PLACE
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "av", "pillow")

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        "MCG-NJU/videomae-base"
    )
    pooling: Annotated[
        Literal["mean", "first"], Field(description="How the states of patches become one vector.")
    ] = "mean"
    seconds: Annotated[
        float, Field(gt=0, le=36_000, description="How much of the beginning of a file counts.")
    ] = 60.0

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the pooled states of each video, float32 [M, D].

        Raises:
            ConfigError: If the model makes no states of videos, or has no such pooling.
            DataError: If videos cannot be read, or the model cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers or PyAV is not installed.
        """
        folder = pretrained_folder(self.model, kind=self.kind, where=_PLACE)
        found = hub_model(folder, kind=self.kind, encoder_only=False, where=_PLACE)
        self._refuse_unfit(found)
        found.require_complete(but=("pooler.",))
        return found.describe_videos(
            raw,
            lambda pixels: self._pooled(found.model(pixel_values=pixels).last_hidden_state),
            frames=found.model.config.num_frames,
            seconds=self.seconds,
            progress=progress,
        )

    def _refuse_unfit(self, found: HubModel) -> None:
        kind = found.model.config.model_type
        if not isinstance(getattr(found.model.config, "num_frames", None), int):
            raise ConfigError(
                f"got a model of the type {kind!r}, without states of videos",
                where=f"{_PLACE}: model",
                fix="Take VideoMAE, TimeSformer or their like; of a model of images, the encoder frames.",
            )
        if self.pooling == "first" and kind not in _WITH_FIRST:
            raise ConfigError(
                f"got first, but {self.model!r} has no token before the patches",
                where=f"{_PLACE}: pooling",
                fix="Take mean.",
            )

    def _pooled(self, states: Any) -> Any:
        """Return vectors [B, D] of the states [B, L, D] of patches."""
        return states[:, 0] if self.pooling == "first" else states.mean(dim=1)
