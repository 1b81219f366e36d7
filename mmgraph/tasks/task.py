"""The base of all tasks: what is asked, how wrong an answer is, and how good all of them are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.graph.graph import Graph
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.registry import TASKS
from mmgraph.tasks.labels import SPLITS, Labels, find_task
from mmgraph.tasks.options import TaskOptions
from mmgraph.tasks.step import Encode, Step, Unify

Direction = Literal["max", "min"]


class Task(nn.Module, ABC):
    """What is asked of the rows of a graph, with its loss and its metrics.

    Rows are whatever has an answer and a part of a split, for most tasks the entities of a type. A training
    asks a task for a head, which is learnt with the model, and in each step for the loss of a batch; what
    measures a trained model asks it for the output of all rows of a split, and then for its loss and its
    metrics. :class:`~mmgraph.tasks.entity_task.EntityTask` is the base of tasks that ask for a target of
    each entity; others say themselves what they make of the model.

    It is a module so that its tensors follow a model to its device; it has no parameters, and its tensors
    are no part of saved weights. A subclass is registered under the ``kind`` that ``dataset.yaml`` names.

    Args:
        labels: What the graph says about the task; its ``values`` and its ``split`` have one entry a row.
    """

    has_views = False
    """Whether it asks for states as views of the graph show them."""

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        self.labels = labels
        for split in SPLITS:
            self.register_buffer(f"{split}_rows", torch.from_numpy(labels.rows(split)), persistent=False)

    @staticmethod
    def from_graph(graph: Graph, name: str, options: TaskOptions | None = None) -> Task:
        """Return a task of a graph.

        Args:
            graph: The graph.
            name: The name of the task.
            options: What a training says about its task.

        Raises:
            ConfigError: If the graph has no such task, or it cannot use what was set in the options.
            UnknownNameError: If its kind is not registered.
            GraphError: If its labels cannot be used.
        """
        kind: type[Task] = TASKS.get(find_task(graph, name).kind)
        return kind.read(graph, name, options or TaskOptions())

    @classmethod
    @abstractmethod
    def read(cls, graph: Graph, name: str, options: TaskOptions) -> Task:
        """Return the task of this kind that a graph has by a name; see :meth:`from_graph`."""

    @property
    @abstractmethod
    def monitor(self) -> tuple[str, Direction]:
        """The metric that chooses the best epoch on validation, and whether more or less of it is better."""

    @property
    def only_whole(self) -> str | None:
        """Why a step must see the whole graph; nothing where a sample does."""
        return None

    @abstractmethod
    def make_head(self, channels: int) -> nn.Module:
        """Return what turns unified states into answers, with fresh weights.

        Args:
            channels: The width of the unified states.
        """

    def fit_head(self, head: nn.Module) -> None:
        """Fit what a training begins with in closed form, if there is such; the weights of a run have it.

        Args:
            head: What :meth:`make_head` made.
        """

    @abstractmethod
    def step(self, head: nn.Module, encode: Encode, batch: GraphBatch) -> Step:
        """Return the loss of a batch of training.

        Args:
            head: What :meth:`make_head` made.
            encode: The model.
            batch: The whole graph, or a sample for some training rows, its ``seeds``.
        """

    @abstractmethod
    def output(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor:
        """Return what :meth:`loss` and :meth:`metrics` take of some rows, [R, ...].

        Args:
            head: What :meth:`make_head` made.
            unify: The trained model.
            rows: Positions of rows that have an answer, int64 [R].
        """

    @abstractmethod
    def loss(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return the mean loss of some rows, a scalar.

        Args:
            output: Of these rows, [R, ...].
            rows: Positions of rows that have an answer, int64 [R].
        """

    @abstractmethod
    def metrics(self, output: Tensor, rows: Tensor) -> dict[str, float]:
        """Return the metrics of some rows under torchmetrics' names, the most telling one first.

        Args:
            output: Of these rows, [R, ...].
            rows: Positions of rows that have an answer, int64 [R].
        """

    @abstractmethod
    def predict(self, head: nn.Module, unify: Unify) -> pd.DataFrame:
        """Return what the model says of all rows: id, split, target, prediction, and more for some tasks.

        Args:
            head: What :meth:`make_head` made.
            unify: The trained model.
        """

    def settle(self, head: nn.Module, output: Tensor, rows: Tensor) -> Tensor:  # noqa: ARG002 - see below
        """Choose on validation what answers depend on beside weights, such as a threshold.

        Most tasks have nothing to choose. What is chosen is kept in the head, as a buffer, so that it is
        saved with the weights.

        Args:
            head: What :meth:`make_head` made.
            output: Of all rows of validation, [R, ...].
            rows: Their positions, int64 [R].

        Returns:
            The output as it is with what was chosen.
        """
        return output

    def name_of_output(self, part: int) -> str | None:  # noqa: ARG002 - most outputs are of rows
        """Return what a part of the output is, where it is of all rows together; nothing where it is of one.

        Args:
            part: The number of the part, from 0 up to R.
        """
        return None

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know about the labels."""
        return []

    def describe(self) -> dict[str, Any]:
        """Return what a reader of the predictions must know, as JSON."""
        return {"name": self.labels.task, "kind": self.labels.kind, "entity": self.labels.entity}

    def rows(self, split: str) -> Tensor:
        """Return the positions of the rows of a split that have an answer, int64 [R].

        Raises:
            ConfigError: If there is no such split.
            GraphError: If none of its rows has an answer.
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

    def split_of(self, entity: str) -> NDArray[np.object_] | None:
        """Return the part of the split that each entity of a type is in, text [N]; nothing if it says none.

        Args:
            entity: The entity type.
        """
        return self.labels.split if entity == self.labels.entity else None

    def labelled_splits(self) -> list[str]:
        """Return the splits of which some rows have an answer."""
        return [split for split in SPLITS if len(self.get_buffer(f"{split}_rows"))]
