"""Raw items for encoders: small images, sounds and datasets, made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from mmgraph.data.dataset import Dataset
from mmgraph.data.load import load_dataset
from mmgraph.data.modalities import RawModality
from mmgraph.progress import Progress


@pytest.fixture
def quiet() -> Progress:
    return Progress(quiet=True)


@pytest.fixture
def image_file(tmp_path) -> Callable[..., Path]:
    """Return a function that writes an image and returns its path."""

    def write(name: str, image: Image.Image | np.ndarray, **options: Any) -> Path:
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        picture.save(tmp_path / name, **options)
        return tmp_path / name

    return write


@pytest.fixture
def gradient() -> np.ndarray:
    """A picture that grows brighter to the right and redder downwards, uint8 [40, 40, 3]."""
    right = np.linspace(0, 255, 40)
    return np.stack([np.tile(right[:, None], 40), np.tile(right, (40, 1)), np.full((40, 40), 60)], 2).astype(
        np.uint8
    )


@pytest.fixture
def sound_file(tmp_path) -> Callable[..., Path]:
    """Return a function that writes a sound [L] or [L, channels] and returns its path."""
    soundfile = pytest.importorskip("soundfile")

    def write(name: str, samples: np.ndarray, rate: int = 16_000, **options: Any) -> Path:
        soundfile.write(tmp_path / name, samples, rate, **options)
        return tmp_path / name

    return write


@pytest.fixture
def tone() -> Callable[..., np.ndarray]:
    """Return a function that makes a sine tone, float64 [L]."""

    def make(hertz: float, *, rate: int = 16_000, seconds: float = 0.5) -> np.ndarray:
        return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)

    return make


def raw_of(kind: str, values: Any, columns: dict[str, str] | None = None) -> RawModality:
    return RawModality(kind, np.arange(len(values)), values, columns or {})


@pytest.fixture
def raw() -> Callable[..., RawModality]:
    """Return a function that makes a raw modality that all entities have."""
    return raw_of


@pytest.fixture
def make_dataset(tmp_path) -> Callable[..., Dataset]:
    """Return a function that writes a dataset of one entity type with one modality, and opens it."""

    def make(modality: dict[str, Any], table: dict[str, Sequence[Any]], *, num_training: int) -> Dataset:
        frame = pd.DataFrame(table)
        held_out = ["validation", "test"] * len(frame)
        frame["id"] = [f"item-{row}" for row in range(len(frame))]
        frame["part"] = (["train"] * num_training + held_out)[: len(frame)]
        frame.to_parquet(tmp_path / "items.parquet")
        spec = {
            "name": "small",
            "entities": {"item": {"table": "items.parquet", "modalities": {"seen": modality}}},
            "splits": {"fixed": {"kind": "column", "entity": "item", "column": "part"}},
        }
        (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(spec))
        return load_dataset(tmp_path)

    return make
