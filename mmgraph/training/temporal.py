"""What it takes that an entity sees only what was there at its own time."""

from __future__ import annotations

import numpy as np

from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph.graph import Graph
from mmgraph.models import MultimodalModel
from mmgraph.sampling.graph_times import entity_times
from mmgraph.tasks import MultiTask, Task
from mmgraph.tasks.entity_task import EntityTask


def has_own_times(task: Task) -> bool:
    """Return whether a task asks for a target of each entity of one type, each at a time of its own.

    Args:
        task: The task.
    """
    # Of several tasks, each asks for a target of each entity, but a sample is made for one entity type.
    return isinstance(task, EntityTask) or (isinstance(task, MultiTask) and len(task.entities) == 1)


def check_temporal(view: Graph, task: Task, model: MultimodalModel) -> None:
    """Make sure that a model can be trained and measured on what was there at the time of each entity.

    Args:
        view: The graph as the model sees it.
        task: The task.
        model: The model.

    Raises:
        ConfigError: If the task asks for something else than a target of each entity, they have no times, or
            the model looks at the graph as a whole.
        GraphError: If a relation has times that no entity lives to see: they are on another clock.
    """
    if not has_own_times(task):
        raise ConfigError(
            f"each entity sees what was there at its own time, but the task {task.labels.task!r} is "
            f"{task.labels.kind}, which asks for something else than a target of each, or of several types",
            where="temporal",
            fix="Leave temporal out.",
        )
    times, entity = entity_times(view), task.labels.entity
    if entity not in times:
        raise ConfigError(
            f"the entities of the type {entity!r} have no times, so that nobody knows what was later",
            where="temporal",
            fix=f"Name their column in dataset.yaml (entities.{entity}.time) and build the graph again, or "
            "leave temporal out.",
        )
    if model.not_in_parts:
        raise ConfigError(
            "each entity sees a graph of its own, but the model needs the whole one, since "
            f"{model.not_in_parts}",
            where="temporal",
            fix="Choose another model, or leave temporal out.",
        )
    last = times[entity][np.isfinite(times[entity])].max(initial=-np.inf)
    for edge_type in view.schema.edge_types:
        own = view.edges[edge_type.triple].time if edge_type.reverse_of is None else None
        if own is not None and len(own) and own.min() > last:
            raise GraphError(
                f"the earliest edge has the time {own.min()}, and the last {entity!r} {last:.15g}, so that "
                "no entity would see any",
                where=f"relation {edge_type.name}",
                fix="Give both the same clock: dates, or numbers of the same kind.",
            )
