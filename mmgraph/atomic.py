"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mmgraph.errors import UserError


@contextlib.contextmanager
def atomic_folder(path: Path, *, marker: str, overwrite: bool = False) -> Iterator[Path]:
    """Yield a new folder beside ``path`` and rename it to ``path`` once the block is done.

    If the block raises, the new folder is removed and ``path`` stays as it was.

    Args:
        path: Where the folder shall be.
        marker: A file that every folder of this kind holds, e.g. ``manifest.json``. Only a folder that
            holds it, or an empty one, is ever replaced: nobody's other files are lost.
        overwrite: Replace an earlier folder of the same kind.

    Raises:
        UserError: If ``path`` is there already and must not be replaced.
    """
    if path.exists():
        empty = path.is_dir() and not any(path.iterdir())
        if not empty and not (path / marker).is_file():
            raise UserError(
                f"is there already and holds no {marker}, so it is not mmgraph's to replace",
                where=str(path),
                fix="Choose another --out.",
            )
        if not empty and not overwrite:
            raise UserError(
                "is there already", where=str(path), fix="Choose another --out, or pass --overwrite."
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{path.name}.new-", dir=path.parent))
    try:
        yield new
        new.chmod(0o777 & ~_umask())
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old-", dir=path.parent))
            path.rename(old / path.name)
            new.rename(path)
            shutil.rmtree(old)
        else:
            new.rename(path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def atomic_write(path: Path, content: bytes | str) -> None:
    """Write ``content`` beside ``path`` and rename it into place."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
