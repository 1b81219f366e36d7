"""A model and a head that learn one task, as Lightning trains them."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from mmgraph.errors import RunError
from mmgraph.models import MultimodalModel
from mmgraph.tasks import Task
from mmgraph.training.config import OptimiserConfig
from mmgraph.training.data import GraphBatch
from mmgraph.training.inference import Inference

_MOMENTUM = 0.9


class TaskModule(LightningModule):
    """A model with a linear head on the unified representation of the task's entity type.

    Args:
        model: Takes what a :class:`GraphBatch` holds, returns unified states [N, channels].
        channels: The width of the unified states.
        task: What to learn.
        optimiser: How the weights are moved.
        max_epochs: The length of the learning rate's schedule.

    Attributes:
        notes: What a reader of the metrics should know.
    """

    def __init__(
        self, model: MultimodalModel, channels: int, task: Task, optimiser: OptimiserConfig, max_epochs: int
    ) -> None:
        super().__init__()
        self.model = model
        self.head = nn.Linear(channels, task.out_channels)
        self.task = task
        self.notes = task.notes
        self._optimiser = optimiser
        self._max_epochs = max_epochs

    def forward(self, batch: GraphBatch) -> Tensor:
        """Return the head's output for all entities of the task's type, [N, C]."""
        output: Tensor = self.head(self.unify(batch)[self.task.labels.entity])
        return output

    def unify(self, batch: GraphBatch) -> dict[str, Tensor]:
        """Return the unified representation of every node type that the model gives one, [N, channels]."""
        unified: dict[str, Tensor] = self.model(*batch[:-1])
        return unified

    def training_step(self, batch: GraphBatch, batch_idx: int) -> dict[str, Any]:  # noqa: ARG002 - Lightning's signature
        """Return the ``loss`` of the training entities and their number, ``num_rows``.

        Raises:
            RunError: If it is not finite.
        """
        output, rows = self(batch), batch.seeds
        if rows is None:
            rows = self.task.rows("train")
            output = output[rows]
        loss = self.task.loss(output[: len(rows)], rows)
        if not torch.isfinite(loss):
            raise RunError(
                f"the loss is {loss.item()} in epoch {self.current_epoch + 1}, so training stopped",
                fix=f"Lower the learning rate (--set optimiser.lr={self._optimiser.lr / 10:g}), keep "
                "optimiser.clip_norm set, or look for extreme values among the features (`mmgraph inspect`).",
            )
        return {"loss": loss, "num_rows": len(rows)}

    @torch.no_grad()
    def validate(self, inference: Inference) -> tuple[float, dict[str, float]]:
        """Return the loss and the metrics of the validation entities.

        Args:
            inference: Tells what the model makes of them.
        """
        self.eval()
        entity, rows = self.task.labels.entity, self.task.rows("validation")
        output = self.head(inference.unify(self.model, {entity: rows})[entity])
        self.train()
        return self.task.loss(output, rows).item(), self.task.metrics(output, rows)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser and, unless the learning rate is constant, its schedule."""
        options = self._optimiser
        optimiser: torch.optim.Optimizer
        if options.name == "adamw":
            optimiser = torch.optim.AdamW(self.parameters(), lr=options.lr, weight_decay=options.weight_decay)
        else:
            optimiser = torch.optim.SGD(
                self.parameters(), lr=options.lr, weight_decay=options.weight_decay, momentum=_MOMENTUM
            )
        if options.schedule == "constant":
            return {"optimizer": optimiser}
        return {
            "optimizer": optimiser,
            "lr_scheduler": CosineAnnealingLR(optimiser, T_max=self._max_epochs),
        }
