"""Image files, opened so that a hostile one ends in an error: not in a full memory or another program."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from mmgraph.data.files import UnreadableFileError, opening_problem

MAX_PIXELS = 1 << 26
"""Larger images are refused before they are decoded: a few kilobytes can claim to be many gigabytes."""

MAX_SIDE = 1 << 16
"""Longer ones too: what decoders keep of each row or column takes several times the pixels then."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "ICO", "AVIF")
"""What is read, as far as Pillow was built with it. It knows more, and starts other programs for some."""


@contextlib.contextmanager
def open_image(path: Path | IO[bytes]) -> Iterator[Image.Image]:
    """Open an image file for a ``with`` block, whose faults in reading and decoding become one kind of error.

    Args:
        path: The file, or its bytes as a file that is open.

    Raises:
        UnreadableFileError: If the file is no image, is damaged, or is too large; also for whatever decoders
            raise inside the block.
    """
    try:
        # Warnings of decoders are about metadata that nobody needs here. Given the name of a file, Pillow
        # maps some TIFF files into memory, and turns those that are to be turned wrongly.
        with (
            warnings.catch_warnings(action="ignore"),
            path.open("rb") if isinstance(path, Path) else contextlib.nullcontext(path) as file,
            Image.open(file, formats=_formats()) as image,
        ):
            if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
                raise UnreadableFileError(_too_large(image))
            yield image
    except UnreadableFileError:
        raise
    except Image.DecompressionBombError:
        raise UnreadableFileError(f"is larger than {MAX_PIXELS:,} pixels, the most that is read") from None
    except UnidentifiedImageError:
        raise _unreadable(path, f"is none of the image formats {', '.join(_formats())}") from None
    except Exception as error:  # decoders raise almost anything on damaged bytes
        said = str(error) or type(error).__name__
        raise _unreadable(path, f"cannot be read as an image: {said}") from None


def _unreadable(path: Path | IO[bytes], problem: str) -> UnreadableFileError:
    """Return the error for a file that was no image, or could not be opened, which says more."""
    return UnreadableFileError((opening_problem(path) if isinstance(path, Path) else "") or problem)


@functools.cache
def _formats() -> tuple[str, ...]:
    """Return those of ``FORMATS`` that are there; Pillow loads some of them only on demand."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _too_large(image: Image.Image) -> str:
    return (
        f"is {image.width:,} x {image.height:,} pixels large; wanted at most {MAX_PIXELS:,} pixels in all, "
        f"and {MAX_SIDE:,} on a side"
    )
