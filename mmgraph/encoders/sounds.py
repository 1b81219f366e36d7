"""Audio files of any sample rate and number of channels as one channel at one rate."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from mmgraph.data.sound_file import read_samples
from mmgraph.errors import MissingDependencyError


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
    librosa, _ = audio_libraries()
    samples, rate = read_samples(path, seconds=seconds)
    sound: npt.NDArray[np.float32] = librosa.resample(samples, orig_sr=rate, target_sr=sample_rate)
    return sound
