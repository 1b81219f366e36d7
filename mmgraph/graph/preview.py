"""What a person sees of a raw item: a thumbnail of an image, a frame of a video, the course of a sound, the
beginning of a text."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from mmgraph.data.dataset import RawModality
from mmgraph.data.files import UnreadableFileError
from mmgraph.data.image_file import open_image
from mmgraph.data.sound_file import read_samples
from mmgraph.data.video_file import read_frames
from mmgraph.errors import DataError
from mmgraph.progress import Progress

THUMBNAIL = 48
"""The longest side of a thumbnail, in pixels."""

EXCERPT = 200
"""The length of the beginning of a text, in characters."""

_SECONDS = {"audio": 60.0, "video": 2.0}
"""How much of the beginning of a file is looked at."""

_LIBRARIES = {"audio": "soundfile", "video": "av"}

_INK = 96
"""The grey that sounds are drawn in, which is seen on white and on black."""


def previews(raw: RawModality, *, name: str, progress: Progress) -> pd.Series:
    """Return one preview for each item, PNG bytes or the first characters of a text; nothing of vectors.

    A video is shown by a frame near its beginning, a sound by how loud it is from beginning to end; neither
    where the library that reads it is not installed.

    Args:
        raw: The items.
        name: The node type, for progress.
        progress: Told about every image.

    Raises:
        DataError: If a file cannot be read.
    """
    if raw.kind in _DRAWN and can_draw(raw.kind):
        return pd.Series(
            _thumbnails([Path(str(path)) for path in raw.values], raw.kind, name, progress), dtype=object
        )
    if raw.kind == "text":
        return pd.Series([str(text)[:EXCERPT] for text in raw.values], dtype="str")
    return pd.Series([None] * len(raw.index), dtype=object)


def can_draw(kind: str) -> bool:
    """Return whether files of a kind have thumbnails here, which takes the library that reads them."""
    return kind in _DRAWN and (kind not in _LIBRARIES or find_spec(_LIBRARIES[kind]) is not None)


def _thumbnails(paths: Sequence[Path], kind: str, name: str, progress: Progress) -> list[bytes]:
    images = []
    with progress.job(f"thumbnails of {name}", total=len(paths)) as advance:
        for path in paths:
            images.append(thumbnail(path, kind))
            advance()
    return images


def thumbnail(path: Path, kind: str = "image") -> bytes:
    """Return a file as a PNG of at most 48 pixels a side; a smaller image keeps its size.

    Args:
        path: The file.
        kind: ``image``; ``video`` for the middle frame of the first two seconds; ``audio`` for the loudness
            from beginning to end, of the first minute.

    Raises:
        DataError: If the file cannot be read.
        MissingDependencyError: If the library for sounds or videos is not installed.
    """
    try:
        plain = _DRAWN[kind](path)
    except UnreadableFileError as error:
        raise DataError(str(error), where=str(path), fix="Mend or remove the file.") from None
    # Colour profiles and the like would go into the file and may be larger than the picture.
    plain.info.clear()
    plain.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    plain.save(buffer, format="PNG")
    return buffer.getvalue()


def _picture(path: Path) -> Image.Image:
    with open_image(path) as image:
        # Palettes and other rare modes have no resampling worth having.
        mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
        return image.convert(mode)


def _early_frame(path: Path) -> Image.Image:
    return Image.fromarray(next(iter(read_frames(path, number=1, seconds=_SECONDS["video"]))))


def _loudness(path: Path) -> Image.Image:
    """Return a bar for each of 48 equal parts of a sound, as high as its largest sample, on nothing."""
    samples, _ = read_samples(path, seconds=_SECONDS["audio"])
    peaks = np.array([np.abs(part).max(initial=0.0) for part in np.array_split(samples, THUMBNAIL)])
    heights = np.ceil(peaks / max(float(peaks.max()), 1e-9) * THUMBNAIL)
    from_middle = np.abs(2 * np.arange(THUMBNAIL) + 1 - THUMBNAIL)
    inked = from_middle[:, None] <= heights[None]
    pixels = np.zeros((THUMBNAIL, THUMBNAIL, 2), dtype=np.uint8)
    pixels[..., 0], pixels[..., 1] = _INK, 255 * inked
    return Image.fromarray(pixels, "LA")


_DRAWN: dict[str, Callable[[Path], Image.Image]] = {
    "image": _picture,
    "video": _early_frame,
    "audio": _loudness,
}
"""How the files of each kind become pictures."""
