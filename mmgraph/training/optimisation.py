"""How the weights are moved: the optimiser, and the learning rate from the first step to the last."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mmgraph.errors import ConfigError
from mmgraph.training.config import OptimiserConfig
from mmgraph.training.early_stopping import EarlyStopping

_MOMENTUM = 0.9

# As in the paper on one cycle, and in torch's OneCycleLR.
_CYCLE_START = 1 / 25
_CYCLE_END = 1 / 250_000
_CYCLE_WARMUP = 0.3


class Schedule:
    """The share of the highest learning rate that a step is taken with.

    With W steps of warm-up out of T, step t (from 0) has, while t < W, the share (t + 1) / (W + 1); then
    with p = (t - W) / (T - W):

    - ``constant``: 1;
    - ``cosine``: (1 + cos(pi p)) / 2 (Loshchilov and Hutter 2017, `SGDR <https://arxiv.org/abs/1608.03983>`_,
      without restarts);
    - ``one_cycle``: a warm-up that starts at 1/25, then a cosine down to 1/250,000 (Smith and Topin 2018,
      `Super-convergence <https://arxiv.org/abs/1708.07120>`_; the momentum stays);
    - ``plateau``: 1, times ``plateau_factor`` whenever validation got no better for a while.

    What it keeps of the past are plain attributes, so that the ``state_dict`` of a ``LambdaLR`` holds it.

    Args:
        options: Which schedule, and its options.
        num_steps: The number T of steps that the optimiser takes at most.

    Raises:
        ConfigError: If the warm-up takes all of the steps or more.

    Example:
        >>> schedule = Schedule(OptimiserConfig(schedule="cosine", warmup=1), num_steps=5)
        >>> [round(schedule(step), 2) for step in range(5)]
        [0.5, 1.0, 0.85, 0.5, 0.15]
    """

    def __init__(self, options: OptimiserConfig, num_steps: int) -> None:
        self.name = options.schedule
        self.num_steps = num_steps
        self.warmup = _warmup_steps(options, num_steps)
        self.plateau = 1.0
        self.lowered_in = 0

    def __call__(self, step: int) -> float:
        """Return the share of one step, counted from 0."""
        if step < self.warmup:
            if self.name == "one_cycle":
                return _CYCLE_START + (1 - _CYCLE_START) * step / self.warmup
            return self.plateau * (step + 1) / (self.warmup + 1)
        progress = (step - self.warmup) / (self.num_steps - self.warmup)
        cosine = (1 + math.cos(math.pi * min(progress, 1.0))) / 2
        if self.name == "cosine":
            return cosine
        if self.name == "one_cycle":
            return _CYCLE_END + (1 - _CYCLE_END) * cosine
        return self.plateau


def _warmup_steps(options: OptimiserConfig, num_steps: int) -> int:
    asked = options.warmup
    if asked is None:
        asked = _CYCLE_WARMUP if options.schedule == "one_cycle" else 0
    steps = round(asked * num_steps) if asked < 1 else round(asked)
    if steps >= num_steps and asked:
        raise ConfigError(
            f"got {asked:g}, which is {steps} of the {num_steps} steps that the training has at most, so the "
            "learning rate would never reach its highest",
            where="optimiser.warmup",
            fix="Warm up for fewer steps, or a share such as 0.1, or train for more epochs.",
        )
    return steps


def make_optimiser(
    parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]], options: OptimiserConfig, num_steps: int
) -> tuple[Optimizer, LambdaLR]:
    """Return an optimiser and the schedule of its learning rate, which moves on after each of its steps.

    Args:
        parameters: What to move, or groups of it, as torch's optimisers take them, with an ``lr`` each.
        options: How.
        num_steps: How many steps it takes at most.

    Raises:
        ConfigError: If the warm-up takes all of the steps or more.
    """
    optimiser: Optimizer
    if options.name == "adamw":
        optimiser = torch.optim.AdamW(parameters, lr=options.lr, weight_decay=options.weight_decay)
    else:
        optimiser = torch.optim.SGD(
            parameters, lr=options.lr, weight_decay=options.weight_decay, momentum=_MOMENTUM
        )
    return optimiser, LambdaLR(optimiser, Schedule(options, num_steps))


def set_rates(scheduler: LambdaLR, rates: Sequence[float]) -> None:
    """Make learning rates the highest ones of a schedule, from its next step on.

    Args:
        scheduler: The schedule, at whatever step.
        rates: The learning rate of each group of weights.
    """
    assert len(rates) == len(scheduler.base_lrs), "a checkpoint is one of the same groups"
    scheduler.base_lrs = list(rates)
    _move(scheduler)


def _move(scheduler: LambdaLR) -> None:
    """Give the optimiser the learning rate of its next step, which is taken before the scheduler moves on."""
    shares = [share(scheduler.last_epoch) for share in scheduler.lr_lambdas]
    for group, lr, share in zip(scheduler.optimizer.param_groups, scheduler.base_lrs, shares, strict=True):
        group["lr"] = lr * share


class Plateau(Callback):
    """Lowers the learning rate when validation gets no better, by the same judgement as early stopping.

    What it has done is in the schedule, so that the state of the schedule is all there is to keep.

    Args:
        stopping: Knows the best epoch so far; it must have seen an epoch before this callback does.
        options: How long to wait, and how much to lower.
    """

    def __init__(self, stopping: EarlyStopping, options: OptimiserConfig) -> None:
        self._stopping = stopping
        self._options = options

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Lower the learning rate if the last improvement, and the last lowering, are long enough ago."""
        scheduler: Any = trainer.lr_scheduler_configs[0].scheduler
        # All groups of weights share it.
        schedule = scheduler.lr_lambdas[0]
        epoch = trainer.current_epoch + 1
        best = self._stopping.best
        assert best is not None
        if epoch - max(best.epoch, schedule.lowered_in) < self._options.plateau_patience:
            return
        schedule.lowered_in = epoch
        schedule.plateau *= self._options.plateau_factor
        _move(scheduler)
