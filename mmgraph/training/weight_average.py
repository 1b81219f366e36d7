"""An average of the weights over the steps of a training, which is measured and kept in their place."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor


class WeightAverage(Callback):
    """Keeps an exponential moving average (EMA) of the weights; between two epochs the module has it.

    After step t, counted from 1, the average a of the weights w is d a + (1 - d) w, with
    d = min(decay, (1 + t) / (10 + t)): the less has been seen, the less of the weights that it began with
    stays, so that a short training is not one of random weights (as in TensorFlow's
    ``ExponentialMovingAverage`` with ``num_updates``; Polyak and Juditsky 1992 is where averaging is from).

    It goes before the callbacks that measure and keep an epoch. Lightning's own average is of its validation
    loop, which this training does without. Buffers are no weights: they stay those of the last step.

    Args:
        decay: The share d of the average that stays, at its highest; from 0 to below 1.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._steps = 0
        # The average while a step is taken, the weights of the last step while the module has the average.
        self._other: dict[str, Tensor] = {}
        self._swapped = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002 - as below
        """Begin with the weights as they are, unless a checkpoint has brought an average."""
        for name, weight in pl_module.named_parameters():
            kept = self._other.get(name, weight)
            self._other[name] = kept.detach().to(weight.device, copy=True)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Go on from the weights of the last step."""
        if self._swapped:
            self._swap(pl_module)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Take the new weights into the average, if the batch was the last of a step."""
        if trainer.global_step == self._steps:
            return
        self._steps = trainer.global_step
        kept = min(self._decay, (1 + self._steps) / (10 + self._steps))
        with torch.no_grad():
            for name, weight in pl_module.named_parameters():
                self._other[name].lerp_(weight, 1 - kept)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Give the module the average, to be measured and kept."""
        self._swap(pl_module)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a checkpoint must hold of it, beside the weights that the module has."""
        return {"steps": self._steps, "swapped": self._swapped, "other": self._other}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        self._steps, self._swapped = state_dict["steps"], state_dict["swapped"]
        self._other = dict(state_dict["other"])

    def _swap(self, module: LightningModule) -> None:
        # In place: the optimiser, and what layers keep of their weights, go by the tensors.
        with torch.no_grad():
            for name, weight in module.named_parameters():
                weights = weight.clone()
                weight.copy_(self._other[name])
                self._other[name].copy_(weights)
        self._swapped = not self._swapped
