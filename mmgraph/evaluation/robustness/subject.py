"""What is tried: a run, the entities that it is measured on, and its metrics on other graphs."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.errors import ConfigError
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import NodeType
from mmgraph.tasks import EntityTask
from mmgraph.training.batching import open_inference
from mmgraph.training.environment import reproducible
from mmgraph.training.memory import memory_told
from mmgraph.training.non_finite import not_finite, origin_in_graph, rows_not_finite
from mmgraph.training.run import Run


@dataclass(frozen=True, eq=False)
class Subject:
    """A run of a task with a target of each entity, and the part of the split that it is tried on.

    Args:
        run: The run.
        task: Its task.
        split: The part.
        rows: The entities of it that have a target, int64 [R].
    """

    run: Run
    task: EntityTask
    split: str
    rows: Tensor

    @classmethod
    def of(cls, run: Run, split: str, *, doing: str) -> Subject:
        """Return the subject.

        Args:
            run: The run.
            split: The part.
            doing: The option that asks, for messages.

        Raises:
            ConfigError: If there is no such split, or the run's task has no target of each entity.
            GraphError: If none of its entities has a target.
        """
        if not isinstance(run.task, EntityTask):
            raise ConfigError(
                f"the task {run.task.labels.task!r} is {run.task.labels.kind}; wanted one with a target of "
                "each entity: classification, regression or multi_label",
                where=doing,
                fix="Use a run of one such task.",
            )
        return cls(run, run.task, split, run.task.rows(split))

    @property
    def graph(self) -> Graph:
        """The graph as the model sees it."""
        return self.run.view

    @property
    def entity(self) -> str:
        """The entity type."""
        return self.task.labels.entity

    @property
    def entities(self) -> NDArray[np.int64]:
        """The entities that are measured, int64 [R]."""
        found: NDArray[np.int64] = self.rows.numpy()
        return found

    @property
    def modalities(self) -> list[NodeType]:
        """The modalities of the entity type that the model sees."""
        return [t for t in self.graph.schema.node_types if t.entity == self.entity and t.modality is not None]

    def output(self, graph: Graph | None = None) -> Tensor:
        """Return the head's output for the entities that are measured, [R, C], exactly as a run makes it.

        Args:
            graph: What the model sees instead of its own graph: the same entities.

        Raises:
            DivergedError: If one is not finite.
            RunError: If memory runs out.
        """
        module, config = self.run.module.eval(), self.run.config
        seen = self.graph if graph is None else graph
        with memory_told("while a changed graph was measured", fix="Free some memory."), torch.no_grad():
            inference = open_inference(seen, module, config)
            unify = functools.partial(inference.unify, module.model)
            with reproducible(config.seed, torch.device("cpu")):
                output = self.task.output(module.head, unify, self.rows)
        bad = rows_not_finite(output)
        if len(bad):
            ids = self.task.labels.ids[self.entities[bad.numpy()]]
            raise not_finite("the output", self.entity, ids, len(output), origin_in_graph(seen))
        return output

    def metrics(self, output: Tensor, rows: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Return the task's metrics of an output, or of some of its rows.

        Args:
            output: Of all entities that are measured, [R, C].
            rows: Places among these, int64 [S]; by default all.
        """
        if rows is None:
            return self.task.metrics(output, self.rows)
        places = torch.from_numpy(rows)
        return self.task.metrics(output[places], self.rows[places])
