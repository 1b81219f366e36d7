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
    """

    def __init__(self, file: Path, seconds: float, stopping: EarlyStopping, limit: TimeLimit) -> None:
        self._file, self._seconds = file, seconds
        self._stopping, self._limit = stopping, limit
        self._best: dict[str, Any] = {}
        self._written = 0.0
        # The steps that had been taken when the newest checkpoint was written.
        self._written_at = -1
        self._restored: dict[str, Any] = {}
        self._signal = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the random states, for a checkpoint."""
        return random_states()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what a checkpoint has; it holds from the first step on."""
        self._restored = state_dict

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
        if self._restored:
            set_random_states(self._restored)
            self._restored = {}
        elif batch_idx % trainer.accumulate_grad_batches:
            # Gradients that wait for more batches are in no checkpoint.
            return
        elif self._signal or self._limit.up or time.monotonic() - self._written >= self._seconds:
            trainer.save_checkpoint(self._file)
            self._written, self._written_at = time.monotonic(), trainer.global_step
        self._stop_if_told()
        best = self._stopping.best
        if batch_idx == 0 and best is not None and best.epoch == trainer.current_epoch:
            self._best = _copied(trainer._checkpoint_connector.dump_checkpoint(weights_only=False))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        """Make the newest checkpoint one to go on from, if numbers are no longer finite."""
        if not isinstance(exception, DivergedError):
            return
        if self._written_at == trainer.global_step:
            CheckpointFile().take_back(self._file)
        if self._best:
            CheckpointFile().save_checkpoint(self._best, self._file)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Stop if a signal came during the last step.

        Raises:
            KeyboardInterrupt: If the signal was SIGINT.
            SystemExit: If it was SIGTERM.
        """
        self._stop_if_told()

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - what a handler gets
        """Stop before the next step; at once, without a checkpoint, when told again."""
        again, self._signal = self._signal, number
        if again:
            self._stop_if_told()

    def _stop_if_told(self) -> None:
        if self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self._signal:
            raise SystemExit(128 + self._signal)


def _copied(state: Any) -> Any:
    """Return a state that later steps do not change, its tensors on the CPU."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_copied(value) for value in state]
    return state
