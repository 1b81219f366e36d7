"""The base of all tasks: what to predict, how wrong a prediction is, and how good all of them are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import pandas as pd
import torch
from torch import Tensor, nn

from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.graph.graph import Graph
from mmgraph.registry import TASKS
from mmgraph.tasks.class_loss import ClassLoss
from mmgraph.tasks.labels import SPLITS, Labels, read_labels

Direction = Literal["max", "min"]


class Task(nn.Module, ABC):
    """Targets of one entity type with their loss and their metrics.

    It is a module so that its tensors follow a model to its device; it has no parameters, and its tensors
    are no part of saved weights. A subclass is registered under the ``kind`` that ``dataset.yaml`` names.

    Args:
        labels: What the graph says about the task.
        target: The targets as the loss wants them, [N] or [N, ...]; what stands for an unlabelled entity is
            never read.
    """

    target: Tensor

    def __init__(self, labels: Labels, target: Tensor) -> None:
        super().__init__()
        self.labels = labels
        self.register_buffer("target", target, persistent=False)
        for split in SPLITS:
            self.register_buffer(f"{split}_rows", torch.from_numpy(labels.rows(split)), persistent=False)

    @staticmethod
    def from_graph(graph: Graph, name: str, class_loss: ClassLoss | None = None) -> Task:
        """Return a task of a graph.

        Args:
            graph: The graph.
            name: The name of the task.
            class_loss: The loss of a task with classes; plain cross-entropy by default.

        Raises:
            ConfigError: If the graph has no such task, or it cannot use what was set of the loss.
            UnknownNameError: If its kind is not registered.
            GraphError: If its labels cannot be used.
        """
        labels = read_labels(graph, name)
        kind: type[Task] = TASKS.get(labels.kind)
        return kind.from_labels(labels, class_loss or ClassLoss())

    @classmethod
    @abstractmethod
    def from_labels(cls, labels: Labels, class_loss: ClassLoss) -> Task:
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
    @abstractmethod
    def monitor(self) -> tuple[str, Direction]:
        """The metric that chooses the best epoch on validation, and whether more or less of it is better."""

    @abstractmethod
    def loss(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return the mean loss of some rows, a scalar.

        Args:
            output: The head's output for these rows, [R, C].
            rows: Positions of labelled entities, int64 [R].
        """

    @abstractmethod
    def metrics(self, output: Tensor, rows: Tensor) -> dict[str, float]:
        """Return the metrics of some rows under torchmetrics' names, the most telling one first.

        Args:
            output: The head's output for these rows, [R, C].
            rows: Positions of labelled entities, int64 [R].
        """

    @abstractmethod
    def targets(self) -> pd.Series:
        """Return the target of all N entities as people know it, missing where there is none."""

    @abstractmethod
    def decode(self, output: Tensor) -> pd.DataFrame:
        """Return the column ``prediction``, and more where there is more, for any R entities.

        Args:
            output: The head's output for these entities, [R, C].
        """

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know about the labels."""
        return []

    def describe(self) -> dict[str, Any]:
        """Return what a reader of the predictions must know, as JSON."""
        return {"name": self.labels.task, "kind": self.labels.kind, "entity": self.labels.entity}

    def rows(self, split: str) -> Tensor:
        """Return the positions of the labelled entities of a split, int64 [R].

        Raises:
            ConfigError: If there is no such split.
            GraphError: If none of its entities is labelled.
        """
        if split not in SPLITS:
            raise ConfigError(
                f"there is no split {split!r}", where="--split", fix=did_you_mean(split, SPLITS)
            )
        rows: Tensor = self.get_buffer(f"{split}_rows")
        if len(rows) == 0:
            raise GraphError(
                f"no entity of the {split} split has a value in {self.labels.column!r}",
                where=self.labels.where,
                fix="Measure on another split.",
            )
        return rows

    def labelled_splits(self) -> list[str]:
        """Return the splits that have labelled entities."""
        return [split for split in SPLITS if len(self.get_buffer(f"{split}_rows"))]

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
