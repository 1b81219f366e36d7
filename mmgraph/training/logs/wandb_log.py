"""A log for Weights & Biases."""

from __future__ import annotations

import os

from mmgraph.training.history import Epoch, epoch_row
from mmgraph.training.logs.log import Beginning, Log

PROJECT = "mmgraph"


class WandbLog(Log):
    """Makes a run of the project ``mmgraph``, or of the one that ``WANDB_PROJECT`` names.

    It stays on the machine, for ``wandb sync``, unless ``WANDB_MODE`` says ``online``: training needs no
    network and no account, and sends nothing that nobody asked for.

    Args:
        beginning: What is known when the training begins.
    """

    def __init__(self, beginning: Beginning) -> None:
        import wandb

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=beginning.name,
            config=beginning.config,
            mode=os.environ.get("WANDB_MODE", "offline"),
        )

    def step(self, step: int, loss: float, lr: float) -> None:
        """Log the loss and the learning rate."""
        self._run.log({"step/loss": loss, "step/lr": lr}, step=step)

    def epoch(self, epoch: Epoch, step: int) -> None:
        """Log the columns of the history beside those of the last step."""
        self._run.log(epoch_row(epoch), step=step)

    def close(self, *, failed: bool) -> None:
        """Finish the run, as failed with the exit code 1."""
        self._run.finish(exit_code=int(failed))
