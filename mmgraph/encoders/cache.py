"""Descriptions of raw items on disk, found again by their content."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.atomic import atomic_write
from mmgraph.data.modalities import RawModality
from mmgraph.encoders.encoder import Encoder
from mmgraph.errors import UserError
from mmgraph.hashing import Hasher
from mmgraph.paths import home
from mmgraph.progress import Progress


class FeatureCache:
    """A folder of arrays, each in a file that is named after the content that it was computed from.

    Several processes may share it: a file is there whole or not at all. It may be deleted at any time.

    Args:
        folder: Where to keep the arrays; nothing for ``features`` in mmgraph's own folder.

    Attributes:
        found: Whether the array that was last asked for was there; nothing if none has been.

    Example:
        >>> cache = FeatureCache(getfixture("tmp_path"))
        >>> cache.get_or_compute("ab12", lambda: np.arange(3)).tolist()
        [0, 1, 2]
        >>> cache.get_or_compute("ab12", lambda: np.zeros(3)).tolist()
        [0, 1, 2]
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home() / "features"
        self.found: bool | None = None

    def get_or_compute(
        self, key: str, compute: Callable[[], npt.NDArray[Any]], *, progress: Progress | None = None
    ) -> npt.NDArray[Any]:
        """Return the array under ``key``; where there is none, or a damaged one, compute and keep it.

        Args:
            key: A hash of everything that the array depends on.
            compute: Makes the array.
            progress: Told if the array cannot be kept, which is no reason to fail.
        """
        path = self.folder / key[:2] / f"{key}.npy"
        kept = _read(path)
        self.found = kept is not None
        if kept is not None:
            return kept
        array = compute()
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
        try:
            atomic_write(path, buffer.getvalue())
        except (UserError, OSError) as error:
            if progress is not None:
                progress.say(f"Features are not cached: {error}")
        return array


def description_key(encoder: Encoder[Any, Any], name: str, raw: RawModality) -> str:
    """Return the hash of everything that the description of raw items depends on.

    Args:
        encoder: The encoder.
        name: The name that it is registered under.
        raw: The items; it is their content that counts, not the names of their files.
    """
    hasher = Hasher().json(
        {
            "encoder": name,
            "version": encoder.version,
            "parameters": encoder.description_parameters(),
            "libraries": {library: version(library) for library in encoder.libraries},
            "kind": raw.kind,
            "columns": raw.columns,
        }
    )
    add_content(hasher, raw)
    return hasher.hexdigest()


def _read(path: Path) -> npt.NDArray[Any] | None:
    try:
        with path.open("rb") as file:
            array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            return array
    except (OSError, ValueError, EOFError):
        return None


def add_content(hasher: Hasher, raw: RawModality) -> None:
    """Add the content of raw items to a hash; the names of their files do not count."""
    if isinstance(raw.values, np.ndarray):
        hasher.array(raw.values)
    elif isinstance(raw.values, pd.DataFrame):
        for name, kind in raw.columns.items():
            cells = raw.values[name]
            if kind == "categorical":
                hasher.json([None if cell is None else str(cell) for cell in cells])
            elif kind == "date":
                hasher.array(cells.to_numpy("datetime64[us]").view(np.int64))
            else:
                hasher.array(cells.to_numpy(np.float64))
    else:
        for value in raw.values:
            if isinstance(value, Path):
                hasher.file(value)
            else:
                hasher.text(value)
