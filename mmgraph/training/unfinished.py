"""The folder of a training that is not done: whose it is, and what it takes to go on."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from mmgraph.atomic import atomic_write, require_place
from mmgraph.errors import RunError, UserError
from mmgraph.progress import Progress
from mmgraph.training.checkpoint_file import CheckpointFile, earlier, is_whole
from mmgraph.training.config import TrainConfig
from mmgraph.training.logs import IN_THE_RUN_FOLDER
from mmgraph.training.run_folder import MARKER
from mmgraph.training.same_training import (
    RECORD,
    Ended,
    Training,
    differences,
    read_finished,
    read_training,
)

_CHECKPOINT, _LOCK, _SUFFIX = "checkpoint.pt", "lock", ".unfinished"


class UnfinishedRun:
    """The folder beside a run folder where a training keeps what it takes to go on.

    Args:
        folder: Where it is.
        asked: The training.

    Attributes:
        checkpoint: Where the newest checkpoint is written.
        resume_from: The checkpoint to go on from; nothing to start anew.
        notes: What a reader of the metrics should know.
    """

    def __init__(self, folder: Path, asked: Training) -> None:
        self.folder = folder
        self.checkpoint = folder / _CHECKPOINT
        self.resume_from: Path | None = None
        self.notes: list[str] = []
        self._asked = asked
        self._begun: Training | None = None

    def has_checkpoint(self) -> bool:
        """Return whether there is anything to go on from."""
        return self.checkpoint.exists() or earlier(self.checkpoint).exists()

    def find(self, progress: Progress) -> None:
        """Find out where to go on, if there is anything to go on from.

        Args:
            progress: Told where it goes on.

        Raises:
            RunError: If the training there is another one, or neither of its checkpoints can be read.
        """
        if not self.has_checkpoint():
            progress.say("nothing to resume: the training starts anew")
            return
        there = read_training(self.folder)
        if different := there.unlike(self._asked, done=False):
            raise RunError(
                f"the unfinished training there is another one: {'; '.join(different)}",
                where=str(self.folder),
                fix="Give what it was started with, or start anew with --overwrite instead of --resume.",
            )
        self.resume_from = self._newest_whole(progress)
        self._begun = there
        self.notes += there.notes
        optimisers = (training.config.optimiser.model_dump() for training in (there, self._asked))
        if others := differences(*({"optimiser": optimiser} for optimiser in optimisers)):
            self.notes.append(f"resumed from before its numbers stopped being finite: {'; '.join(others)}")
        if versions := differences(there.environment, self._asked.environment):
            self.notes.append(f"resumed where the last digits may be others: {'; '.join(versions)}")
        before, now = there.config.devices, self._asked.config.devices
        if before != now:
            self.notes.append(f"begun on {before} and resumed on {now} devices, whose dropout differs")
        progress.say(f"resume from {self.resume_from}")

    def settled(self, config: TrainConfig) -> TrainConfig:
        """Return the config with what was chosen for it, by the memory that was free, when it was begun."""
        if self._begun is None:
            return config
        chosen = {"batch_size": self._begun.batch_size, "fanout": self._begun.fanout}
        return config.model_copy(update=chosen)

    def begin(self, config: TrainConfig) -> None:
        """Note whose the folder is, and with what it goes on.

        Args:
            config: The training's config, in which nothing is left open.
        """
        chosen = {"batch_size": config.batch_size, "fanout": config.fanout, "notes": tuple(self.notes)}
        self._note(self._asked.model_copy(update=chosen))

    def end(self, ended: Ended) -> None:
        """Note that the training has stopped by itself, and why."""
        assert self._begun is not None
        self._note(self._begun.model_copy(update={"ended": ended}))

    def may_have_more_time(self) -> bool:
        """Return whether the training has stopped since its time was up."""
        return self._begun is not None and self._begun.ended == "max_time"

    def clear(self) -> None:
        """Remove what a training wrote; the record of whose it is goes last."""
        CheckpointFile().remove_checkpoint(self.checkpoint)
        for log in IN_THE_RUN_FOLDER:
            shutil.rmtree(self.folder / log, ignore_errors=True)
        self.sweep()
        (self.folder / RECORD).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a process was writing when it was killed."""
        for item in self.folder.iterdir():
            if _is_half(item) and item.is_dir():
                shutil.rmtree(item)
            elif _is_half(item):
                item.unlink()

    def _note(self, training: Training) -> None:
        self._begun = training
        content = json.dumps(training.model_dump(mode="json"), indent=2) + "\n"
        atomic_write(self.folder / RECORD, content, sync=True)

    def _newest_whole(self, progress: Progress) -> Path:
        if is_whole(self.checkpoint):
            return self.checkpoint
        before = earlier(self.checkpoint)
        if not is_whole(before):
            raise RunError(
                "the checkpoint is damaged, and there is no other, so the training cannot go on",
                where=str(self.folder),
                fix="Start anew with --overwrite instead of --resume.",
            )
        if self.checkpoint.exists():
            progress.say(f"note: {self.checkpoint} is damaged, so the one before it is used")
        return before


def unfinished_folder(run: Path) -> Path:
    """Return where the training of a run folder keeps its state until it is done.

    Example:
        >>> unfinished_folder(Path("runs/a")).as_posix()
        'runs/a.unfinished'
    """
    place = run if run.name else run.absolute()
    return place.with_name(place.name + _SUFFIX)


@contextlib.contextmanager
def open_unfinished(
    run: Path, asked: Training, *, resume: bool, overwrite: bool, patience: float = 0.0
) -> Iterator[UnfinishedRun]:
    """Yield the folder of a training, which no other process may have, and remove it once the block is done.

    If the block raises, or time was up, the folder stays where there is a checkpoint in it.

    Args:
        run: The run folder that the training will write.
        asked: The training.
        resume: Keep a checkpoint that is there.
        overwrite: Let an earlier run folder be replaced and, unless it is to be kept, a checkpoint go.
        patience: For how many seconds to wait for another process that has it.

    Raises:
        UserError: If a folder cannot be written, or holds what is not mmgraph's.
        RunError: If another process has it, or there is a checkpoint and nobody said what is to become of it.
    """
    require_place(run, marker=MARKER, overwrite=overwrite)
    unfinished = UnfinishedRun(unfinished_folder(run), asked)
    with _locked(run, patience):
        if not resume:
            if unfinished.has_checkpoint() and not overwrite:
                raise RunError(
                    "there is a training that was not finished",
                    where=str(unfinished.folder),
                    fix="Go on with --resume, or start anew with --overwrite.",
                )
            unfinished.clear()
        unfinished.sweep()
        try:
            yield unfinished
        except BaseException:
            if not unfinished.has_checkpoint():
                unfinished.clear()
            raise
        if not unfinished.may_have_more_time():
            unfinished.clear()


def has_more_time(run: Path, asked: Training) -> bool:
    """Return whether a run is what came of a training in less time, whose state is there to go on from.

    Args:
        run: The run folder.
        asked: The training.
    """
    folder, finished = unfinished_folder(run), read_finished(run, asked)
    if finished is None or finished.config.max_time is None or not (folder / RECORD).is_file():
        return False
    if any(training.unlike(asked, done=False) for training in (finished, read_training(folder))):
        return False
    return asked.config.max_time is None or asked.config.max_time > finished.config.max_time


def remove_unfinished(run: Path, asked: Training, *, patience: float) -> None:
    """Remove what the same training left if it was killed when its run folder was there already.

    What time was up for stays: it may be given more.

    Args:
        run: The run folder.
        asked: The training.
        patience: For how many seconds to wait for another process that has it.
    """
    folder = unfinished_folder(run)
    if (folder / RECORD).is_file():
        with _locked(run, patience):
            there = read_training(folder)
            if there.ended != "max_time" and not there.unlike(asked, done=False):
                UnfinishedRun(folder, asked).clear()


def remove_empty(run: Path) -> None:
    """Remove the folder of a training that is done, if it was killed before it could; others' is left alone.

    Args:
        run: The run folder.
    """
    folder = unfinished_folder(run)
    if folder.is_dir() and {item.name for item in folder.iterdir()} <= {_LOCK}:
        # Who has it removes it.
        with contextlib.suppress(RunError), _locked(run, 0):
            pass


@contextlib.contextmanager
def _locked(run: Path, patience: float) -> Iterator[None]:
    """Make the folder of a run's training, let nobody else in, and remove it if nothing is left in it."""
    folder = unfinished_folder(run)
    if folder.exists() and not (folder.is_dir() and all(_is_ours(item) for item in folder.iterdir())):
        raise UserError(
            "is not the folder of an unfinished training, so it is not mmgraph's to write to",
            where=str(folder),
            fix="Move it away, or choose another --out.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Let go of by the system when the process is killed, unlike a file that is merely there.
        lock = FileLock(folder / _LOCK)
        lock.acquire(timeout=patience)
    except Timeout:
        nfs = " If its machine is lost, NFS keeps its lock until the server is told so, or is started again."
        raise RunError(
            "another process is at this training",
            where=str(folder),
            fix="Wait for it, or stop it." + (nfs if patience else ""),
        ) from None
    except OSError as error:
        raise UserError(
            f"cannot be written: {error.strerror}",
            # Where there is none yet, whoever chose the run has not heard of the folder beside it.
            where=str(folder if folder.exists() else run),
            fix="Choose another --out, or mend its parent.",
        ) from None
    try:
        yield
    finally:
        if all(item.name == _LOCK for item in folder.iterdir()):
            # Windows keeps a file that is open; the next training there takes the folder over.
            shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _is_ours(item: Path) -> bool:
    files = {RECORD, _CHECKPOINT, earlier(Path(_CHECKPOINT)).name, _LOCK}
    return _is_half(item) or item.name in {*files, *IN_THE_RUN_FOLDER}


def _is_half(item: Path) -> bool:
    """Return whether something is what atomic writing leaves of a file, or of the run folder, at a kill."""
    run = item.parent.name.removesuffix(_SUFFIX)
    return item.name.startswith((f".{RECORD}.", f".{_CHECKPOINT}.", f".{run}.new-", f".{run}.old-"))
