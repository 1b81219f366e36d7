"""Content hashes: the same content gives the same hash on any machine."""

from __future__ import annotations

import builtins
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

HASH_BYTES = 16


class Hasher:
    """A running BLAKE2b hash of mixed content; every part is framed by its kind and its length.

    Example:
        >>> Hasher().json({"b": 1, "a": 2}).hexdigest() == Hasher().json({"a": 2, "b": 1}).hexdigest()
        True
    """

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=HASH_BYTES)

    def bytes(self, data: bytes) -> Hasher:
        """Add raw bytes."""
        self._hash.update(b"b%d:" % len(data))
        self._hash.update(data)
        return self

    def text(self, text: str) -> Hasher:
        """Add text."""
        return self.bytes(text.encode())

    def json(self, value: Any) -> Hasher:
        """Add a JSON value; the order of keys does not count."""
        return self.text(json.dumps(value, sort_keys=True, ensure_ascii=True))

    def array(self, array: np.ndarray[Any, Any]) -> Hasher:
        """Add an array: its type, its shape and its elements."""
        self.text(f"{array.dtype.str}{array.shape}")
        self._hash.update(np.ascontiguousarray(array).data)
        return self

    def file(self, path: Path) -> Hasher:
        """Add the content of a file."""
        with path.open("rb") as stream:
            return self.stream(stream)

    def stream(self, stream: BinaryIO) -> Hasher:
        """Add the content of an open file that nothing was read of yet, as :meth:`file` does."""
        self.text(str(os.fstat(stream.fileno()).st_size))
        while block := stream.read(1 << 20):
            self._hash.update(block)
        return self

    def digest(self) -> builtins.bytes:
        """Return the hash so far, 16 bytes."""
        return self._hash.digest()

    def hexdigest(self) -> str:
        """Return the hash so far, 32 hexadecimal digits."""
        return self._hash.hexdigest()


def joined_hashes(hashes: Iterable[bytes]) -> npt.NDArray[np.uint8]:
    """Return hashes as an array, uint8 [N, 16]."""
    return np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, HASH_BYTES)


def split_hashes(hashes: npt.NDArray[np.uint8]) -> list[bytes]:
    """Return the rows of an array, uint8 [N, 16], as hashes.

    Example:
        >>> split_hashes(joined_hashes([b"one" + bytes(13), bytes(16)]))[0][:3]
        b'one'
    """
    split: list[bytes] = np.ascontiguousarray(hashes).view(f"V{HASH_BYTES}").ravel().tolist()
    return split
