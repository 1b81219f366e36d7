"""What happened in each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pandas as pd
from lightning.pytorch import Callback, LightningModule, Trainer

from mmgraph.progress import Advance


@dataclass(frozen=True)
class Epoch:
    """One epoch.

    Args:
        epoch: Its number, from 1.
        lr: The learning rate of its last step.
        train_loss: The loss that its steps were taken on, with dropout: the mean over the training entities.
        validation_loss: The loss of the validation entities after the last step.
        validation: The metrics of the validation entities after the last step.
    """

    epoch: int
    lr: float
    train_loss: float
    validation_loss: float
    validation: dict[str, float]


class Listener(Protocol):
    """Is told of a training while it goes on."""

    def step(self, step: int, loss: float, lr: float) -> None:
        """Take note of a batch: its number from 1, its loss, and the learning rate of the step it is for."""

    def epoch(self, epoch: Epoch) -> None:
        """Take note of an epoch, whose last batch was just told of."""


class Recorder(Callback):
    """Measures every epoch on the validation entities, keeps a history and reports progress.

    It measures in the hook after the last step: Lightning's own validation loop costs more than the rest of
    what Lightning adds to an epoch.

    Args:
        measure: Returns the loss and the metrics of the validation entities.
        monitor: The metric to report.
        advance: What to tell of a step that is done.
        on_epoch: Called with every epoch once it is in the history.
        reporter: Told of every step, and of every epoch before that.
    """

    def __init__(
        self,
        measure: Callable[[], tuple[float, dict[str, float]]],
        monitor: str,
        advance: Advance,
        on_epoch: Callable[[Epoch], None] | None = None,
        reporter: Listener | None = None,
    ) -> None:
        self.history: list[Epoch] = []
        self._measure = measure
        self._monitor = monitor
        self._advance = advance
        self._on_epoch = on_epoch
        self._reporter = reporter
        self._losses: list[tuple[float, int]] = []
        self._lr = math.nan
        self._validated = ""

    def state_dict(self) -> dict[str, Any]:
        """Return the epochs and the losses of the one that is under way, for a checkpoint."""
        return {"history": [asdict(epoch) for epoch in self.history], "losses": self._losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what a checkpoint has."""
        # The same list: others look at it.
        self.history[:] = [Epoch(**epoch) for epoch in state_dict["history"]]
        self._losses = state_dict["losses"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Report the steps that an earlier process took."""
        if steps := len(self.history) * trainer.num_training_batches + len(self._losses):
            self._advance(int(steps))

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002 - Lightning's signature, as below
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Note the learning rate of the step at hand, which the schedule changes right after it."""
        self._lr = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        outputs: Any,
        batch: Any,  # noqa: ARG002
        batch_idx: int,
    ) -> None:
        """Note the loss of a batch, and report it."""
        loss = outputs["mean_loss"]
        self._losses.append((loss, outputs["num_rows"]))
        self._advance(1, f"loss {loss:.3f}{self._validated}")
        if self._reporter is not None:
            batch_number = trainer.current_epoch * int(trainer.num_training_batches) + batch_idx + 1
            self._reporter.step(batch_number, loss, self._lr)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Measure the epoch, whose last step was just taken; without any step it is none."""
        if not self._losses:
            return
        loss, metrics = self._measure()
        rows = sum(count for _, count in self._losses)
        epoch = Epoch(
            epoch=trainer.current_epoch + 1,
            lr=self._lr,
            train_loss=sum(loss * (count / rows) for loss, count in self._losses),
            validation_loss=loss,
            validation=metrics,
        )
        self.history.append(epoch)
        self._losses = []
        self._validated = f", validation {self._monitor} {metrics[self._monitor]:.3f}"
        self._advance(0, f"loss {epoch.train_loss:.3f}{self._validated}")
        if self._reporter is not None:
            self._reporter.epoch(epoch)
        if self._on_epoch is not None:
            self._on_epoch(epoch)


def epoch_row(epoch: Epoch) -> dict[str, float]:
    """Return an epoch by column: epoch, lr, train_loss, validation_loss, validation_<metric>.

    Example:
        >>> list(epoch_row(Epoch(1, 0.01, 2.0, 1.5, {"accuracy": 0.5})))
        ['epoch', 'lr', 'train_loss', 'validation_loss', 'validation_accuracy']
    """
    return {
        "epoch": epoch.epoch,
        "lr": epoch.lr,
        "train_loss": epoch.train_loss,
        "validation_loss": epoch.validation_loss,
        **{f"validation_{name}": value for name, value in epoch.validation.items()},
    }


def history_table(history: Sequence[Epoch]) -> pd.DataFrame:
    """Return one row for each epoch, with the columns of :func:`epoch_row`."""
    return pd.DataFrame([epoch_row(epoch) for epoch in history])
