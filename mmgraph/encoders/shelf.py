"""Descriptions of single items on disk, found by the hash of each item's content."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mmgraph.atomic import atomic_write
from mmgraph.encoders.ragged import Ragged
from mmgraph.hashing import Hasher

_SMALL = 64 << 20
_MOST_SMALL = 16
_KEY_BYTES = 16

Described = npt.NDArray[Any]


class Shelf:
    """A folder of descriptions that one encoder made, in files of some items each.

    Several processes may share it, and end at any time: a file is there whole or not at all. What is damaged
    counts as absent, and may be deleted.

    Args:
        folder: Its folder, which need not be there.

    Example:
        >>> shelf = Shelf(getfixture("tmp_path") / "shelf")
        >>> shelf.add([bytes(16)], np.ones((1, 2)))
        >>> {key.hex(): row.tolist() for key, row in shelf.read([bytes(16), b"x" * 16]).items()}
        {'00000000000000000000000000000000': [1.0, 1.0]}
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, keys: Iterable[bytes]) -> dict[bytes, Described]:
        """Return the descriptions that are there, by key.

        Args:
            keys: Hashes of 16 bytes.
        """
        wanted, found = set(keys), {}
        for file in self._files():
            there, rows = _read(file)
            for key, row in zip(there, rows, strict=True):
                if key in wanted:
                    found[key] = row
        return found

    def add(self, keys: Sequence[bytes], rows: Described | Ragged) -> None:
        """Keep the descriptions of some items.

        Args:
            keys: Hashes of 16 bytes.
            rows: Their descriptions, [len(keys), ...], or of each as many rows as it has.

        Raises:
            UserError: If the folder cannot be written.
        """
        joined = _joined(keys)
        values = rows.values if isinstance(rows, Ragged) else rows
        arrays = {"keys": joined, "rows": np.ascontiguousarray(values)}
        if isinstance(rows, Ragged):
            arrays["lengths"] = rows.lengths
        atomic_write(self._file_of(joined), save(arrays))

    def tidy(self) -> None:
        """Put many small files into one.

        Raises:
            UserError: If the folder cannot be written.
        """
        small = [file for file in self._files() if _size(file) < _SMALL]
        if len(small) <= _MOST_SMALL:
            return
        merged: dict[bytes, Described] = {}
        ragged = False
        read = []
        for file in small:
            keys, rows = _read(file)
            merged.update(zip(keys, rows, strict=True))
            ragged = ragged or isinstance(rows, Ragged)
            read += [file] if keys else []
        if not merged:
            return
        parts = list(merged.values())
        self.add(list(merged), Ragged.of(parts) if ragged else np.stack(parts))
        kept = self._file_of(_joined(list(merged)))
        # What was not there to be read may have come since, from another process.
        for file in read:
            if file != kept:
                file.unlink(missing_ok=True)

    def _file_of(self, keys: npt.NDArray[np.uint8]) -> Path:
        return self._folder / f"{Hasher().array(keys).hexdigest()}.safetensors"

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.safetensors"))


def _size(file: Path) -> int:
    """Return the size of a file in bytes; none where another process has put it into a larger one."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _joined(keys: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, _KEY_BYTES)


def _read(file: Path) -> tuple[list[bytes], Described | Ragged]:
    """Return the keys and the descriptions of one file; none of a damaged one, which is deleted."""
    rows: Any
    try:
        # As tensors they are parts of the file, and as arrays copies, for which nobody has to wait for torch.
        with safe_open(file, framework="pt" if "torch" in sys.modules else "numpy") as opened:
            arrays = {name: np.asarray(opened.get_tensor(name)) for name in opened.keys()}  # noqa: SIM118 - no mapping
        keys, rows = arrays["keys"], arrays["rows"]
        if "lengths" in arrays:
            lengths = arrays["lengths"].astype(np.int64)
            if (lengths < 1).any() or lengths.sum() != len(rows):
                raise ValueError("lengths and rows do not fit")
            rows = Ragged(rows, lengths)
        if keys.dtype != np.uint8 or keys.shape != (len(rows), _KEY_BYTES):
            raise ValueError("keys and rows do not fit")
    except (FileNotFoundError, RuntimeError):
        # Another process has put it into a larger file; torch has no error of its own for that.
        return [], np.empty(0)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        file.unlink(missing_ok=True)
        return [], np.empty(0)
    data = keys.tobytes()
    return [data[start : start + _KEY_BYTES] for start in range(0, len(data), _KEY_BYTES)], rows
