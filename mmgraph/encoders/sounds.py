"""Audio files of any sample rate and number of channels as one channel at one rate."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from mmgraph.counted import counted
from mmgraph.data.files import UnreadableFileError
from mmgraph.errors import MissingDependencyError

MAX_CHANNELS = 64
RATES = (1_000, 1_000_000)
"""Sample rates, in hertz, that are taken to be meant; resampling from others could fill the memory."""


def audio_libraries() -> tuple[ModuleType, ModuleType]:
    """Return the modules ``librosa`` and ``soundfile``.

    Raises:
        MissingDependencyError: If one is not installed, or cannot be loaded.
    """
    try:
        import librosa
        import soundfile
    except (ImportError, OSError) as error:  # soundfile raises OSError where libsndfile is missing
        raise MissingDependencyError(
            f"audio needs librosa and soundfile, and they cannot be loaded: {error}",
            where="modality of kind audio",
            fix="Install them: pip install 'mmgraph[audio]'",
        ) from None
    return librosa, soundfile


def read_sound(path: Path, *, sample_rate: int, seconds: float) -> npt.NDArray[np.float32]:
    """Return the mean of a file's channels at ``sample_rate``, float32 [L], L of at least 1.

    Args:
        path: WAV, FLAC, OGG, MP3 or what else libsndfile reads.
        sample_rate: The wanted rate, in hertz.
        seconds: How much of the beginning is read.

    Raises:
        UnreadableFileError: If the file is no audio, is damaged, or holds no sound.
        MissingDependencyError: If librosa or soundfile is not installed.
    """
    librosa, soundfile = audio_libraries()
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate, channels = file.samplerate, file.channels
            if not RATES[0] <= rate <= RATES[1] or channels > MAX_CHANNELS:
                raise UnreadableFileError(
                    f"has {counted(channels, 'channel')} at {rate:,} Hz; wanted at most "
                    f"{MAX_CHANNELS} channels at {RATES[0]:,} to {RATES[1]:,} Hz"
                )
            samples = file.read(frames=int(seconds * rate), dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:  # soundfile's own errors are RuntimeErrors
        raise UnreadableFileError(f"cannot be read as audio: {error}") from None
    if not len(samples):
        raise UnreadableFileError("holds no sound")
    if not np.isfinite(samples).all():
        raise UnreadableFileError("holds samples that are not finite")
    sound: npt.NDArray[np.float32] = librosa.resample(
        samples.mean(axis=1), orig_sr=rate, target_sr=sample_rate
    )
    return sound
