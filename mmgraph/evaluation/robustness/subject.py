"""What is tried: a run, what it is measured on, and its metrics on other graphs."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmgraph.evaluation.one_task import check_name, one_task
from mmgraph.graph.graph import Graph
from mmgraph.graph.lazy import LazyMapping
from mmgraph.graph.schema import NodeType
from mmgraph.tasks import LinkPrediction, Retrieval, Task
from mmgraph.tasks.content import Content
from mmgraph.tasks.pair_task import PairTask
from mmgraph.training.batching import open_inference
from mmgraph.training.environment import reproducible
from mmgraph.training.memory import memory_told
from mmgraph.training.non_finite import not_finite, origin_in_graph, rows_not_finite
from mmgraph.training.run import Run


@dataclass(frozen=True, eq=False)
class Subject:
    """A run, one task of it, and the part of the split that it is tried on.

    Args:
        run: The run.
        task: Its task, or one of several.
        head: What answers it.
        split: The part.
        rows: What is measured, int64 [R]: the entities of the part that have a target, or both modalities of
            a retrieval or a matching, or its links.
    """

    run: Run
    task: Task
    head: nn.Module
    split: str
    rows: Tensor

    @classmethod
    def of(cls, run: Run, split: str, *, task: str | None = None, doing: str) -> Subject:
        """Return the subject.

        Args:
            run: The run.
            split: The part.
            task: Of several tasks that it was trained on, the one that is meant.
            doing: The option that asks, for messages.

        Raises:
            ConfigError: If there is no such split, or the run predicts nothing, or several tasks of which
                none is named.
            GraphError: If there is nothing to measure in it.
        """
        if isinstance(run.task, PairTask | LinkPrediction):
            check_name(run, task)
            return cls(run, run.task, run.module.head, split, run.task.rows(split))
        one = one_task(run, task, doing=doing, wanted="one that predicts something")
        return cls(run, one.task, one.head, split, one.task.rows(split))

    @property
    def graph(self) -> Graph:
        """The graph as the model sees it."""
        return self.run.view

    @property
    def entity(self) -> str:
        """The entity type; of links that which they begin at."""
        return self.task.labels.entity

    @functools.cached_property
    def entities(self) -> NDArray[np.int64]:
        """The entity of each row that is measured, int64 [R]; of a link the one that it begins at."""
        rows = self.task.links.source[self.rows] if isinstance(self.task, LinkPrediction) else self.rows
        found: NDArray[np.int64] = rows.numpy()
        return found

    @functools.cached_property
    def touched(self) -> dict[str, NDArray[np.int64]]:
        """By entity type, the entities that rows are about, int64: of links both ends."""
        found = {self.entity: np.unique(self.entities)}
        if isinstance(self.task, LinkPrediction):
            end, other = self.task.links.triple[2], self.task.links.target[self.rows].numpy()
            found[end] = np.unique(np.concatenate([found.get(end, other), other]))
        return found

    @property
    def modalities(self) -> list[NodeType]:
        """The modalities of what rows are about that the model sees."""
        return [
            t for t in self.graph.schema.node_types if t.modality is not None and t.entity in self.touched
        ]

    @property
    def spare(self) -> list[NodeType]:
        """The modalities that can be missing: not those that a retrieval or a matching compares, nor their
        parts, which take a pair with them."""
        if not isinstance(self.task, PairTask):
            return self.modalities
        compared = {f"{self.entity}/{name}" for name in self.task.names}
        parts = {part for t in self.modalities if t.name in compared for part in t.made_from}
        return [t for t in self.modalities if t.name not in compared | parts]

    def label(self, name: str) -> str:
        """Return what a modality's node type is called: without its entity type where there is one."""
        return name.partition("/")[2] if len(self.touched) == 1 else name

    def output(self, graph: Graph | None = None) -> Tensor:
        """Return the head's output for what is measured, [R, ...], exactly as a run makes it.

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
            with reproducible(config.seed, torch.device("cpu")), self._content_of(seen):
                output = self.task.output(self.head, unify, self.rows)
        bad = rows_not_finite(output)
        if len(bad):
            ids = self.task.labels.ids[self.rows[bad].numpy()]
            raise not_finite("the output", self.entity, ids, len(output), origin_in_graph(seen))
        return output

    @contextmanager
    def _content_of(self, graph: Graph) -> Iterator[None]:
        """Let a task that compares modalities as they are read those of another graph."""
        if not isinstance(self.task, PairTask) or graph is self.graph:
            yield
            return
        own, names = self.task.content, self.task.names
        found = Content.in_graph(self._as_frozen(graph), self.entity, set(names))
        query, answer = (found[name] for name in names)
        self.task.content = (query, answer)
        try:
            yield
        finally:
            self.task.content = own

    def _as_frozen(self, graph: Graph) -> Graph:
        """Return a changed graph as frozen encoders describe it, with the same changes.

        What a task fits in closed form reads these, also where the model reads those of fine-tuned encoders.
        """
        tuned = [name for name in self.run.module.model.encoders if name in graph.features]

        def changed(name: str) -> NDArray[np.float32]:
            frozen, read, seen = (
                self.run.graph.features[name],
                self.graph.features[name],
                graph.features[name],
            )
            return frozen if seen is read else frozen + (seen - read)

        return graph.with_features(LazyMapping(tuned, changed)) if tuned else graph

    def metrics(self, output: Tensor, rows: NDArray[np.int64] | None = None) -> dict[str, float]:
        """Return the task's metrics of an output, or of some of its rows.

        Args:
            output: Of all that is measured, [R, ...].
            rows: Places among these, int64 [S]; by default all. Of a retrieval they look among the answers
                of all.
        """
        if rows is None:
            return self.task.metrics(output, self.rows)
        places = torch.from_numpy(rows)
        if isinstance(self.task, Retrieval):
            return self.task.metrics_of(output, places)
        return self.task.metrics(output[places], self.rows[places])
