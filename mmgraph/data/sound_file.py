"""Audio files, read so that a hostile one ends in an error: not in a full memory, nor in an overflow."""

from __future__ import annotations

import re
from io import BufferedReader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.counted import counted
from mmgraph.data.files import UnreadableFileError, opening_problem
from mmgraph.errors import MissingDependencyError

MAX_CHANNELS = 64
RATES = (1_000, 1_000_000)
"""Sample rates, in hertz, that are taken to be meant; resampling from others could fill the memory."""

MAX_SAMPLE = 1e12
"""Full scale is 1, or what integers hold where somebody kept those; the power of more overflows."""

_LOOKED_AT = 60.0
"""Seconds that are decoded to see whether a file can be read at all."""

_CLAIMED = re.compile(r"^ ?(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)
_UNKNOWN = 0x7FFF0000
"""Programs that write to a pipe claim this much, or more."""

_MISCOUNTED = 64
"""By so many bytes, those of a header or two, a count may be wrong in a file that is whole."""

_BYTES = {"PCM_S8": 1, "PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4}
_BYTES |= {"FLOAT": 4, "DOUBLE": 8}
"""How many bytes a sample takes by how it is written."""

_BLOCK = 1 << 20
"""How many numbers are decoded at a time, of all channels together."""


def sound_library() -> ModuleType:
    """Return the module ``soundfile``.

    Raises:
        MissingDependencyError: If it is not installed, or cannot be loaded.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:  # soundfile raises OSError where libsndfile is missing
        raise MissingDependencyError(
            f"audio needs soundfile, which cannot be loaded: {error}",
            where="modality of kind audio",
            fix="Install it: pip install 'mmgraph[audio]'",
        ) from None
    library: ModuleType = soundfile
    return library


def read_samples(path: Path, *, seconds: float) -> tuple[npt.NDArray[np.float32], int]:
    """Return the mean of a file's channels, float32 [L], L of at least 1, and its sample rate in hertz.

    Channels are brought together block by block, so that many of them need no more memory than one.

    Args:
        path: WAV, FLAC, OGG, MP3 or what else libsndfile reads.
        seconds: How much of the beginning is read.

    Raises:
        UnreadableFileError: If the file is no audio, is damaged, or holds no sound.
        MissingDependencyError: If soundfile is not installed.
    """
    soundfile = sound_library()
    blocks: list[npt.NDArray[np.float32]] = []
    try:
        with path.open("rb") as opened, soundfile.SoundFile(_Nameless(opened)) as file:
            rate, channels = file.samplerate, file.channels
            _refuse_cut_off(file.extra_info, _bytes_of(file))
            if not RATES[0] <= rate <= RATES[1] or channels > MAX_CHANNELS:
                raise UnreadableFileError(
                    f"has {counted(channels, 'channel')} at {rate:,} Hz; wanted at most "
                    f"{MAX_CHANNELS} channels at {RATES[0]:,} to {RATES[1]:,} Hz"
                )
            left = int(seconds * rate)
            while left:
                # A header may claim any length, so only what comes counts.
                block = file.read(frames=min(left, _BLOCK // channels), dtype="float32", always_2d=True)
                if not len(block):
                    break
                left -= len(block)
                blocks.append(_checked(block).mean(axis=1))
    except (OSError, RuntimeError) as error:  # soundfile's own errors are RuntimeErrors
        raise UnreadableFileError(opening_problem(path) or _told(error)) from None
    if not blocks:
        raise UnreadableFileError("holds no sound")
    return np.concatenate(blocks), rate


class _Nameless:
    """An open file without its name, by whose ending libsndfile would take anything for headerless sound.

    Args:
        file: The file.
    """

    def __init__(self, file: BufferedReader) -> None:
        self.readinto, self.seek, self.tell = file.readinto, file.seek, file.tell


def sound_problem(path: Path) -> str:
    """Return why a file cannot be read as audio, to follow its name, or nothing if it can.

    The beginning is decoded.

    Args:
        path: The file.

    Raises:
        MissingDependencyError: If soundfile is not installed.
    """
    try:
        read_samples(path, seconds=_LOOKED_AT)
    except UnreadableFileError as error:
        return str(error)
    return ""


def _refuse_cut_off(log: str, read: int | None) -> None:
    """Refuse a WAV or AIFF file whose samples end before its header says.

    Args:
        log: What libsndfile noted while it opened the file.
        read: How many bytes of sound it finds there, where that is known.
    """
    found = _CLAIMED.search(log)
    if found is None:
        return
    claimed, there = int(found[1]), int(found[2])
    # A comment may look like the log's own line, but what is found is none of its words.
    said_by_the_log = read is None or abs(there - read) <= _MISCOUNTED
    if there + _MISCOUNTED < claimed < _UNKNOWN and said_by_the_log:
        raise UnreadableFileError(
            f"is cut off: its header says {claimed:,} bytes of sound, and {there:,} are there"
        )


def _bytes_of(file: Any) -> int | None:
    """Return how many bytes the samples of a sound file take in it; nothing where they are compressed."""
    each = _BYTES.get(file.subtype)
    return None if each is None else int(file.frames) * int(file.channels) * each


def _checked(block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return samples [L, channels] that are numbers which can be meant."""
    if not np.isfinite(block).all():
        raise UnreadableFileError("holds samples that are not finite")
    loudest = float(np.abs(block).max())
    if loudest > MAX_SAMPLE:
        raise UnreadableFileError(f"holds samples of up to {loudest:.3g}; wanted at most {MAX_SAMPLE:g}")
    return block


def _told(error: Exception) -> str:
    """Return what libsndfile says, without the file's name."""
    return f"cannot be read as audio: {getattr(error, 'error_string', None) or error}".rstrip(".")
