"""The classes that a pre-training may read: those of a classification of the same entities."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmgraph.data.task_spec import TaskSpec
from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.graph.graph import Graph
from mmgraph.tasks.labels import Labels, read_labels
from mmgraph.tasks.options import TaskOptions


def read_classes(graph: Graph, labels: Labels, options: TaskOptions) -> Tensor:
    """Return the class of each entity, int64 [N], below 0 where it is not known.

    An entity's class is known where both tasks have it in the same part of their splits, so that none of
    those that the classification holds out is learnt from; of the training labels, those are read that a
    training may read at all.

    Args:
        graph: The graph.
        labels: What the graph says about the pre-training.
        options: What the training says: which classification, and how many of its labels.

    Raises:
        ConfigError: If there is no such classification of these entities, or several and none is named.
        GraphError: If its labels cannot be used.
    """
    read = options.few_labels.of(read_labels(graph, _chosen(graph, labels.entity, options)))
    codes = pd.factorize(read.values.astype("string"), sort=True)[0].astype(np.int64)
    return torch.from_numpy(np.where(read.split == labels.split, codes, -1))


def _chosen(graph: Graph, entity: str, options: TaskOptions) -> str:
    """Return the name of the classification that was named, or of the only one."""
    known = [
        name
        for name, task in graph.tasks.items()
        if isinstance(task, TaskSpec) and (task.kind, task.entity) == ("classification", entity)
    ]
    name = options.objectives.classes_of
    if name is None and len(known) == 1:
        return known[0]
    if name is None:
        raise ConfigError(
            f"there are {len(known)} classifications of {entity!r}; wanted the name of one",
            where="classes_of",
            fix=f"Set it to one of {', '.join(known)}." if known else "Leave supervised_contrastive out.",
        )
    if name not in known:
        raise ConfigError(
            f"there is no classification {name!r} of {entity!r}",
            where="classes_of",
            fix=did_you_mean(name, known),
        )
    return name
