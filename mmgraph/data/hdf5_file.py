"""Arrays from HDF5 files, which may not lead to other files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.errors import DataError, MissingDependencyError

ENDINGS = (".h5", ".hdf5")
_MOST_PER_BYTE = 1_100
"""How many bytes a byte of a file can hold at most: what deflate reaches."""

_MOST_NAMES = 10_000
"""How many names are looked at."""


def hdf5_library() -> ModuleType:
    """Return the module ``h5py``.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError(
            f"HDF5 files need h5py, which cannot be loaded: {error}",
            where="modality of kind features",
            fix="Install it: pip install 'mmgraph[hdf5]'",
        ) from None
    library: ModuleType = h5py
    return library


def read_hdf5(path: Path, key: str | None, choose: Callable[[list[str]], str]) -> npt.NDArray[Any]:
    """Return one array of an HDF5 file.

    Args:
        path: The file.
        key: The name of the array, where it is known.
        choose: Given the names of all arrays, ``group/array`` inside groups, returns that of the one to read.

    Raises:
        DataError: If the array lies in another file, or is far larger than the file could hold, or the file
            holds too many to look through.
        MissingDependencyError: If h5py is not installed.
        OSError: If the file is broken.
    """
    library = hdf5_library()
    with library.File(path, "r") as file:
        name = (
            key if key is not None and _is_array(library, file, key) else choose(_names(library, file, path))
        )
        array = file[name]
        if array.is_virtual or array.external is not None:
            raise DataError(
                f"the numbers of {name!r} lie in another file, which is not followed",
                where=str(path),
                fix="Save the numbers in the file itself.",
            )
        if array.nbytes > _MOST_PER_BYTE * path.stat().st_size:
            raise DataError(
                f"{name!r} says that it holds {array.nbytes:,} bytes, more than a file of "
                f"{path.stat().st_size:,} bytes can",
                where=str(path),
                fix="Write the file anew from the features.",
            )
        return np.asarray(array[()])


def _is_array(library: ModuleType, file: Any, name: str) -> bool:
    """Return whether a name is that of an array, by no link that may lead elsewhere."""
    group, parts = file, name.split("/")
    for part in parts[:-1]:
        if _kind(library, group, part) is not library.Group:
            return False
        group = group[part]
    return _kind(library, group, parts[-1]) is library.Dataset


def _kind(library: ModuleType, group: Any, name: str) -> Any:
    """Return the class of what a group holds under a name; nothing for nothing, and for links."""
    if name in ("", ".") or not isinstance(group.get(name, getlink=True), library.HardLink):
        return None
    return group.get(name, getclass=True)


def _names(library: ModuleType, file: Any, path: Path) -> list[str]:
    """Return the names of all arrays of a file; each group is gone through once, and links are not followed.

    Raises:
        DataError: If there are too many.
    """
    found, looked_at = [], 0
    groups, seen = [("", file)], {_place(library, file)}
    while groups:
        before, group = groups.pop()
        for name in group:
            looked_at += 1
            if looked_at > _MOST_NAMES:
                raise DataError(
                    f"holds more than {_MOST_NAMES:,} arrays and groups",
                    where=str(path),
                    fix="Write the features to a file of their own.",
                )
            kind = _kind(library, group, name)
            if kind is library.Dataset:
                found.append(f"{before}{name}")
            elif kind is library.Group and (place := _place(library, inner := group[name])) not in seen:
                seen.add(place)
                groups.append((f"{before}{name}/", inner))
    return sorted(found)


def _place(library: ModuleType, group: Any) -> int:
    """Return where in its file a group stands, which is the same by whatever name one came to it."""
    return int(library.h5o.get_info(group.id).addr)
