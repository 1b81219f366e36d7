"""A disk without room, told in terms of what is lost."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from mmgraph.errors import RunError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def disk_told(place: Path) -> Iterator[None]:
    """Make one error of all the kinds in which a disk has no room.

    Args:
        place: What is being written.

    Raises:
        RunError: If there is no room.

    Example:
        >>> with disk_told(Path("run")):
        ...     raise OSError(errno.ENOSPC, "No space left on device")
        Traceback (most recent call last):
        mmgraph.errors.RunError: run: there is no room on the disk (No space left on device). Make room on \
it, or choose another --out.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = _no_room(error)
        if not reason:
            raise
        raise RunError(
            f"there is no room on the disk ({reason})",
            where=str(place),
            fix="Make room on it, or choose another --out.",
        ) from error


def _no_room(error: OSError | SafetensorError) -> str:
    """Return what the system says if there is no room, else nothing."""
    if isinstance(error, OSError):
        return str(error.strerror) if error.errno in _NO_ROOM else ""
    # The library says it in words, with the number of the error.
    return next((str(error) for number in _NO_ROOM if f"(os error {number})" in str(error)), "")
