"""Image files of any kind as small RGB pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from mmgraph.data.files import UnreadableFileError
from mmgraph.data.image_file import open_image

MAX_RATIO = 50
"""The most that an image may be longer than wide, for models that keep its shape."""

_ROWS = 256
"""So many rows of a picture are converted at a time where that takes many bytes for each pixel."""


def read_image(path: Path, *, size: int) -> npt.NDArray[np.uint8]:
    """Return an image file as an RGB picture, uint8 [size, size, 3].

    It is turned as its EXIF data say, put on white where it is transparent, and stretched to a square. Of an
    animation the first frame is taken.

    Args:
        path: The file: grey, palette, RGB, CMYK, with or without transparency, 8 or 16 bits or float.
        size: The side of the square, in pixels.

    Raises:
        UnreadableFileError: If the file is no image, is damaged, or is too large.
    """
    # A JPEG file is decoded at an eighth of its size or so, where that suffices.
    picture = read_rgb(path, at_least=(2 * size, 2 * size))
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))


def read_rgb(path: Path, *, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Return an image file as RGB, turned as its EXIF data say and put on white where it is transparent.

    Args:
        path: The file.
        at_least: Width and height in pixels that suffice, where a file can be decoded at less than its size.

    Raises:
        UnreadableFileError: If the file is no image, is damaged, or is too large.
    """
    with open_image(path) as image:
        if at_least is not None:
            image.draft(None, at_least)
        image.load()
        upright = _eight_bits(image)
        ImageOps.exif_transpose(upright, in_place=True)
        return _on_white(upright)


def read_picture(path: Path) -> Image.Image:
    """Return an image file as :func:`read_rgb` does, for a model that keeps the shape of what it reads.

    Args:
        path: The file.

    Raises:
        UnreadableFileError: If the file is no image, is damaged, is too large, or is so long and narrow that
            a model, which makes its short side as long as that of others, would need too much memory.
    """
    picture = read_rgb(path)
    if max(picture.size) > MAX_RATIO * min(picture.size):
        raise UnreadableFileError(
            f"is {picture.width:,} x {picture.height:,} pixels large; wanted at most {MAX_RATIO} times as "
            "long as wide"
        )
    return picture


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return an image of 16 or 32 bits a pixel as a grey one of 8 bits; Pillow would cut the rest off."""
    if not image.mode.startswith(("I", "F")):
        return image
    greatest = max(_greatest(strip) for _, strip in _strips(image))
    white = _white(image.mode, greatest)
    grey = np.empty((image.height, image.width), dtype=np.uint8)
    for top, strip in _strips(image):
        grey[top : top + strip.height] = np.clip(_values(strip) / white, 0, 1) * 255
    picture = Image.fromarray(grey)
    picture.info = dict(image.info)
    return picture


def _values(image: Image.Image) -> npt.NDArray[np.float64]:
    """Return the pixels of a grey image, 0 for what is no number, [height, width]; some may be infinite."""
    return np.nan_to_num(np.asarray(image, dtype=np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)


def _greatest(image: Image.Image) -> float:
    """Return the greatest finite pixel of a grey image, at least 0."""
    values = _values(image)
    return float(values.max(initial=0.0, where=np.isfinite(values)))


def _white(mode: str, greatest: float) -> float:
    """Return the value that stands for white: what the mode can hold, or the greatest if that is more."""
    if mode == "F":
        return 1.0 if greatest <= 1 else max(255.0, greatest)
    return max(65535.0, greatest)


def _on_white(image: Image.Image) -> Image.Image:
    """Return an image as RGB, on white where it is transparent."""
    if not image.has_transparency_data:
        # A copy lets go of the decoder of WEBP, which holds two pictures as long as the image is there.
        return image if image.mode == "RGB" and image.format != "WEBP" else image.convert("RGB")
    picture = Image.new("RGB", image.size)
    for top, strip in _strips(image):
        white = Image.new("RGBA", strip.size, "white")
        picture.paste(Image.alpha_composite(white, strip.convert("RGBA")).convert("RGB"), (0, top))
    return picture


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield some rows of an image at a time, from above, each with the number of its first row."""
    for top in range(0, image.height, _ROWS):
        yield top, image.crop((0, top, image.width, min(top + _ROWS, image.height)))
