"""The hashes of files, kept from one build to the next for those that nobody has touched since."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from mmgraph.atomic import atomic_write
from mmgraph.errors import UserError
from mmgraph.hashing import Hasher
from mmgraph.paths import home

# A file that changed so shortly before it was read may have changed once more within one tick of the clock.
_TICK = 2_000_000_000


class FileHashes:
    """Hashes files, or knows their hashes by their place, size and times.

    What it knows may be deleted at any time; then files are read again.

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
        place = self._folder / f"{Hasher().text(str(path.resolve())).hexdigest()}.json"
        state = _state(path)
        known = _read(place)
        if known is not None and known["state"] == state:
            return str(known["hash"])
        begun = time.time_ns()
        found = Hasher().file(path).hexdigest()
        if _state(path) == state and begun - max(state["changed"], state["written"]) > _TICK:
            try:
                atomic_write(place, json.dumps({"state": state, "hash": found}) + "\n")
            except (UserError, OSError):
                # It is read again another time.
                return found
        return found


def _state(path: Path) -> dict[str, int]:
    """Return what changes whenever a file does."""
    stat = path.stat()
    return {
        "size": stat.st_size,
        "written": stat.st_mtime_ns,
        "changed": stat.st_ctime_ns,
        "device": stat.st_dev,
        "number": stat.st_ino,
    }


def _read(place: Path) -> dict[str, Any] | None:
    try:
        known = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return known if isinstance(known, dict) and known.keys() == {"state", "hash"} else None
