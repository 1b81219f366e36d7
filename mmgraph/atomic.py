"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from mmgraph.errors import ConfigError, UserError

_DAY = 86_400


@contextlib.contextmanager
def atomic_folder(
    path: Path, *, marker: str, overwrite: bool = False, inside: Path | None = None
) -> Iterator[Path]:
    """Yield a new folder beside ``path`` and rename it to ``path`` once the block is done.

    If the block raises, the new folder is removed and ``path`` stays as it was.

    Args:
        path: Where the folder shall be.
        marker: A file that every folder of this kind holds, e.g. ``manifest.json``. Only a folder that
            holds it, or an empty one, is ever replaced: nobody's other files are lost.
        overwrite: Replace an earlier folder of the same kind.
        inside: The folder, on the same disk, to make it in instead: whoever finds that after a kill knows
            what to remove.

    Raises:
        UserError: If ``path`` is there already and must not be replaced, or cannot be written.
    """
    _refuse_to_lose(path, marker, overwrite)
    place = inside or path.parent
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{path.name}.new-", dir=place))
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        yield new
        new.chmod(0o777 & ~_umask())
        # Another process may have been faster.
        _refuse_to_lose(path, marker, overwrite)
        _move_into_place(new, path, place)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def require_place(path: Path, *, marker: str, overwrite: bool = False) -> None:
    """Raise now what :func:`atomic_folder` would raise after long work, and change nothing.

    Args:
        path: Where the folder shall be.
        marker: A file that every folder of this kind holds.
        overwrite: Replace an earlier folder of the same kind.

    Raises:
        UserError: If ``path`` is there already and must not be replaced, or its parent cannot be written.
    """
    _refuse_to_lose(path, marker, overwrite)
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(
            f"cannot be written: {parent} is no folder that you may write to",
            where=str(path),
            fix="Choose another --out, or mend its parent.",
        )


def require_file(file: Path, endings: Sequence[str] = (), *, overwrite: bool, option: str = "--out") -> None:
    """Raise now what would keep a command from writing a file after long work.

    Args:
        file: Where it shall be.
        endings: What its name may end in, e.g. ``.parquet``; nothing for anything.
        overwrite: Replace an earlier file.
        option: The option that names the file, for messages.

    Raises:
        ConfigError: If its name has another ending, or if it is there already and must not be replaced.

    Example:
        >>> require_file(Path("a.txt"), [".csv"], overwrite=False)
        Traceback (most recent call last):
        mmgraph.errors.ConfigError: --out: got 'a.txt'; wanted a name that ends in .csv. Rename it.
    """
    if endings and file.suffix not in endings:
        shown = (", " if len(endings) > 2 else " or ").join(endings)
        raise ConfigError(
            f"got {str(file)!r}; wanted a name that ends in {shown}",
            where=option,
            fix="Rename it.",
        )
    if file.is_dir() or (file.exists() and not overwrite):
        raise ConfigError(
            "is there already", where=str(file), fix=f"Choose another {option}, or pass --overwrite."
        )


def _refuse_to_lose(path: Path, marker: str, overwrite: bool) -> None:
    """Raise an error if there is something at ``path`` that must stay."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / marker).is_file():
        raise UserError(
            f"is there already and holds no {marker}, so it is not mmgraph's to replace",
            where=str(path),
            fix="Choose another --out.",
        )
    if not overwrite:
        raise UserError("is there already", where=str(path), fix="Choose another --out, or pass --overwrite.")


def put_in_place(new: Path, path: Path, *, marker: str, overwrite: bool = False) -> None:
    """Rename a whole folder that stands beside ``path`` to ``path``.

    Args:
        new: The folder.
        path: Where it shall be.
        marker: A file that every folder of this kind holds.
        overwrite: Replace an earlier folder of the same kind.

    Raises:
        UserError: If ``path`` is there already and must not be replaced, or cannot be written.
    """
    _refuse_to_lose(path, marker, overwrite)
    _move_into_place(new, path, path.absolute().parent)


def _move_into_place(new: Path, path: Path, place: Path) -> None:
    """Rename ``new`` to ``path``; what stands there waits in ``place`` until the new one is in its own."""
    if not path.exists():
        try:
            new.rename(path)
        except OSError as error:
            raise _cannot_write(path, error) from None
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.old-", dir=place))
    path.rename(aside / path.name)
    try:
        new.rename(path)
    except BaseException:
        (aside / path.name).rename(path)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _cannot_write(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot be written: {error.strerror}",
        where=str(path),
        fix="Choose another --out, or mend its parent.",
    )


def atomic_write(path: Path, content: bytes | str, *, sync: bool = False) -> None:
    """Write ``content`` beside ``path`` and rename it into place.

    Args:
        path: Where the file shall be; its parents are made.
        content: Bytes, or text that is written as UTF-8.
        sync: Return only when it would outlast a power cut.

    Raises:
        UserError: If the file cannot be written there.
    """
    with atomic_file(path, sync=sync) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def atomic_file(path: Path, *, sync: bool = False) -> Iterator[BinaryIO]:
    """Yield a new file beside ``path`` and rename it to ``path`` once the block is done.

    If the block raises, the new file is removed and ``path`` stays as it was.

    Args:
        path: Where the file shall be; its parents are made.
        sync: Return only when it would outlast a power cut, which may take some milliseconds.

    Raises:
        UserError: If the file cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            if sync:
                # Before the rename: else a power cut could leave the new name with half the content.
                file.flush()
                os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~_umask())
        try:
            Path(name).replace(path)
        except OSError as error:
            raise _cannot_write(path, error) from None
        if sync:
            _sync_folder(path.parent)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path, ending: str) -> None:
    """Remove what :func:`atomic_file` left in a folder where it was killed, once it has lain for a day.

    Args:
        folder: The folder.
        ending: What the names of its files end in, e.g. ``.safetensors``.
    """
    for file in folder.glob(f".*{ending}.????????"):
        with contextlib.suppress(OSError):
            if time.time() - file.stat().st_mtime > _DAY:
                file.unlink()


def _sync_folder(folder: Path) -> None:
    """Have the disk keep the names in a folder; Windows opens no folders and does so by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
