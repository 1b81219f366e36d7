"""What a person sees of a raw item: a thumbnail of an image, the beginning of a text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmgraph.data.dataset import RawModality
from mmgraph.data.files import UnreadableFileError
from mmgraph.data.image_file import open_image
from mmgraph.errors import DataError
from mmgraph.progress import Progress

THUMBNAIL = 48
"""The longest side of a thumbnail, in pixels."""

EXCERPT = 200
"""The length of the beginning of a text, in characters."""


def previews(raw: RawModality, *, name: str, progress: Progress) -> pd.Series:
    """Return one preview for each item: PNG bytes of an image, the first characters of a text, else nothing.

    Args:
        raw: The items.
        name: The node type, for progress.
        progress: Told about every image.

    Raises:
        DataError: If an image cannot be read.
    """
    if raw.kind == "image":
        return pd.Series(_thumbnails([Path(str(path)) for path in raw.values], name, progress), dtype=object)
    if raw.kind == "text":
        return pd.Series([str(text)[:EXCERPT] for text in raw.values], dtype="str")
    return pd.Series([None] * len(raw.index), dtype=object)


def _thumbnails(paths: Sequence[Path], name: str, progress: Progress) -> list[bytes]:
    images = []
    with progress.job(f"thumbnails of {name}", total=len(paths)) as advance:
        for path in paths:
            images.append(thumbnail(path))
            advance()
    return images


def thumbnail(path: Path) -> bytes:
    """Return an image file as a PNG of at most 48 pixels a side; a smaller image keeps its size.

    Raises:
        DataError: If the file cannot be read as an image.
    """
    try:
        with open_image(path) as image:
            # Palettes and other rare modes have no resampling worth having.
            mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
            plain = image.convert(mode)
    except UnreadableFileError as error:
        raise DataError(str(error), where=str(path), fix="Mend or remove the file.") from None
    # Colour profiles and the like would go into the file and may be larger than the picture.
    plain.info.clear()
    plain.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    plain.save(buffer, format="PNG")
    return buffer.getvalue()
