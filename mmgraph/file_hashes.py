"""The hashes of files, kept from one use to the next for those that nobody has touched since."""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mmgraph.atomic import atomic_write, remove_leftovers
from mmgraph.errors import UserError
from mmgraph.hashing import HASH_BYTES, Hasher, joined_hashes, split_hashes
from mmgraph.paths import home

# A file that changed so shortly before it was read may have changed once more within one tick of the clock.
_TICK = 2_000_000_000

_SECONDS = 10.0
"""How long the work is that a kill may lose."""

_TOLD = attrgetter("st_ino", "st_dev", "st_size", "st_mtime_ns", "st_ctime_ns")

States = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint8]


class FileHashes:
    """Hashes files, or knows their hashes by what the system says of them: number, size and times.

    What it knows is in one file for each folder, which may be deleted at any time; then files are read again.

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
        # As text, and for those of one folder without a loop: that takes longer than all else here but asking
        # the system.
        texts = [str(path) for path in paths]
        if not texts:
            return []
        together = os.path.commonprefix([min(texts), max(texts)])  # noqa: RUF071 - cut to whole parts below
        folder = together[: together.rfind(os.sep) + 1]
        if "".join(texts).count(os.sep) == len(texts) * folder.count(os.sep):
            return self._in_one(folder, texts)
        rows: defaultdict[str, list[int]] = defaultdict(list)
        for row, text in enumerate(texts):
            rows[text[: text.rfind(os.sep) + 1]].append(row)
        found = [b""] * len(texts)
        for folder, some in rows.items():
            for row, known in zip(some, self._in_one(folder, [texts[row] for row in some]), strict=True):
                found[row] = known
        return found

    def _in_one(self, folder: str, files: Sequence[str]) -> list[bytes]:
        """Return the hashes of files of one folder, and keep what was worked out, every few seconds."""
        name = Hasher().bytes(os.fsencode(Path(folder).resolve())).hexdigest()
        place = self._folder / f"{name}.safetensors"
        kept_states, kept_hashes = _read(place)
        states = np.fromiter(_states(map(os.stat, files)), np.int64, len(files))
        rows = kept_states.searchsorted(states)
        if len(kept_states) > rows.max() and (kept_states[rows] == states).all():
            return split_hashes(kept_hashes[rows])
        known = dict(zip(kept_states.tolist(), split_hashes(kept_hashes), strict=True))
        read, hashes, kept, last = dict[str, bytes](), [], len(known), time.monotonic()
        for file, state in zip(files, states.tolist(), strict=True):
            found = known.get(state) or read.get(file)
            if found is None:
                begun = time.time_ns()
                found = read[file] = Hasher().file(Path(file)).digest()
                stat = os.stat(file)  # noqa: PTH116
                old = begun - max(stat.st_mtime_ns, stat.st_ctime_ns) > _TICK
                # Where a system does not number files they cannot be told apart.
                if old and stat.st_ino and [state] == list(_states([stat])):
                    known[state] = found
                if len(known) > kept and time.monotonic() - last > _SECONDS:
                    _keep(place, known)
                    kept, last = len(known), time.monotonic()
            hashes.append(found)
        if len(known) > kept:
            _keep(place, known)
        return hashes


def _states(stats: Iterable[os.stat_result]) -> Iterator[int]:
    """Yield what tells each file from all others and changes whenever it does.

    That is a hash of its number, device, size, and times of writing and of change, in 64 bits: two of a
    million files have the same with a chance of about 1 in 40 million.
    """
    return map(hash, map(_TOLD, stats))


def _keep(place: Path, known: dict[int, bytes]) -> None:
    """Keep the hashes of files, by what :func:`_states` says of them, in whose order they are kept."""
    states = np.array(sorted(known), np.int64)
    hashes = joined_hashes([known[state] for state in states.tolist()])
    content = save({"states": states, "hashes": hashes, "check": _check(states, hashes)})
    # Where they cannot be kept they are read again another time.
    with contextlib.suppress(UserError, OSError):
        atomic_write(place, content)
        remove_leftovers(place.parent, place.suffix)


def _read(place: Path) -> tuple[States, Hashes]:
    """Return what is kept in a file, [N] and [N, 16]; nothing if it is not there or damaged."""
    with contextlib.suppress(OSError, KeyError, SafetensorError):
        arrays = load(place.read_bytes())
        states, hashes = arrays["states"], arrays["hashes"]
        whole = np.array_equal(arrays["check"], _check(states, hashes))
        if whole and hashes.shape == (*states.shape, HASH_BYTES):
            return states, hashes
    return np.empty(0, np.int64), np.empty((0, HASH_BYTES), np.uint8)


def _check(states: States, hashes: Hashes) -> Hashes:
    return joined_hashes([Hasher().array(states).array(hashes).digest()])
