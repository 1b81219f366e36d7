"""What all trials on one split stand on: the graph, the task and the features that baselines read."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from mmgraph.evaluation.concatenate import concatenated_features
from mmgraph.evaluation.fitted import Features
from mmgraph.graph.graph import Graph
from mmgraph.graph.store import load_graph
from mmgraph.tasks.few_labels import FewLabels
from mmgraph.tasks.options import TaskOptions
from mmgraph.tasks.task import Task


@dataclass(frozen=True, eq=False)
class Ground:
    """One split of a comparison.

    Args:
        graph: The graph.
        task_name: The name of the task.
        share: The share of the training labels that is read.
        seed: Says which labels a baseline reads then: those of the first seed.
        draw: The number of the split; 0 is the graph's own.
    """

    graph: Graph
    task_name: str
    share: float = 1.0
    seed: int = 0
    draw: int = 0

    @functools.cached_property
    def view(self) -> Graph:
        """The graph as the task sees it."""
        return self.graph.view(self.task_name)

    @functools.cached_property
    def task(self) -> Task:
        """The task, with the training labels that the first seed may read."""
        few = TaskOptions(few_labels=FewLabels(self.share, self.seed))
        return Task.from_graph(self.graph, self.task_name, few)

    @functools.cached_property
    def features(self) -> Features:
        """The concatenated features, float32 [N, D]."""
        # The modalities of entities whose labels are not read are there all the same.
        every = Task.from_graph(self.graph, self.task_name)
        return concatenated_features(self.view, every.labels.entity, every.rows("train").numpy())

    @property
    def overlap(self) -> float:
        """The number of test entities divided by that of training entities."""
        return len(self.task.rows("test")) / len(self.task.rows("train"))


@functools.lru_cache(maxsize=8)
def opened_ground(place: str, task_name: str, share: float, seed: int, draw: int) -> Ground:
    """Return a split whose graph a process opens once for all of its trials."""
    return Ground(load_graph(place), task_name, share, seed, draw)
