"""Descriptions of single items on disk, found by the hash of each item's content."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from safetensors.numpy import save

from mmgraph.atomic import atomic_write, remove_leftovers
from mmgraph.encoders.descriptions import Described, Descriptions, shape_of
from mmgraph.encoders.ragged import Ragged
from mmgraph.hashing import HASH_BYTES, Hasher, joined_hashes, split_hashes

_SMALL = 64 << 20
_MOST_SMALL = 3

Part = tuple[list[bytes], Described]
"""Keys and their descriptions."""

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "U64": "<u8",
    "I32": "<i4",
    "U32": "<u4",
    "I16": "<i2",
    "U16": "<u2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
    "C64": "<c8",
}
"""NumPy's names of the types that the library saves arrays of."""


class Shelf:
    """A folder of descriptions that one encoder made, in files of some items each.

    Several processes may share it, and end at any time: a file is there whole or not at all, after a power
    cut too. One that is no such file counts as absent, and may be deleted; that somebody changed rows in a
    file is not noticed.

    Args:
        folder: Its folder, which need not be there.

    Example:
        >>> shelf = Shelf(getfixture("tmp_path") / "shelf")
        >>> shelf.add([bytes(16)], np.ones((1, 2)))
        >>> found = shelf.read()
        >>> found.of([bytes(16)], "here").tolist(), found.lacking({b"x" * 16})
        ([[1.0, 1.0]], {b'xxxxxxxxxxxxxxxx'})
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> Descriptions:
        """Return the descriptions that are there; their rows are not read before somebody asks for them."""
        found, tried = Descriptions(), set[Path]()
        while True:
            # A file that is gone is part of a larger one now, which may not have been listed.
            with contextlib.suppress(FileNotFoundError):
                for file in self._files():
                    if file not in tried:
                        tried.add(file)
                        found.add(*_read(file))
                return found

    def add(self, keys: Sequence[bytes], rows: Described | Ragged) -> None:
        """Keep the descriptions of some items.

        Args:
            keys: Hashes of 16 bytes.
            rows: Their descriptions, [len(keys), ...], or of each as many rows as it has.

        Raises:
            UserError: If the folder cannot be written.
        """
        joined = joined_hashes(keys)
        values = rows.values if isinstance(rows, Ragged) else rows
        arrays = {"keys": joined, "rows": np.ascontiguousarray(values)}
        if isinstance(rows, Ragged):
            arrays["lengths"] = rows.lengths
        atomic_write(self._file_of(joined), save(arrays), sync=True)

    def tidy(self) -> None:
        """Put many small files into few larger ones, and remove what a kill left of files.

        Raises:
            UserError: If the folder cannot be written.
        """
        remove_leftovers(self._folder, ".safetensors")
        # The oldest first: what was described in this order is asked for in this order, and read fastest.
        small = sorted(
            (made, file, size) for file in self._files() for made, size in _told(file) if size < _SMALL
        )
        if len(small) <= _MOST_SMALL:
            return
        some: list[Path] = []
        total = 0
        for _, file, size in small:
            some.append(file)
            total += size
            if total >= _SMALL:
                self._merge(some)
                some, total = [], 0
        if len(some) > 1:
            self._merge(some)

    def _merge(self, files: Sequence[Path]) -> None:
        """Put files into one for each shape of descriptions, as those of small pictures are smaller."""
        alike: defaultdict[tuple[int | str, ...], dict[Path, Part]] = defaultdict(dict)
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                keys, described = _read(file)
                if keys:
                    alike[shape_of(described)][file] = keys, described
        for parts in alike.values():
            if len(parts) > 1:
                merged = Descriptions()
                for part in parts.values():
                    merged.add(*part)
                keys = list(merged)
                self.add(keys, merged.of(keys, str(self._folder)))
                made = self._file_of(joined_hashes(keys))
                # What was not there to be read may have come since, from another process.
                for file in parts:
                    if file != made:
                        file.unlink(missing_ok=True)

    def _file_of(self, keys: npt.NDArray[np.uint8]) -> Path:
        return self._folder / f"{_name_of(keys)}.safetensors"

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.safetensors"))


def _name_of(keys: npt.NDArray[np.uint8]) -> str:
    return Hasher().array(keys).hexdigest()


def _told(file: Path) -> Iterator[tuple[int, int]]:
    """Yield when a file was made and its size in bytes; nothing if it is gone."""
    with contextlib.suppress(FileNotFoundError):
        told = file.stat()
        yield told.st_mtime_ns, told.st_size


def _read(file: Path) -> Part:
    """Return the keys and the descriptions of one file; none of a damaged one, which is deleted.

    Raises:
        FileNotFoundError: If it is not there, as another process has put it into a larger one.
    """
    try:
        arrays = _mapped(file)
        keys, rows = arrays["keys"], arrays["rows"]
        described: Described = rows
        if "lengths" in arrays:
            lengths = arrays["lengths"].astype(np.int64)
            if (lengths < 1).any() or lengths.sum() != len(rows):
                raise ValueError("lengths and rows do not fit")
            described = Ragged(rows, lengths)
        if keys.dtype != np.uint8 or keys.shape != (len(described), HASH_BYTES):
            raise ValueError("keys and rows do not fit")
        if file.stem != _name_of(keys):
            raise ValueError("keys and name do not fit")
    except FileNotFoundError:
        raise
    except OSError:
        # It cannot be read now, or by somebody else only.
        return [], np.empty(0)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        with contextlib.suppress(OSError):
            file.unlink()
        return [], np.empty(0)
    return split_hashes(keys), described


def _mapped(file: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a safetensors file as parts of it, of which only what is used is read.

    The library copies arrays unless they are torch's, for which it takes three times as long as this.

    Raises:
        OSError: If it cannot be read.
        Other errors: If it is damaged.
    """
    # Python's own maps keep a file open each, of which there may be a thousand.
    with pa.memory_map(str(file)) as opened:
        content = memoryview(opened.read_buffer())
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(bytes(content[8:start]))
    arrays = {}
    for name, array in header.items():
        begin, end = array["data_offsets"]
        data = np.frombuffer(content[start + begin : start + end], _DTYPES[array["dtype"]])
        arrays[name] = data.reshape(array["shape"])
    return arrays
