"""Files of a dataset: they stay inside its folder, and they are there."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from mmgraph.errors import DataError, did_you_mean
from mmgraph.paths import inside


class UnreadableFileError(Exception):
    """A raw file cannot be used; the text says why, to follow the file's name."""


def opening_problem(path: Path) -> str:
    """Return why a file cannot even be opened, or that it is empty, to follow its name; nothing if neither.

    Args:
        path: The file.
    """
    try:
        with path.open("rb") as file:
            return "" if file.read(1) else "is empty, it has 0 bytes"
    except OSError as error:
        return f"cannot be opened: {error.strerror or error}"


def no_such_file(path: Path) -> DataError:
    """Return the error for a file that is not there, with the nearest names in its folder."""
    if path.is_dir():
        return DataError("is a folder; wanted a file", where=str(path), fix="Give the path of the file.")
    folder = path.parent
    names = [item.name for item in folder.iterdir() if item.is_file()] if folder.is_dir() else []
    return DataError("there is no such file", where=str(path), fix=did_you_mean(path.name, names))


def file_inside(folder: Path, name: str, *, where: str) -> Path:
    """Return the path of a file that ``dataset.yaml`` names, if it is inside ``folder`` and there.

    Args:
        folder: The folder of the dataset.
        name: The path relative to it.
        where: The key that names the file, for messages.

    Raises:
        DataError: If the path leaves the folder or leads to no file.
    """
    path = inside(folder, name, where=where)
    if not path.is_file():
        missing = no_such_file(path).faults[0]
        raise DataError(f"got {name!r}; {missing.problem}", where=where, fix=missing.fix)
    return path


def raw_file_faults(folder: Path, names: Sequence[str]) -> list[tuple[int, str]]:
    """Return what is wrong with the raw files that a column names: the position and the problem of each.

    One look at the file system for each file; a folder is resolved only once.

    Args:
        folder: The folder of the dataset.
        names: Paths relative to it.
    """
    root = folder.resolve()
    is_inside: dict[str, bool] = {}
    faults = []
    for position, name in enumerate(names):
        problem = _raw_file_problem(root, name, is_inside)
        if problem:
            faults.append((position, problem))
    return faults


def _raw_file_problem(root: Path, name: str, is_inside: dict[str, bool]) -> str:
    if "\0" in name:
        return "the path holds a zero byte"
    parent = os.path.dirname(name)  # noqa: PTH120 - a Path for each of a million names takes seconds
    if parent not in is_inside:
        is_inside[parent] = not os.path.isabs(parent) and (root / parent).resolve().is_relative_to(root)  # noqa: PTH117
    if not is_inside[parent]:
        return "the path leaves the folder of the dataset"
    try:
        mode = os.lstat(f"{root}/{name}").st_mode
        if stat.S_ISLNK(mode):
            target = (root / name).resolve(strict=True)
            if not target.is_relative_to(root):
                return "the link leaves the folder of the dataset"
            mode = target.stat().st_mode
    except PermissionError:
        return "its folder may not be looked into"
    except (OSError, RuntimeError):
        return "there is no such file"
    return "" if stat.S_ISREG(mode) else "it is no file"
