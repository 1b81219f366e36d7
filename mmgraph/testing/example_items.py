"""Small items of every kind that an encoder may read."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from mmgraph.data.modalities import RawModality
from mmgraph.data.pairs import Pair
from mmgraph.data.regions import Regions
from mmgraph.data.video_file import video_library
from mmgraph.errors import ConfigError

_ITEMS = 16
_WORDS = ("latin", "small", "letter", "sign", "greek", "arrow", "digit", "with", "acute", "left")


def example_items(kind: str, folder: Path) -> RawModality:
    """Return sixteen different items of a kind of modality, the same each time.

    Args:
        kind: ``text``, ``image``, ``audio``, ``video``, ``tabular``, ``features``, ``regions``, or ``pair``
            of text and image.
        folder: Where files of images, sounds and videos are written.

    Raises:
        ConfigError: If there are no examples of that kind.
        MissingDependencyError: If videos are wanted and PyAV is not installed.
    """
    rng = np.random.default_rng(0)
    index = np.arange(_ITEMS)
    columns: dict[str, str] = {}
    values: Any
    match kind:
        case "text":
            values = [" ".join(rng.choice(_WORDS, size=4)) for _ in index]
        case "image":
            values = [_picture(folder / f"{row}.png", rng) for row in index]
        case "audio":
            values = [_sound(folder / f"{row}.wav", rng) for row in index]
        case "video":
            values = [_clip(folder / f"{row}.mp4", rng) for row in index]
        case "pair":
            texts = example_items("text", folder).values
            values = [
                Pair(text, path)
                for text, path in zip(texts, example_items("image", folder).values, strict=True)
            ]
        case "regions":
            values = [
                Regions(Path(path), ((0.0, 0.0, 10.0, 12.0), (4.0, 5.0, 20.0 - row / 4, 18.0)))
                for row, path in enumerate(example_items("image", folder).values)
            ]
        case "features":
            values = rng.standard_normal((_ITEMS, 3)).astype(np.float32)
        case "tabular":
            columns = {
                "area": "numeric",
                "colour": "categorical",
                "day": "date",
                "size": "ordinal",
                "note": "text",
                "north": "latitude",
                "east": "longitude",
            }
            area = np.where(rng.random(_ITEMS) < 0.8, np.exp(10 * rng.standard_normal(_ITEMS)), np.nan)
            day = pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.permutation(300)[:_ITEMS], unit="D")
            colour = rng.choice(["red", "green", "blue"], size=_ITEMS).astype(object)
            sizes = pd.Categorical(rng.choice(["S", "M", "L"], size=_ITEMS), ["S", "M", "L"], ordered=True)
            values = pd.DataFrame(
                {
                    "area": area,
                    "colour": colour,
                    "day": day,
                    "size": sizes,
                    "note": np.array([" ".join(rng.choice(_WORDS, size=3)) for _ in index], dtype=object),
                    "north": rng.uniform(-90, 90, size=_ITEMS),
                    "east": rng.uniform(-180, 180, size=_ITEMS),
                }
            )
        case _:
            raise ConfigError(
                f"there are no examples of the kind {kind!r}", where="items", fix="Give some of your own."
            )
    return RawModality(kind, index, values, columns)


def _picture(path: Path, rng: np.random.Generator) -> Path:
    Image.fromarray(rng.integers(0, 256, size=(20, 24, 3), dtype=np.uint8)).save(path)
    return path


def _sound(path: Path, rng: np.random.Generator) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(rng.integers(-9999, 9999, size=1600, dtype=np.int16).tobytes())
    return path


def _clip(path: Path, rng: np.random.Generator) -> Path:
    av = video_library()
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        picture = rng.integers(0, 256, size=(4, 6, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
        step = rng.integers(1, 4, size=2) * rng.choice([-1, 1], size=2)
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, number * step, axis=(0, 1)), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path
