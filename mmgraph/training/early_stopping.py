"""Stopping when validation gets no better, and going back to the best weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from mmgraph.tasks.task import Direction
from mmgraph.training.history import Epoch


class EarlyStopping(Callback):
    """Keeps the weights of the best epoch in memory, and stops when there was none better for a while.

    The best epoch is the one with the best validation metric; among equals, as small validation splits
    have many, the one with the lowest validation loss.

    Args:
        history: The epochs so far, the last one just added.
        monitor: The metric, and whether more or less of it is better.
        patience: Epochs without a better one after which training stops.

    Attributes:
        best: The best epoch so far.
        last: At the end, the weights after the last step.
    """

    def __init__(self, history: Sequence[Epoch], monitor: tuple[str, Direction], patience: int) -> None:
        self.best: Epoch | None = None
        self.last: dict[str, Tensor] = {}
        self._history = history
        self._metric, self._direction = monitor
        self._patience = patience
        self._weights: dict[str, Tensor] = {}
        self._judged = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch and its weights, for a checkpoint."""
        best = asdict(self.best) if self.best else None
        return {"best": best, "weights": self._weights, "judged": self._judged}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what a checkpoint has."""
        self.best = Epoch(**state_dict["best"]) if state_dict["best"] else None
        self._weights, self._judged = state_dict["weights"], state_dict["judged"]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the weights if the epoch is the best so far, or stop if none was for too long."""
        last = self._history[-1]
        if last.epoch == self._judged:
            # The training was stopped before the first step of another.
            return
        self._judged = last.epoch
        if self.best is None or self._rank(last) > self._rank(self.best):
            self.best = last
            self._weights = {name: value.clone() for name, value in pl_module.state_dict().items()}
        elif last.epoch - self.best.epoch >= self._patience:
            trainer.should_stop = True

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002 - Lightning's signature
        """Go back to the best weights, and keep those that the training ended with."""
        self.last = {name: value.to("cpu", copy=True) for name, value in pl_module.state_dict().items()}
        pl_module.load_state_dict(self._weights)
        self._weights = {}

    def _rank(self, epoch: Epoch) -> tuple[float, float]:
        value = epoch.validation[self._metric]
        better = value if self._direction == "max" else -value
        return _last_if_nan(better), _last_if_nan(-epoch.validation_loss)


def _last_if_nan(value: float) -> float:
    """Return a value that compares: not-a-number, were it the first, would stay the best for ever."""
    return -math.inf if math.isnan(value) else value
