"""Arrays from HDF5 files, which may not lead to other files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.errors import DataError, MissingDependencyError

ENDINGS = (".h5", ".hdf5")
_MOST_PER_BYTE = 1_100
"""How many bytes a byte of a file can hold at most: what deflate reaches."""


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


def read_hdf5(path: Path, choose: Callable[[list[str]], str]) -> npt.NDArray[Any]:
    """Return one array of an HDF5 file.

    Args:
        path: The file.
        choose: Given the names of all arrays, ``group/array`` inside groups, returns that of the one to read.

    Raises:
        DataError: If the array lies in another file, or is far larger than the file could hold.
        MissingDependencyError: If h5py is not installed.
        OSError: If the file is broken.
    """
    library = hdf5_library()
    with library.File(path, "r") as file:
        name = choose(list(_names(library, file, "")))
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


def _names(library: ModuleType, group: Any, before: str) -> Iterator[str]:
    """Yield the names of all arrays of a group and its groups; links are not followed."""
    for name in group:
        if not isinstance(group.get(name, getlink=True), library.HardLink):
            continue
        kind = group.get(name, getclass=True)
        if kind is library.Dataset:
            yield f"{before}{name}"
        elif kind is library.Group:
            yield from _names(library, group[name], f"{before}{name}/")
