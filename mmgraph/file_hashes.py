"""The hashes of files, kept from one use to the next for those that nobody has touched since."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from mmgraph.atomic import atomic_write
from mmgraph.errors import UserError
from mmgraph.hashing import Hasher
from mmgraph.paths import home

# A file that changed so shortly before it was read may have changed once more within one tick of the clock.
_TICK = 2_000_000_000

Known = dict[str, str]
"""By the name of a file, what :func:`_state` says of it, and its hash behind that."""


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
        # As text: what pathlib makes of folders and names costs more than all else here.
        texts = [str(path) for path in paths]
        by_folder: dict[str, list[str]] = {}
        for text in texts:
            folder = text[: text.rfind(os.sep) + 1]
            if folder in by_folder:
                by_folder[folder].append(text)
            else:
                by_folder[folder] = [text]
        found: dict[str, str] = {}
        for folder, files in by_folder.items():
            self._in_one(Path(folder).resolve(), len(folder), files, found)
        return [found[text] for text in texts]

    def _in_one(self, parent: Path, start: int, files: Sequence[str], found: dict[str, str]) -> None:
        """Add the hashes of files of one folder, and keep what was worked out.

        Args:
            parent: The folder.
            start: Where in a path the name begins.
            files: The paths.
            found: Hashes by path.
        """
        place = self._folder / f"{Hasher().text(str(parent)).hexdigest()}.json"
        known, fresh = _read(place), Known()
        for file in files:
            stat = os.stat(file)  # noqa: PTH116
            state = _state(stat)
            there = known.get(file[start:])
            if there is not None and there.startswith(state):
                found[file] = there[len(state) :]
            elif file not in found:
                begun = time.time_ns()
                found[file] = Hasher().file(Path(file)).hexdigest()
                old = begun - max(stat.st_mtime_ns, stat.st_ctime_ns) > _TICK
                if old and _state(os.stat(file)) == state:  # noqa: PTH116
                    fresh[file[start:]] = state + found[file]
        if fresh:
            # Where they cannot be kept they are read again another time.
            with contextlib.suppress(UserError, OSError):
                atomic_write(place, json.dumps(known | fresh) + "\n")


def _state(stat: os.stat_result) -> str:
    """Return what changes whenever a file does: size, times of writing and of change, device and number.

    It is text: so many small lists would have Python look for what nobody needs any more, which takes longer
    than all else here.
    """
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_dev} {stat.st_ino} "


def _read(place: Path) -> Known:
    """Return what is kept in a file; nothing if it is not there or damaged."""
    try:
        known = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) and all(type(each) is str for each in known.values()) else {}
