"""Text and sounds in the one space of a CLAP model: each side's vectors can be compared with the other's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.files import of_each
from mmgraph.encoders.joint_space import JointSpace, TextSide
from mmgraph.encoders.sounds import read_sound
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS


@dataclass(kw_only=True, eq=False)
class _Clap(JointSpace):
    """Base of both sides of CLAP."""

    sides: ClassVar[tuple[str, str]] = ("text", "audio")
    fitting: ClassVar[str] = "CLAP"

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        "laion/clap-htsat-unfused"
    )


@ENCODERS.register("clap_text")
@dataclass(kw_only=True, eq=False)
class ClapText(_Clap, TextSide):
    """Text: in the space that a CLAP model has for text and sounds; its other half is `clap_audio`.

    CLAP (`Wu et al. 2023 <https://arxiv.org/abs/2211.06687>`_). Where one model encodes both modalities, a
    text and a sound that it names are near to each other: `cross_modal` with ``space: shared`` ties them.
    The model stays as it is.

    Needs ``mmgraph[hub]``. Nothing is downloaded: a model is a folder, or in the hub's cache already.

    Args:
        model: A folder, or a name on the Hugging Face hub, of a CLAP model.
        batch_size: Texts at a time; another number changes last bits.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> ClapText(batch_size=8)
        ClapText(model='laion/clap-htsat-unfused', batch_size=8)
    """

    place: ClassVar[str] = "encoder clap_text"


@ENCODERS.register("clap_audio")
@dataclass(kw_only=True, eq=False)
class ClapAudio(_Clap):
    """Audio: in the space that a CLAP model has for text and sounds; its other half is `clap_text`.

    CLAP (`Wu et al. 2023 <https://arxiv.org/abs/2211.06687>`_). It reads some seconds at a time, mostly ten:
    a shorter sound is repeated to fill them, and of a longer one it takes crops by chance, the same ones each
    time. The model stays as it is.

    Needs ``mmgraph[hub,audio]``. Nothing is downloaded: a model is a folder, or in the hub's cache already.

    Args:
        model: A folder, or a name on the Hugging Face hub, of a CLAP model.
        seconds: How much of the beginning of a file counts.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> ClapAudio(seconds=30).model
        'laion/clap-htsat-unfused'
    """

    kind: ClassVar[str] = "audio"
    place: ClassVar[str] = "encoder clap_audio"
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "librosa", "soundfile", "soxr")

    seconds: Annotated[
        float, Field(gt=0, le=600, description="How much of the beginning of a file counts.")
    ] = 10.0

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the audio features of the model, float32 [M, D].

        Raises:
            ConfigError: If the model has no joint space.
            DataError: If sounds cannot be read, or the model cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers, librosa or soundfile is not installed.
        """
        found = self._found()
        rate = found.prepare.sampling_rate

        def describe_one(path: Path) -> npt.NDArray[np.float32]:
            sound = read_sound(path, sample_rate=rate, seconds=self.seconds)
            with _same_draws():
                inputs = found.prepare(sound, sampling_rate=rate, return_tensors="pt")
            vector: npt.NDArray[np.float32] = found.placed.computed(
                lambda features, longer: found.model.get_audio_features(
                    input_features=features, is_longer=longer
                ).pooler_output[0],
                inputs["input_features"].float(),
                inputs["is_longer"],
            ).numpy()
            return vector

        return of_each(raw, describe_one, progress=progress)


@contextlib.contextmanager
def _same_draws() -> Iterator[None]:
    """Have numpy's global generator, from which the library draws its crops, begin anew, and put it back."""
    before = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(before)
