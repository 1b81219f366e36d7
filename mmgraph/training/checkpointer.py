"""When a training writes checkpoints: from time to time, when it is told to stop, and when it is lost."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from mmgraph.errors import DivergedError
from mmgraph.training.checkpoint_file import CheckpointFile
from mmgraph.training.early_stopping import EarlyStopping
from mmgraph.training.environment import random_states, set_random_states
from mmgraph.training.processes import ALONE, Processes
from mmgraph.training.time_limit import TimeLimit


class Checkpointer(Callback):
    """Writes the state of a training before a step, and keeps the random states in it.

    Before a step all that follows from the one before is done: the schedules have moved, the epoch is
    measured, every callback has seen it. Lightning's own moments, after a step or an epoch, come before some
    of that: what a plateau does to the learning rate would be lost.

    A training whose numbers stop being finite goes back to the state after its best epoch, which memory holds
    until there is a better one. A checkpoint whose step never came to its end is none to go back to.

    Args:
        file: Where to write.
        seconds: How long after the last checkpoint the next one is due.
        stopping: Knows the best epoch so far.
        limit: Knows whether time is up; that is its turn after this callback.
        processes: Those that train together. Once it is time for one, or one is told to stop, so it is for
            all; the first one writes.
    """

    def __init__(
        self,
        file: Path,
        seconds: float,
        stopping: EarlyStopping,
        limit: TimeLimit,
        processes: Processes = ALONE,
    ) -> None:
        self._file, self._seconds = file, seconds
        self._stopping, self._limit = stopping, limit
        self._processes = processes
        # In the first process.
        self._best: dict[str, Any] = {}
        self._written = 0.0
        # The steps that had been taken when the newest checkpoint was written.
        self._written_at = -1
        self._restored: dict[str, Any] = {}
        self._signal = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the random states of every process, for a checkpoint."""
        return {"random": self._processes.gather(random_states())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what a checkpoint has; it holds from the first step on.

        A process that was not there when it was written keeps the random states that it has.
        """
        states = state_dict["random"]
        rank = self._processes.rank
        self._restored = states[rank] if rank < len(states) else random_states()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002 - Lightning's signature, as below
        """Begin to count time, and to mind signals; Lightning puts the handlers back that were there."""
        self._written = time.monotonic()
        if self._restored:
            self._written_at = trainer.global_step
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._note)

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,
    ) -> None:
        """Write a checkpoint if it is time to, and stop if a signal came.

        Raises:
            KeyboardInterrupt: If the signal was SIGINT.
            SystemExit: If it was SIGTERM.
        """
        if batch_idx % trainer.accumulate_grad_batches:
            # Gradients that wait for more batches are in no checkpoint.
            return
        due = time.monotonic() - self._written >= self._seconds
        number, due_for_any = self._processes.most(self._signal, due)
        if self._restored:
            set_random_states(self._restored)
            self._restored = {}
        elif number or due_for_any or self._limit.up:
            trainer.save_checkpoint(self._file)
            self._written, self._written_at = time.monotonic(), trainer.global_step
        _stop(number)
        best = self._stopping.best
        if batch_idx == 0 and best is not None and best.epoch == trainer.current_epoch:
            # Made in all processes, whose random states it has.
            state = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
            if self._processes.first:
                self._best = _copied(state)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        """Make the newest checkpoint one to go on from, if numbers are no longer finite."""
        if isinstance(exception, DivergedError):
            # All processes raise it in the same step.
            self._processes.from_first(lambda: self._go_back(trainer.global_step))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Stop if a signal came during the last step.

        Raises:
            KeyboardInterrupt: If the signal was SIGINT.
            SystemExit: If it was SIGTERM.
        """
        _stop(*self._processes.most(self._signal))

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - what a handler gets
        """Stop before the next step; at once, without a checkpoint, when told again."""
        again, self._signal = self._signal, number
        if again:
            _stop(number)

    def _go_back(self, step: int) -> None:
        if self._written_at == step:
            CheckpointFile().take_back(self._file)
        if self._best:
            CheckpointFile().save_checkpoint(self._best, self._file)


def _stop(number: int) -> None:
    """Stop as a signal asks for, if there was one."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    if number:
        raise SystemExit(128 + number)


def _copied(state: Any) -> Any:
    """Return a state that later steps do not change, its tensors on the CPU."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_copied(value) for value in state]
    return state
