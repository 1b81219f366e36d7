"""Audio: statistics of the log-mel spectrogram and its cepstrum, projected on principal components."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.files import read_each
from mmgraph.encoders.projected import ProjectedEncoder
from mmgraph.encoders.ragged import Ragged
from mmgraph.encoders.sounds import audio_libraries, read_sound
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_WINDOW = 0.032
_HOP = 0.010
_QUANTILES = (0.1, 0.5, 0.9)
_COEFFICIENTS = 20
_TENTHS = 10
_FLOOR = 60.0
"""Decibels below the loudest: what is quieter counts as that quiet, as the digits of silence tell nothing."""

Spectrogram = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


@ENCODERS.register("log_mel")
@dataclass(kw_only=True, eq=False)
class LogMel(ProjectedEncoder):
    """Audio: statistics of the log-mel spectrogram and the cepstrum, on their principal components.

    Mean, spread and quantiles over time of each band, and mean, spread and change of the mel-frequency
    cepstral coefficients (Davis and Mermelstein 1980, https://doi.org/10.1109/TASSP.1980.1163420). Their
    means over tenths of the sound keep the order in which things are heard. Silence at both ends is cut off
    before, so that the tenths of one word are those of the same word said earlier or later in its file. Each
    of these parts gets the same variance before the projection. Needs the extra ``mmgraph[audio]``.

    Args:
        sample_rate: The rate, in hertz, that sounds are brought to.
        bands: Mel bands.
        seconds: How much of the beginning of a file counts.
        trim: By how many decibels the ends that are cut off are quieter than the loudest; nothing to keep
            all.
        parts: How many parts of a sound, equally long, have a node each, with the statistics of its own
            time; 1 for one node with those of all. A part of less than a tenth of a second counts its last
            moment again.
        components: Principal components to keep at most.

    Example:
        >>> LogMel(bands=40)
        LogMel(components=128, sample_rate=16000, bands=40, seconds=30.0, trim=30.0, parts=1)
    """

    kind: ClassVar[str] = "audio"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("librosa", "soundfile", "soxr")

    sample_rate: Annotated[
        int, Field(ge=4_000, le=96_000, description="The rate in hertz that sounds are brought to.")
    ] = 16_000
    bands: Annotated[int, Field(ge=_COEFFICIENTS, le=256, description="Mel bands.")] = 64
    seconds: Annotated[
        float, Field(gt=0, le=3_600, description="How much of the beginning of a file counts.")
    ] = 30.0
    trim: Annotated[
        float | None,
        Field(gt=0, le=_FLOOR, description="Decibels below the loudest at which ends are cut off."),
    ] = 30.0

    parts: Annotated[
        int, Field(ge=1, le=1_500, description="How many parts of a sound have a node each.")
    ] = 1

    @property
    def several(self) -> bool:
        """Whether each part is a node."""
        return self.parts > 1

    def description_parameters(self) -> dict[str, Any]:
        """Return the parameters that a description depends on: all but the projection's.

        One part is what sounds had before they could have several, and is found under the same key.
        """
        parameters = super().description_parameters()
        return parameters if self.several else {k: v for k, v in parameters.items() if k != "parts"}

    def describe(self, raw: RawModality, progress: Progress) -> Any:
        """Return the statistics of each sound side by side, float32 [M, D], or of each of its parts.

        Raises:
            DataError: If files cannot be read; it names the first few and counts them all.
            MissingDependencyError: If librosa or soundfile is not installed.
        """
        log_mel = self._spectrogram()

        def describe_one(path: Path) -> npt.NDArray[np.float32]:
            sound = read_sound(path, sample_rate=self.sample_rate, seconds=self.seconds)
            heard = log_mel(sound)
            if not self.several:
                return _statistics(heard)
            return np.stack([_statistics(part) for part in _equal_parts(heard, self.parts)])

        described = read_each(raw, describe_one, progress=progress)
        return Ragged.of(list(described)) if self.several else described

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of the parts, as `_statistics` puts them side by side."""
        over_time = len(_QUANTILES) * self.bands
        return (self.bands, self.bands, over_time, 3 * _COEFFICIENTS, _TENTHS * _COEFFICIENTS)

    def _spectrogram(self) -> Spectrogram:
        """Return what makes a sound [L] its spectrogram in decibels, [bands, T]."""
        librosa, _ = audio_libraries()
        window = 1 << round(np.log2(_WINDOW * self.sample_rate))
        hop = round(_HOP * self.sample_rate)
        with warnings.catch_warnings(action="ignore"):
            # Narrow bands may hold no frequency at all; they are constant then and drop out.
            bands = librosa.filters.mel(sr=self.sample_rate, n_fft=window, n_mels=self.bands)

        def log_mel(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            shortest = max(window, _TENTHS * hop)
            padded = np.pad(sound, (0, max(0, shortest - len(sound))))
            power = np.abs(librosa.stft(padded, n_fft=window, hop_length=hop)) ** 2
            decibels: npt.NDArray[np.float32] = librosa.power_to_db(bands @ power, top_db=_FLOOR)
            return decibels if self.trim is None else _trimmed(decibels, self.trim)

        return log_mel


def _trimmed(log_mel: npt.NDArray[np.float32], below: float) -> npt.NDArray[np.float32]:
    """Return the frames [bands, T] from the first to the last that is about as loud as the loudest."""
    loudness = log_mel.max(axis=0)
    loud = np.flatnonzero(loudness >= loudness.max() - below)
    return _long_enough(log_mel[:, loud[0] : loud[-1] + 1])


def _equal_parts(log_mel: npt.NDArray[np.float32], parts: int) -> Iterator[npt.NDArray[np.float32]]:
    """Yield equal runs of the frames of a spectrogram [bands, T]; of fewer frames some come again."""
    length = log_mel.shape[1]
    for part in range(parts):
        start = part * length // parts
        yield _long_enough(log_mel[:, start : max(start + 1, (part + 1) * length // parts)])


def _long_enough(log_mel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return frames [bands, T]; of fewer than tenths need, the last one again and again."""
    return np.pad(log_mel, ((0, 0), (0, max(0, _TENTHS - log_mel.shape[1]))), mode="edge")


def _statistics(log_mel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the statistics of a spectrogram [bands, T] side by side, in the order of `LogMel.widths`."""
    librosa, _ = audio_libraries()
    cepstrum = librosa.feature.mfcc(S=log_mel, n_mfcc=_COEFFICIENTS)
    parts = [
        log_mel.mean(axis=1),
        log_mel.std(axis=1),
        np.quantile(log_mel, _QUANTILES, axis=1),
        cepstrum.mean(axis=1),
        cepstrum.std(axis=1),
        np.diff(cepstrum, axis=1).std(axis=1),
        *(part.mean(axis=1) for part in np.array_split(cepstrum, _TENTHS, axis=1)),
    ]
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)
