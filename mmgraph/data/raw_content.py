"""Whether an image, audio or video file can be read at all; reading it for good is the encoders' work."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from mmgraph.data.files import UnreadableFileError
from mmgraph.data.image_file import open_image
from mmgraph.data.sound_file import sound_problem
from mmgraph.data.video_file import video_problem

_SMALL = (64, 64)


def content_problem(kind: str, path: Path) -> str:
    """Return why a raw file cannot be read, to follow its name, or nothing if it can.

    Args:
        kind: ``image``, ``audio`` or ``video``. Audio and video are looked at only where their extras are
            installed.
        path: The file.
    """
    try:
        about = path.stat()
    except OSError as error:
        return f"cannot be opened: {error.strerror or error}"
    return _problem(kind, path, about.st_size, about.st_mtime_ns)


@functools.lru_cache(maxsize=1 << 18)
def _problem(kind: str, path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - the key
    """Look at a file; the same one is asked for by everything that reads the modality."""
    problem_of = {"image": _image_problem, "audio": _audio_problem, "video": _video_problem}[kind]
    return problem_of(path)


def _image_problem(path: Path) -> str:
    try:
        with open_image(path) as image:
            # Every byte is read, but a decoder that can is told not to make more pixels than needed.
            image.draft(None, _SMALL)
            image.load()
    except UnreadableFileError as error:
        return str(error)
    return ""


def _audio_problem(path: Path) -> str:
    return sound_problem(path) if importlib.util.find_spec("soundfile") is not None else ""


def _video_problem(path: Path) -> str:
    return video_problem(path) if importlib.util.find_spec("av") is not None else ""
