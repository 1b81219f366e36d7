"""The base of tasks that ask for a target of each entity."""

from __future__ import annotations

from abc import abstractmethod

import pandas as pd
import torch
from torch import Tensor, nn

from mmgraph.counted import agreed, counted
from mmgraph.graph.graph import Graph
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks.class_loss import ClassLoss
from mmgraph.tasks.labels import Labels, read_labels
from mmgraph.tasks.options import TaskOptions
from mmgraph.tasks.step import Encode, Step, Unify
from mmgraph.tasks.task import Task


class EntityTask(Task):
    """Targets of one entity type, which a linear map of the unified representations tells.

    Args:
        labels: What the graph says about the task.
        target: The targets as the loss wants them, [N] or [N, ...]; what stands for an unlabelled entity is
            never read.
    """

    has_classes = False
    """Whether it has classes or labels, whose loss can be chosen."""

    target: Tensor

    def __init__(self, labels: Labels, target: Tensor) -> None:
        super().__init__(labels)
        self.register_buffer("target", target, persistent=False)

    @classmethod
    def read(cls, graph: Graph, name: str, options: TaskOptions) -> EntityTask:
        """Return the task of this kind that a graph has by a name."""
        labels = read_labels(graph, name)
        # Whether it has classes, the kind itself knows.
        options.refuse_others(labels, "class_loss", "few_labels")
        return cls.from_labels(options.few_labels.of(labels), options.class_loss)

    @classmethod
    @abstractmethod
    def from_labels(cls, labels: Labels, class_loss: ClassLoss) -> EntityTask:
        """Return the task that some labels make.

        Args:
            labels: What the graph says about the task.
            class_loss: The loss of a task with classes; one without has it :meth:`ClassLoss.refuse` them.

        Raises:
            ConfigError: If the task cannot use what was set of the loss.
            GraphError: If the labels cannot be used.
        """

    @property
    @abstractmethod
    def out_channels(self) -> int:
        """The width C of the output that the loss and the metrics take."""

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know: how many labels were read, where not all were."""
        read, unread = len(self.labels.rows("train")), self.labels.unread
        total = counted(read + unread, "training label")
        return [f"{read:,} of {total} {agreed(read, 'is', 'are')} read"] if unread else []

    @abstractmethod
    def targets(self) -> pd.Series:
        """Return the target of all N entities as people know it, missing where there is none."""

    @abstractmethod
    def decode(self, output: Tensor) -> pd.DataFrame:
        """Return the column ``prediction``, and more where there is more, for any R entities.

        Args:
            output: The head's output for these entities, [R, C].
        """

    def make_head(self, channels: int) -> nn.Module:
        """Return a linear map from unified states to outputs, with fresh weights."""
        return nn.Linear(channels, self.out_channels)

    def step(self, head: nn.Module, encode: Encode, batch: GraphBatch) -> Step:
        """Return the loss of the training entities that a batch is made for."""
        output: Tensor = head(encode(batch)[self.labels.entity])
        rows = batch.seeds
        if rows is None:
            rows = self.rows("train")
            output = output[rows]
        # In float32 also where the model computes in half precision.
        output = output[: len(rows)].float()
        # Where a batch has fewer entities than there are processes, some have none.
        loss = self.loss(output, rows) if len(rows) else output.sum() * 0
        return Step(loss, len(rows), output)

    def output(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor:
        """Return the head's output for some entities, [R, C]."""
        return self.answer(head, unify({self.labels.entity: rows})[self.labels.entity])

    def answer(self, head: nn.Module, states: Tensor) -> Tensor:
        """Return the head's output for the unified states of some entities, [R, C].

        Args:
            head: What :meth:`make_head` made.
            states: [R, channels].
        """
        output: Tensor = head(states)
        return output

    def predict(self, head: nn.Module, unify: Unify) -> pd.DataFrame:
        """Return what the model says of all entities; see :meth:`predictions`."""
        return self.predictions(self.output(head, unify, torch.arange(len(self.labels))))

    def predictions(self, output: Tensor) -> pd.DataFrame:
        """Return id, split, target, prediction, and more where there is more, for all N entities.

        Args:
            output: The head's output for all entities, [N, C].
        """
        table = pd.DataFrame(
            {
                "id": self.labels.ids.astype(object),
                "split": self.labels.split.astype(object),
                "target": self.targets(),
            }
        )
        return pd.concat([table, self.decode(output.detach().cpu())], axis=1)
