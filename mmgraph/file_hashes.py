"""The hashes of files, kept from one use to the next for those that nobody has touched since."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmgraph.atomic import atomic_write
from mmgraph.errors import UserError
from mmgraph.hashing import Hasher
from mmgraph.paths import home

# A file that changed so shortly before it was read may have changed once more within one tick of the clock.
_TICK = 2_000_000_000

State = list[int]
"""What changes whenever a file does: size, times of writing and of change, device and number."""

Known = dict[str, tuple[State, str]]
"""By the name of a file, its state and its hash."""


class FileHashes:
    """Hashes files, or knows their hashes by their place, size and times.

    What it knows is in one file for each folder, which may be deleted at any time; then files are read again.

    Args:
        folder: Where to keep hashes; nothing for ``builds/files`` in mmgraph's own folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or home() / "builds" / "files"

    def get(self, path: Path) -> str:
        """Return the hash of a file's content.

        Raises:
            OSError: If the file cannot be read.
        """
        return self.of([path])[0]

    def of(self, paths: Sequence[Path]) -> list[str]:
        """Return the hash of the content of each file.

        Raises:
            OSError: If one of them cannot be read.
        """
        found: dict[Path, str] = {}
        by_folder: dict[Path, list[Path]] = {}
        for path in paths:
            by_folder.setdefault(path.parent, []).append(path)
        for parent, files in by_folder.items():
            found |= self._in_one(parent.resolve(), files)
        return [found[path] for path in paths]

    def _in_one(self, parent: Path, files: Iterable[Path]) -> dict[Path, str]:
        """Return the hashes of files of one folder, and keep what was worked out."""
        place = self._folder / f"{Hasher().text(str(parent)).hexdigest()}.json"
        known, found, fresh = _read(place), dict[Path, str](), Known()
        for path in files:
            state = _state(path)
            there = known.get(path.name)
            if there is not None and there[0] == state:
                found[path] = there[1]
                continue
            begun = time.time_ns()
            found[path] = Hasher().file(path).hexdigest()
            if begun - max(state[1:3]) > _TICK and _state(path) == state:
                fresh[path.name] = (state, found[path])
        if fresh:
            try:
                atomic_write(place, json.dumps(known | fresh) + "\n")
            except (UserError, OSError):
                # They are read again another time.
                return found
        return found


def _state(path: Path) -> State:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_dev, stat.st_ino]


def _read(place: Path) -> Known:
    """Return what is kept in a file; nothing if it is not there or damaged."""
    try:
        known = json.loads(place.read_text(encoding="utf-8"))
        return {str(name): (list(state), str(digest)) for name, (state, digest) in known.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
