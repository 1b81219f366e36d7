"""A task as PyG users know it: targets and masks in the graph's own ``HeteroData``."""

from __future__ import annotations

import torch
from torch_geometric.data import HeteroData

from mmgraph.errors import ConfigError
from mmgraph.graph.graph import Graph
from mmgraph.tasks.classification import Classification
from mmgraph.tasks.entity_task import EntityTask
from mmgraph.tasks.labels import SPLITS
from mmgraph.tasks.multi_label import MultiLabel
from mmgraph.tasks.task import Task

_MASKS = {"train": "train_mask", "validation": "val_mask", "test": "test_mask"}


def task_data(graph: Graph, task: str) -> HeteroData:
    """Return a graph as a task sees it, with its targets, ready for a training loop of one's own.

    Args:
        graph: The graph.
        task: The name of one of its tasks.

    Returns:
        The graph without what the task must not see, as in ``graph.view(task).data``. The task's entity type
        also has ``y`` [N] (classes: int64, -1 where there is none; numbers: float64, NaN where there is
        none; several labels: bool [N, L]), ``train_mask``, ``val_mask`` and ``test_mask``, bool [N], of the
        entities that have a target, ``id``, a list of N, and for classes and labels ``classes``, the names by
        number. Classes that no training entity has come last.

    Raises:
        ConfigError: If the graph has no such task, or the task no target for each entity.
        GraphError: If the task cannot be learnt.
    """
    learnt = Task.from_graph(graph, task)
    if not isinstance(learnt, EntityTask):
        raise ConfigError(
            f"the task {task!r} is {learnt.labels.kind}, which has no target for each entity",
            where="task",
            fix="Take graph.view(task).data, which has all that a model may see.",
        )
    labels = learnt.labels
    data = graph.view(task).data.clone()
    store = data[labels.entity]
    store.y = learnt.target.clone()
    store.id = labels.ids.tolist()
    if isinstance(learnt, Classification):
        store.classes = [*learnt.classes, *learnt.unseen]
    if isinstance(learnt, MultiLabel):
        store.classes = list(learnt.names)
    for split in SPLITS:
        mask = torch.zeros(len(labels), dtype=torch.bool)
        mask[torch.as_tensor(labels.rows(split))] = True
        store[_MASKS[split]] = mask
    return data
