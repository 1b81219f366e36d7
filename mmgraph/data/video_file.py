"""Video files, opened so that a hostile one ends in an error: not in a full memory or another file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.data.files import UnreadableFileError, opening_problem
from mmgraph.errors import MissingDependencyError

MAX_PIXELS = 1 << 25
"""Larger frames are refused before they are decoded; 8K has 33 million pixels."""

MAX_FRAMES = 1 << 17
"""Of a file that has more frames in the seconds that are read, none is decoded."""

FORMATS = ("mov", "mp4", "matroska", "webm", "avi", "mpeg", "mpegts", "ogg", "flv", "asf", "gif")
"""What is read. FFmpeg knows more, among it playlists, which lead to other files and to addresses."""

_WHOLE = 0.9
"""A file with a smaller share of the frames that its header counts is cut off."""

_LOOKED_AT = 60.0
"""Seconds whose frames are counted to see whether a file can be read at all."""

Frame = npt.NDArray[np.uint8]


def video_library() -> ModuleType:
    """Return the module ``av``.

    Raises:
        MissingDependencyError: If it is not installed, or cannot be loaded.
    """
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            f"video needs PyAV, which cannot be loaded: {error}",
            where="modality of kind video",
            fix="Install it: pip install 'mmgraph[video]'",
        ) from None
    return av


def read_frames(path: Path, *, number: int, seconds: float) -> Iterator[Frame]:
    """Yield frames of a video, evenly spaced from beginning to end, uint8 [height, width, 3].

    The video is cut into as many equal runs of frames as are wanted, and each run gives its middle frame; a
    video of fewer frames gives some of them again. One frame is held at a time.

    Args:
        path: MP4, MOV, Matroska, WebM, AVI, MPEG, Ogg, FLV, ASF or animated GIF.
        number: How many frames are wanted.
        seconds: How much of the beginning of the file counts.

    Raises:
        UnreadableFileError: If the file is no video, is damaged or cut off, or is too large. Matroska and
            WebM do not count their frames: of them, what is there is read.
        MissingDependencyError: If PyAV is not installed.
    """
    yield from _frames_at(path, _middles(_frames_within(path, seconds), number))


def _frames_at(path: Path, wanted: list[int]) -> Iterator[Frame]:
    """Yield the frames at some positions, ascending, of which several may be the same."""
    number = len(wanted)
    with _open(path) as (container, stream):
        given = 0
        last: Frame | None = None
        for at, frame in enumerate(container.decode(stream)):
            if at == wanted[given]:
                last = found = _upright(frame.to_ndarray(format="rgb24"), frame.rotation)
                while given < number and wanted[given] == at:
                    yield found
                    given += 1
            if given == number:
                return
        if last is None:
            raise UnreadableFileError("holds no frame that can be decoded")
        # Some codecs have packets that are no frame of their own, so that there are fewer than were counted.
        for _ in range(number - given):
            yield last


def _upright(frame: Frame, rotation: float) -> Frame:
    """Return a frame as it is to be shown: phones store what they film as the sensor lies, and say how it was
    held.

    Args:
        frame: As it is stored, uint8 [height, width, 3].
        rotation: By how many degrees it is to be turned counterclockwise; the nearest quarter turn is taken.
    """
    return np.ascontiguousarray(np.rot90(frame, round(rotation / 90) % 4))


def video_problem(path: Path) -> str:
    """Return why a file cannot be read as video, to follow its name, or nothing if it can.

    Its frames are counted, and the first is decoded.

    Args:
        path: The file.

    Raises:
        MissingDependencyError: If PyAV is not installed.
    """
    try:
        _frames_within(path, _LOOKED_AT)
        next(_frames_at(path, [0]))
    except UnreadableFileError as error:
        return str(error)
    return ""


def _middles(count: int, number: int) -> list[int]:
    """Return the middle of each of ``number`` equal parts of ``count`` frames.

    Example:
        >>> _middles(12, 3), _middles(2, 3)
        ([2, 6, 10], [0, 1, 1])
    """
    return [(2 * part + 1) * count // (2 * number) for part in range(number)]


def _frames_within(path: Path, seconds: float) -> int:
    """Return how many frames begin within the first seconds of a file, by its packets: nothing is decoded."""
    with _open(path) as (container, stream):
        count, first = 0, None
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.is_corrupt:
                raise UnreadableFileError("is damaged")
            stamp = packet.dts if packet.dts is not None else packet.pts
            if stamp is not None:
                first = stamp if first is None else first
                if (stamp - first) * stream.time_base >= seconds:
                    return count
            count += 1
            if count > MAX_FRAMES:
                raise UnreadableFileError(
                    f"has more than {MAX_FRAMES:,} frames in {seconds:g} seconds, the most that is read"
                )
        if count < _WHOLE * stream.frames:
            raise UnreadableFileError(f"is cut off: it counts {stream.frames:,} frames and holds {count:,}")
    if not count:
        raise UnreadableFileError("holds no frame")
    return count


@contextlib.contextmanager
def _open(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a file for a ``with`` block; what decoders raise in it becomes one kind of error."""
    av = video_library()
    options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"}
    try:
        with av.open(f"file:{path}", options=options, metadata_errors="replace") as container:
            if not container.streams.video:
                raise UnreadableFileError("holds no video")
            stream = container.streams.video[0]
            width, height = stream.width, stream.height
            if width * height > MAX_PIXELS:
                raise UnreadableFileError(
                    f"is {width:,} x {height:,} pixels large; wanted at most {MAX_PIXELS:,} pixels in all"
                )
            # A later frame may be larger than the header says.
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            yield container, stream
    except UnreadableFileError:
        raise
    except Exception as error:  # FFmpeg's errors are of many kinds, among them PermissionError
        problem = opening_problem(path) or f"cannot be read as video: {_told(error)}"
        raise UnreadableFileError(problem) from None


def _told(error: Exception) -> str:
    """Return what FFmpeg says, without its number and the file's name."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said).partition(": 'file:")[0]
