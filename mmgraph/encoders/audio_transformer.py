"""Audio: the mean state of a pre-trained model such as wav2vec 2.0, HuBERT or the encoder of Whisper."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.files import of_each
from mmgraph.encoders.hub_model import HubModel, hub_model
from mmgraph.encoders.pretrained import pretrained_folder
from mmgraph.encoders.pretrained_encoder import PretrainedEncoder
from mmgraph.encoders.ragged import Ragged
from mmgraph.encoders.sounds import read_sound
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_PLACE = "encoder audio_transformer"
_SHORTEST = 0.1
"""Seconds; silence is put behind what is shorter, as models make no state of less."""

_UNUSED = ("masked_spec_embed", "decoder.")


@ENCODERS.register("audio_transformer")
@dataclass(kw_only=True, eq=False)
class AudioTransformer(PretrainedEncoder):
    """Audio: the mean state of a pre-trained model, such as wav2vec 2.0 or the encoder of Whisper.

    Models of the transformers library that make a sequence of states of a sound: wav2vec 2.0 (`Baevski et al.
    2020 <https://arxiv.org/abs/2006.11477>`_), HuBERT, WavLM, and Whisper (`Radford et al. 2022
    <https://arxiv.org/abs/2212.04356>`_), of which only the encoder is used. Whisper pads sounds to half
    a minute; the mean is over the states of the sound itself. The model stays as it is.

    Needs ``mmgraph[hub,audio]``. Nothing is downloaded: a model is a folder, or in the hub's cache already.
    Only safetensors weights are read, and no code that comes with a model is run.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        seconds: How much of the beginning of a file counts; Whisper reads half a minute at most.
        parts: How many parts of a sound, equally long, have a node each, with the mean of its states; 1 for
            one node with the mean of all.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> AudioTransformer(model="openai/whisper-base").seconds
        30.0
    """

    kind: ClassVar[str] = "audio"
    place: ClassVar[str] = _PLACE
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "librosa", "soundfile", "soxr")

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        "facebook/wav2vec2-base-960h"
    )
    seconds: Annotated[
        float, Field(gt=0, le=600, description="How much of the beginning of a file counts.")
    ] = 30.0

    parts: Annotated[
        int, Field(ge=1, le=1_500, description="How many parts of a sound have a node each.")
    ] = 1

    @property
    def several(self) -> bool:
        """Whether each part is a node."""
        return self.parts > 1

    def describe(self, raw: RawModality, progress: Progress) -> Any:
        """Return the mean state of each sound, float32 [M, D], or of each of its parts.

        Raises:
            ConfigError: If the model makes no sequence of states of a sound.
            DataError: If sounds cannot be read, or the model cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers, librosa or soundfile is not installed.
        """
        folder = pretrained_folder(self.model, kind=self.kind, where=_PLACE)
        found = hub_model(folder, kind=self.kind, encoder_only=False, where=_PLACE)
        found.require_complete(but=_UNUSED)
        rate = found.prepare.sampling_rate
        shortest = round(_SHORTEST * rate)

        def describe_one(path: Path) -> npt.NDArray[np.float32]:
            sound = read_sound(path, sample_rate=rate, seconds=self.seconds)
            return self._mean_state(found, np.pad(sound, (0, max(0, shortest - len(sound)))))

        described = of_each(raw, describe_one, progress=progress)
        return Ragged.of(list(described)) if self.several else described

    def _mean_state(self, found: HubModel, sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the mean state, float32 [D], of a sound [L], or those of its parts, [parts, D]."""
        whole = found.model.config.is_encoder_decoder
        model = found.model.get_encoder() if whole else found.model
        inputs = found.prepare(sound, sampling_rate=found.prepare.sampling_rate, return_tensors="pt")

        def states_of(sounds: Any) -> Any:
            made = getattr(model(sounds), "last_hidden_state", None)
            return sounds.new_empty(0) if made is None else made

        states = found.placed.computed(states_of, inputs[model.main_input_name])
        if states.dim() != 3:
            raise ConfigError(
                f"got a model of the type {found.model.config.model_type!r}, without states of sounds",
                where=f"{_PLACE}: model",
                fix="Take wav2vec 2.0, HuBERT, WavLM, Whisper or their like.",
            )
        if whole:
            # Every state stands for as many samples of the padded sound.
            samples = found.prepare.n_samples / states.shape[1]
            states = states[:, : max(1, int(np.ceil(len(sound) / samples)))]
        means: npt.NDArray[np.float32] = _means(states[0], self.parts).numpy()
        return means if self.several else means[0]


def _means(states: Any, parts: int) -> Any:
    """Return the means over equal runs of states [L, D], [parts, D]; of fewer states some count again."""
    import torch

    length = len(states)
    starts = [part * length // parts for part in range(parts)]
    ends = [max(start + 1, (part + 1) * length // parts) for part, start in enumerate(starts)]
    return torch.stack([states[start:end].mean(dim=0) for start, end in zip(starts, ends, strict=True)])
