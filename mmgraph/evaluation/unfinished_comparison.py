"""The folder of a comparison that is not done: whose it is, and the trials that are."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mmgraph.atomic import atomic_write, put_in_place, require_place
from mmgraph.config_faults import describe
from mmgraph.errors import ConfigError, Fault, RunError, UserError
from mmgraph.training.unfinished import unfinished_folder

MARKER = "comparison.json"
RECORD = "asked.json"
"""What all trials have in common; it stays in the folder, so that more of them can be added."""

_LOCK, _COPY = "lock", ".copied"
_KEPT = ("runs", "studies", "graphs")


@contextlib.contextmanager
def open_comparison(out: Path, record: dict[str, Any], *, resume: bool, overwrite: bool) -> Iterator[Path]:
    """Yield the folder where a comparison is made, and put it in its place once the block is done.

    It stays beside that place, in ``out.unfinished``, where the block raises after a trial is done.

    Args:
        out: Where the comparison shall be.
        record: What all of its trials have in common, as JSON.
        resume: Keep what is done, there or in a comparison that is finished.
        overwrite: Replace an earlier comparison, finished or not.

    Raises:
        UserError: If a folder cannot be written, or holds what is not mmgraph's.
        RunError: If another process has it, or there is something and nobody said what is to become of it.
        ConfigError: If what is there is another comparison; every difference is named.
    """
    finished = resume and (out / RECORD).is_file()
    require_place(out, marker=MARKER, overwrite=overwrite or finished)
    folder = unfinished_folder(out)
    if folder.exists() and any(folder.iterdir()) and not _is_ours(folder):
        raise UserError(
            "is not the folder of an unfinished comparison, so it is not mmgraph's to write to",
            where=str(folder),
            fix="Move it away, or choose another --out.",
        )
    with _locked(folder):
        there = (folder / RECORD).is_file()
        if there and not (resume or overwrite):
            raise RunError(
                "there is a comparison that was not finished",
                where=str(folder),
                fix="Go on with --resume, or start anew with --overwrite.",
            )
        if there and not resume:
            _clear(folder)
            there = False
        if there or finished:
            _require_same(folder if there else out, record)
        if not there:
            # What a process that was killed had begun.
            _clear(folder)
        if finished and not there:
            _copy(out, folder)
        atomic_write(folder / RECORD, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        try:
            yield folder
        except BaseException:
            if not any(folder.glob("runs/**/trial.json")) and not any(folder.glob("studies/*/*/study.json")):
                _clear(folder)
            raise
        (folder / _LOCK).unlink(missing_ok=True)
        put_in_place(folder, out, marker=MARKER, overwrite=overwrite or finished)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make the folder, let nobody else in, and remove it if nothing is left in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK)
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(
            "another process is at this comparison", where=str(folder), fix="Wait for it, or stop it."
        ) from None
    except OSError as error:
        raise UserError(
            f"cannot be written: {error.strerror}",
            where=str(folder),
            fix="Choose another --out, or mend its parent.",
        ) from None
    try:
        yield
    finally:
        if folder.is_dir() and all(item.name == _LOCK for item in folder.iterdir()):
            shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _is_ours(folder: Path) -> bool:
    return (folder / RECORD).is_file() or all(
        item.name in {_LOCK, _COPY, *_KEPT} or item.name.startswith(f".{RECORD}.")
        for item in folder.iterdir()
    )


def _copy(out: Path, folder: Path) -> None:
    """Copy what a finished comparison has done, so that it is there whole until the larger one is."""
    for name in _KEPT:
        if (out / name).is_dir():
            shutil.copytree(out / name, folder / _COPY / name)
    for item in list((folder / _COPY).iterdir()):
        item.rename(folder / item.name)
    (folder / _COPY).rmdir()


def _clear(folder: Path) -> None:
    """Remove what a comparison wrote; the record of whose it is goes last."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name == RECORD):
        if item.is_dir():
            shutil.rmtree(item)
        elif item.name != _LOCK:
            item.unlink()


def _require_same(folder: Path, record: dict[str, Any]) -> None:
    """Raise an error that names every difference between two comparisons."""
    try:
        there = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(
            f"is not valid JSON: {error}", where=str(folder / RECORD), fix="Start anew with --overwrite."
        ) from None
    different = [key for key in sorted(there.keys() | record.keys()) if there.get(key) != record.get(key)]
    if different:
        raise ConfigError.of(
            Fault(
                f"{folder}: {key}",
                f"the comparison there has {describe(there.get(key))}, this one {describe(record.get(key))}",
                "Go on with the same as before, or choose another --out.",
            )
            for key in different
        )
