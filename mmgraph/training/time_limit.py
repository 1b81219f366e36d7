"""Stopping when the time that a user gave is up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from mmgraph.training.duration import format_duration
from mmgraph.training.processes import ALONE, Processes


class TimeLimit(Callback):
    """Stops a training before the step that follows when its time is up; the epoch is measured as it is.

    There a checkpoint has what it takes to go on when more time is given, as if it had never been stopped.

    What counts is the time of training and measuring; a training that is resumed has spent what it had spent.
    Unlike Lightning's ``Timer``, it does not leave a step half accumulated, and tells what it did.

    Args:
        seconds: The time that there is.
        clock: Tells the time, in seconds from anywhere.
        processes: Those that train together: once time is up for one, all stop.

    Attributes:
        up: What to say once time is up; empty before.
        note: What it did, for a reader of the metrics; empty if there was time enough.
    """

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        processes: Processes = ALONE,
    ) -> None:
        self.up = self.note = ""
        self._processes = processes
        self._seconds = seconds
        self._clock = clock
        self._spent = 0.0
        self._since = 0.0
        self._steps = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002 - as below
        """Start the clock, once a checkpoint has brought its own."""
        self._since = self._clock()
        self._steps = trainer.global_step
        if self._spent < self._seconds:
            # More time was given. What was spent is the same in all processes.
            self.up = ""

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Stop if time is up: the module leaves out what is left of the epoch."""
        if self.up:
            trainer.should_stop = True
            self.note = self.up

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002 - Lightning's signature
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,
    ) -> None:
        """Find out whether time is up, if the batch was the last of a step."""
        if trainer.global_step == self._steps:
            return
        self._steps = trainer.global_step
        if math.isinf(self._seconds) or not any(self._processes.most(self._elapsed() >= self._seconds)):
            return
        self.up = (
            f"stopped after {format_duration(self._elapsed())} in epoch {trainer.current_epoch + 1}, batch "
            f"{batch_idx + 1} of {trainer.num_training_batches}, by max_time {format_duration(self._seconds)}"
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the time that was spent, and whether it was all."""
        return {"spent": self._elapsed(), "up": self.up}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        self._spent, self.up = state_dict["spent"], state_dict["up"]

    def _elapsed(self) -> float:
        return self._spent + self._clock() - self._since
