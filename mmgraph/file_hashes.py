"""The hashes of files, kept from one use to the next for those that nobody has touched since."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mmgraph.atomic import atomic_write
from mmgraph.errors import UserError
from mmgraph.hashing import HASH_BYTES, Hasher, joined_hashes, split_hashes
from mmgraph.paths import home

# A file that changed so shortly before it was read may have changed once more within one tick of the clock.
_TICK = 2_000_000_000

_TOLD = attrgetter("st_ino", "st_dev", "st_size", "st_mtime_ns", "st_ctime_ns")

Known = dict[int, bytes]
"""By what :func:`_states` says of a file its hash."""


class FileHashes:
    """Hashes files, or knows their hashes by what the system says of them: number, size and times.

    What it knows is in one file for all that is in a folder, which may be deleted at any time; then files are
    read again.

    Args:
        folder: Where to keep hashes; nothing for ``builds/files`` in mmgraph's own folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or home() / "builds" / "files"

    def get(self, path: Path) -> str:
        """Return the hash of a file's content, as hexadecimal digits.

        Raises:
            OSError: If the file cannot be read.
        """
        return self.of([path])[0].hex()

    def of(self, paths: Sequence[Path]) -> list[bytes]:
        """Return the hash of the content of each file, 16 bytes.

        Raises:
            OSError: If one of them cannot be read.
        """
        # As text, and without a loop: that takes longer than all else here but asking the system.
        texts = [str(path) for path in paths]
        if not texts:
            return []
        place = self._place(texts)
        known = _read(place)
        with contextlib.suppress(KeyError):
            return list(map(known.__getitem__, _states(map(os.stat, texts))))
        fresh, read, hashes = Known(), dict[str, bytes](), []
        for text in texts:
            stat = os.stat(text)  # noqa: PTH116
            (state,) = _states([stat])
            found = known.get(state) or read.get(text)
            if found is None:
                begun = time.time_ns()
                found = read[text] = Hasher().file(Path(text)).digest()
                old = begun - max(stat.st_mtime_ns, stat.st_ctime_ns) > _TICK
                # Where a system does not number files they cannot be told apart.
                if old and stat.st_ino and [state] == list(_states([os.stat(text)])):  # noqa: PTH116
                    fresh[state] = found
            hashes.append(found)
        if fresh:
            # Where they cannot be kept they are read again another time.
            with contextlib.suppress(UserError, OSError):
                atomic_write(place, _packed(known | fresh))
        return hashes

    def _place(self, files: Sequence[str]) -> Path:
        """Return where the hashes of some files are kept: by the folder that all of them are in."""
        together = os.path.commonprefix([min(files), max(files)])  # noqa: RUF071 - cut to whole parts below
        folder = Path(together[: together.rfind(os.sep) + 1]).resolve()
        return self._folder / f"{Hasher().text(str(folder)).hexdigest()}.safetensors"


def _states(stats: Iterable[os.stat_result]) -> Iterator[int]:
    """Yield what tells each file from all others and changes whenever it does.

    That is a hash of its number, device, size, and times of writing and of change, in 64 bits: two of a
    million files have the same with a chance of about 1 in 40 million.
    """
    return map(hash, map(_TOLD, stats))


def _packed(known: Known) -> bytes:
    return save(
        {
            "states": np.array(list(known), np.int64),
            "hashes": joined_hashes(known.values()),
        }
    )


def _read(place: Path) -> Known:
    """Return what is kept in a file; nothing if it is not there or damaged."""
    try:
        arrays = load(place.read_bytes())
        states, hashes = arrays["states"], arrays["hashes"]
    except (OSError, KeyError, SafetensorError):
        return {}
    right = states.dtype == np.int64 and hashes.dtype == np.uint8
    if not right or states.ndim != 1 or hashes.shape != (len(states), HASH_BYTES):
        return {}
    return dict(zip(states.tolist(), split_hashes(hashes), strict=True))
