"""A model and a head that learn one task, as Lightning trains them."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer

from mmgraph.errors import DivergedError
from mmgraph.models import MultimodalModel
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks import Task
from mmgraph.training.compiled import CompiledForward
from mmgraph.training.config import OptimiserConfig
from mmgraph.training.inference import Inference
from mmgraph.training.non_finite import (
    MEND,
    Origin,
    describe_gradient,
    describe_validation,
    find_origin,
    find_validation_origin,
)
from mmgraph.training.optimisation import make_optimiser, set_rates
from mmgraph.training.processes import ALONE


class TaskModule(LightningModule):
    """A model with a head, which turns unified representations into what the task asks for.

    Args:
        model: Takes what a :class:`GraphBatch` holds, returns unified states [N, channels].
        channels: The width of the unified states.
        task: What to learn.
        optimiser: How the weights are moved.
        encoder_rates: The learning rate of each of the model's encoders, by node type.

    Attributes:
        compiled: What takes the place of the model in a training step; nothing unless it is to be compiled.
        processes: Those that train copies of it together.
    """

    def __init__(
        self,
        model: MultimodalModel,
        channels: int,
        task: Task,
        optimiser: OptimiserConfig,
        encoder_rates: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.head = task.make_head(channels)
        self.task = task
        self._notes: list[str] | None = None
        self._later_notes: list[str] = []
        self.compiled: CompiledForward | None = None
        self.processes = ALONE
        self._optimiser = optimiser
        self._encoder_rates = dict(encoder_rates or {})
        self._probed = False
        # Targets are no state: torch's DDP, which reads this, would send them to all processes in each step.
        self._ddp_params_and_buffers_to_ignore = [f"task.{name}" for name, _ in task.named_buffers()]
        # Of the batch at hand, here and in all processes, and in all of them of the first and all batches of
        # the step that is being accumulated.
        self._batch_idx = 0
        self._own_rows = self._rows = self._first_rows = self._step_rows = 0

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know; the task's own notes come first.

        A run that is opened brings them along, so the task, which may have to look at a whole graph, is asked
        when somebody asks.
        """
        if self._notes is None:
            self._notes = [*self.task.notes, *self._later_notes]
        return self._notes

    @notes.setter
    def notes(self, notes: list[str]) -> None:
        self._notes = notes

    def add_note(self, note: str) -> None:
        """Add a note, without asking the task for its own yet."""
        (self._later_notes if self._notes is None else self._notes).append(note)

    def unify(self, batch: GraphBatch) -> dict[str, Tensor]:
        """Return the unified representation of every node type that the model gives one, [N, channels]."""
        run = self.compiled if self.compiled and self.training else self.model
        unified: dict[str, Tensor] = run(*batch[:-1])
        return unified

    def probe(self) -> None:
        """Hold the model as it is, without dropout, so that the head alone learns."""
        self._probed = True
        self.model.requires_grad_(False)

    def train(self, mode: bool = True) -> TaskModule:
        """Set what behaves otherwise in training, such as dropout; not of a model that is held as it is."""
        super().train(mode)
        if self._probed:
            self.model.eval()
        return self

    def on_train_start(self) -> None:
        """Take the learning rates of the config, where a checkpoint has brought another one."""
        scheduler: Any = self.trainer.lr_scheduler_configs[0].scheduler
        set_rates(scheduler, [self._optimiser.lr, *self._encoder_rates.values()])

    def on_train_batch_start(self, batch: GraphBatch, batch_idx: int) -> int | None:  # noqa: ARG002
        """Leave out what is left of an epoch if the training was told to stop before the batch."""
        return -1 if self.trainer.should_stop else None

    def training_step(self, batch: GraphBatch, batch_idx: int) -> dict[str, Any]:
        """Return the ``loss`` of this process, and the ``mean_loss`` and ``num_rows`` of all of them.

        Raises:
            DivergedError: In all processes, if the loss of any is not finite.
        """
        step = self.task.step(self.head, self.unify, batch)
        self._own_rows, self._batch_idx = step.num_rows, batch_idx
        mean, self._rows = self.processes.mean(step.loss.item(), step.num_rows)
        if not math.isfinite(mean):
            mine = None if step.loss.isfinite() else find_origin(self, batch)
            origin = next(found for found in self.processes.gather(mine) if found is not None)
            raise DivergedError(
                f"the loss is {mean} in {self._place}, so training stopped: {origin.text}",
                fix=self._fix(origin),
            )
        return {"loss": step.loss, "mean_loss": mean, "num_rows": self._rows}

    @property
    def _place(self) -> str:
        return f"epoch {self.current_epoch + 1}, batch {self._batch_idx + 1}"

    def _fix(self, origin: Origin | None) -> str:
        return MEND if origin and origin.given else self._remedy

    @property
    def _remedy(self) -> str:
        return (
            f"Lower the learning rate (--set optimiser.lr={self._optimiser.lr / 10:g}), keep "
            "optimiser.clip_norm set, or look for extreme values among the features (`mmgraph inspect`)."
        )

    @torch.no_grad()
    def validate(self, inference: Inference) -> tuple[float, dict[str, float]]:
        """Return the loss and the metrics of the validation entities.

        Args:
            inference: Tells what the model makes of them.

        Raises:
            DivergedError: In all processes, if the loss, or the output for any of them, is not finite: no
                metric would tell.
        """
        self.eval()
        rows = self.task.rows("validation")
        unify = functools.partial(inference.unify, self.model)
        output = self.task.output(self.head, unify, rows)
        self.train()
        loss = self.task.loss(output, rows)
        if any(self.processes.most(not (loss.isfinite() and output.isfinite().all()))):
            origins = self.processes.gather(find_validation_origin(self, unify, rows))
            origin = next((found for found in origins if found is not None), None)
            why = describe_validation(self.task, output, rows) + (f": {origin.text}" if origin else "")
            raise DivergedError(
                f"the loss of the validation entities is {loss.item()} after epoch {self.current_epoch + 1}, "
                f"so training stopped: {why}",
                fix=self._fix(origin),
            )
        return loss.item(), self.task.metrics(self.task.settle(self.head, output, rows), rows)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a batch to that of the batches before it, each weighed by its entities.

        The weight of the first batch is 1, so that the numbers stay those of a mean over few entities. Of
        several processes, which have a part of the batch each, the mean of their gradients is taken.

        Args:
            loss: The mean over this process's entities of the batch, divided by the number of batches of a
                step.
        """
        self._first_rows = self._first_rows or self._rows
        self._step_rows += self._rows
        torch.autograd.backward(loss * (self.processes.size * self._own_rows / self._first_rows))

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,  # noqa: ARG002 - Lightning's signature
        gradient_clip_val: float | None = None,  # noqa: ARG002 - the config's is taken
        gradient_clip_algorithm: str | None = None,  # noqa: ARG002
    ) -> None:
        """Make the gradient one of the mean loss of all entities of the step, and cut it down.

        Raises:
            DivergedError: In all processes, if it is not finite. With 16-mixed, Lightning leaves out such a
                step and goes on with a smaller scale.
        """
        scale = self._first_rows * self.trainer.accumulate_grad_batches / self._step_rows
        self._first_rows = self._step_rows = 0
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        if scale != 1:
            torch._foreach_mul_(gradients, scale)
        norm = nn.utils.get_total_norm(gradients)
        if self.trainer.precision != "16-mixed" and any(self.processes.most(not norm.isfinite())):
            raise DivergedError(
                f"the gradient {describe_gradient(self)}, in {self._place}, so training stopped",
                fix=self._remedy,
            )
        if self._optimiser.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(self.parameters(), self._optimiser.clip_norm, norm)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser and the schedule of its learning rate."""
        # Lightning's own estimate sets the loaders up, before a checkpoint has told them where they are.
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        steps = math.ceil(data.num_steps / self.trainer.accumulate_grad_batches) * self.trainer.max_epochs
        optimiser, schedule = make_optimiser(self._weights(), self._optimiser, steps)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _weights(self) -> list[nn.Parameter] | list[dict[str, Any]]:
        """Return the weights, where there are encoders in groups that have a learning rate each."""
        if not self._encoder_rates:
            return list(self.parameters())
        encoders: dict[str, list[nn.Parameter]] = {
            name: self.model.encoders[name].trained for name in self._encoder_rates
        }
        theirs = {id(weight) for encoder in self.model.encoders.values() for weight in encoder.parameters()}
        own = [weight for weight in self.parameters() if id(weight) not in theirs]
        groups: list[dict[str, Any]] = [{"params": own, "lr": self._optimiser.lr}]
        groups += [{"params": encoders[name], "lr": rate} for name, rate in self._encoder_rates.items()]
        return groups
