"""Where the shipped datasets and configs are, where prepared ones go, and paths that data files name."""

from __future__ import annotations

import os
from pathlib import Path

from mmgraph.errors import DataError

_PACKAGE = Path(__file__).resolve().parent


def shipped(kind: str) -> Path:
    """Return the folder of shipped ``datasets`` or ``configs``.

    A wheel carries them inside the package; in a source checkout they stand beside it.
    """
    inside = _PACKAGE / "shipped" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def home() -> Path:
    """Return the folder for prepared datasets and cached features.

    It is ``$MMGRAPH_HOME`` where that is set, else ``$XDG_CACHE_HOME/mmgraph``, else ``~/.cache/mmgraph``.
    """
    if chosen := os.environ.get("MMGRAPH_HOME"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mmgraph"


def inside(folder: Path, name: str, *, where: str) -> Path:
    """Return ``folder / name``, if that stays inside ``folder``, also through symbolic links.

    Raises:
        DataError: If the path leaves the folder.
    """
    path = folder / name
    if Path(name).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(
            f"the path {name!r} leaves the folder of the dataset",
            where=where,
            fix="Put the file inside the folder and give its path relative to it.",
        )
    return path
