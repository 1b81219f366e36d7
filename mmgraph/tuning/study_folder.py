"""The folder of a study: what it is about, its trials in SQLite, and what has been found so far."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

from mmgraph.atomic import atomic_folder, atomic_write
from mmgraph.config import Config, parse
from mmgraph.config_faults import describe
from mmgraph.errors import ConfigError, Fault, RunError, UserError
from mmgraph.tuning.study import Study
from mmgraph.yaml_text import dump_yaml

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

MARKER = "study.json"
_DATABASE, _LOCK = "study.db", "lock"


class StudyRecord(Config):
    """The content of ``study.json``: everything that the trials of a study have in common."""

    format: Literal[1] = 1
    graph: str
    fingerprint: str
    task: str
    metric: str
    direction: Literal["max", "min"]
    seed: int
    prune: bool
    config: dict[str, Any]
    space: dict[str, Any]


@contextlib.contextmanager
def open_folder(folder: Path, record: StudyRecord, *, resume: bool, overwrite: bool) -> Iterator[bool]:
    """Make the folder of a study, or make sure that the one that is there is of the same study.

    No other process may have it meanwhile: each would take the trial that the other one runs for one that
    was cut off.

    Unlike other folders it is in its place from the beginning: what it holds so far is worth something.

    Args:
        folder: The folder.
        record: What the study is about.
        resume: Go on with a study that is there.
        overwrite: Replace an earlier study.

    Yields:
        Whether there are trials to go on with.

    Raises:
        UserError: If the folder is there and must neither be replaced nor be gone on with.
        RunError: If the study that is there cannot be read, or another process is at it.
        ConfigError: If it is another study; every difference is named.
    """
    there = (folder / MARKER).is_file()
    if there and not (resume or overwrite):
        raise UserError(
            "a study is there already", where=str(folder), fix="Go on with --resume, or pass --overwrite."
        )
    with contextlib.ExitStack() as held:
        if there:
            held.enter_context(_locked(folder))
        if there and resume:
            _require_same(_read(folder / MARKER), record, folder)
        else:
            with atomic_folder(folder, marker=MARKER, overwrite=overwrite) as new:
                text = json.dumps(record.model_dump(mode="json"), indent=2, ensure_ascii=False)
                (new / MARKER).write_text(text + "\n", encoding="utf-8")
            # The lock that was there, if one was, has gone with its folder.
            held.enter_context(_locked(folder))
        yield there and resume


def open_database(folder: Path) -> RDBStorage:
    """Return the trials of a study.

    Raises:
        RunError: If the file is no database.
    """
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import DatabaseError

    file = folder / _DATABASE
    try:
        return RDBStorage(f"sqlite:///{file.absolute()}")
    except (DatabaseError, RuntimeError) as error:
        raise RunError(
            f"holds no trials that can be read: {error}",
            where=str(file),
            fix="Begin a new study with --overwrite.",
        ) from None


def write_study(study: Study) -> None:
    """Write the table of trials and the best config; each file is replaced at once."""
    assert study.folder is not None
    atomic_write(study.folder / "trials.csv", study.trials.to_csv(index=False, lineterminator="\n"))
    atomic_write(study.folder / "best.yaml", dump_yaml(study.best_config.model_dump(mode="json")))


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let nobody else at a study; the system lets go of the lock when the process is killed."""
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(
            "another process is at this study", where=str(folder), fix="Wait for it, or stop it."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _read(file: Path) -> StudyRecord:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(
            f"is not valid JSON: {error}", where=str(file), fix="Begin a new study with --overwrite."
        ) from None
    return parse(StudyRecord, content, where=str(file))


def _require_same(found: StudyRecord, wanted: StudyRecord, folder: Path) -> None:
    """Raise an error that names every difference between two studies."""
    old, new = (_flat(record.model_dump(mode="json")) for record in (found, wanted))
    different = [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
    if different:
        raise ConfigError.of(
            Fault(
                f"{folder}: {key}",
                f"the study there has {describe(old.get(key))}, and this command {describe(new.get(key))}",
                "Go on with the same command as before, or choose another --out.",
            )
            for key in sorted(different)
        )


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by dotted key; those of the space stay together."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict) and prefix != "space.":
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
