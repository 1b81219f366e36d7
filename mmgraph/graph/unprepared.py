"""Tasks that a graph need not be told of: their name says all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmgraph.config import parse
from mmgraph.data.references import MATCHING, MULTI_TASK, PRETRAINING, RETRIEVAL
from mmgraph.data.task_spec import (
    AnyTaskSpec,
    EntitiesTaskSpec,
    MatchingTaskSpec,
    MultiTaskSpec,
    PretrainingTaskSpec,
    RetrievalTaskSpec,
)
from mmgraph.errors import GraphError, did_you_mean
from mmgraph.graph.without_links import unprepared_link_task

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph

_PRETRAIN = "pretrain"
_PAIRS: dict[str, type[RetrievalTaskSpec | MatchingTaskSpec]] = {
    RETRIEVAL: RetrievalTaskSpec,
    MATCHING: MatchingTaskSpec,
}


def unprepared_task(graph: Graph, name: str) -> AnyTaskSpec | None:
    """Return the task that a name stands for; nothing if it is none of these.

    Args:
        graph: The graph.
        name: ``link:RELATION``, ``retrieval:QUERY,ANSWER`` or ``matching:QUERY,ANSWER``, where query and
            answer are modalities or their node types, ``pretrain``, ``pretrain:ENTITY``, or the names of
            several tasks, ``A,B``.

    Raises:
        ConfigError: If query and answer are one modality, or several tasks are one.
        GraphError: If the graph cannot tell what it is about.
    """
    kind, _, sides = name.partition(":")
    if kind in _PAIRS and sides.count(",") == 1:
        return _pair(graph, kind, sides.split(","))
    if name == _PRETRAIN or name.startswith(f"{_PRETRAIN}:"):
        return _pretraining(graph, name.partition(":")[2])
    if "," in name:
        return _several(graph, [part.strip() for part in name.split(",")])
    return unprepared_link_task(name)


def no_such_task(graph: Graph, name: str) -> str:
    """Return what to do about a name that is no task's.

    Args:
        graph: The graph.
        name: What was given.
    """
    known = [*graph.tasks, _PRETRAIN]
    unprepared = f"link:RELATION, {', '.join(f'{kind}:QUERY,ANSWER' for kind in _PAIRS)}"
    offered = did_you_mean(name, known)
    return offered if offered.startswith("Did you mean") else f"{offered[:-1]}; or {unprepared}."


def _several(graph: Graph, names: list[str]) -> MultiTaskSpec:
    known = graph.entity_tasks
    for name in names:
        if name not in known:
            other = graph.tasks.get(name)
            what = f"{name!r} is a {other.kind}" if other else f"there is no task {name!r}"
            raise GraphError(
                f"{what}; several tasks at once ask for a target of each entity",
                where="--task",
                fix=did_you_mean(name, known),
            )
    return parse(MultiTaskSpec, {"kind": MULTI_TASK, "tasks": names}, where="--task")


def split_column(graph: Graph, entity: str, split: str) -> str:
    """Return the column of an entity type's table that has the parts of a split.

    Args:
        graph: The graph, of whose tasks one has the split.
        entity: The entity type.
        split: The name of the split.
    """
    return next(
        f"split:{name}"
        for name, task in graph.tasks.items()
        if isinstance(task, EntitiesTaskSpec) and (task.entity, task.split) == (entity, split)
    )


def _pair(graph: Graph, kind: str, sides: list[str]) -> AnyTaskSpec:
    nodes = graph.schema.node_types
    entities = []
    for side in sides:
        found = [t for t in nodes if t.modality is not None and side in (t.modality, t.name)]
        if not found:
            known = [str(t.modality) for t in nodes if t.modality is not None]
            raise GraphError(
                f"the graph has no modality {side!r}", where="--task", fix=did_you_mean(side, known)
            )
        entities.append({t.entity for t in found})
    shared = sorted(entities[0] & entities[1])
    if len(shared) != 1:
        raise GraphError(
            f"{len(shared)} entity types have both {sides[0]!r} and {sides[1]!r}; wanted one",
            where="--task",
            fix=f"Write node types: {kind}:{shared[0]}/{sides[0]},{shared[0]}/{sides[1]}."
            if shared
            else "Choose modalities of one entity type.",
        )
    entity = shared[0]
    query, answer = (side.rpartition("/")[2] for side in sides)
    split = _shared_split(graph, entity, kind)
    content = {"kind": kind, "entity": entity, "query": query, "answer": answer, "split": split}
    return parse(_PAIRS[kind], content, where="--task")


def _pretraining(graph: Graph, entity: str) -> PretrainingTaskSpec:
    modal = list(dict.fromkeys(t.entity for t in graph.schema.node_types if t.modality is not None))
    if not entity and len(modal) != 1:
        raise GraphError(
            f"{len(modal)} entity types have modalities; wanted one",
            where="--task",
            fix=f"Write one of {', '.join(f'{_PRETRAIN}:{name}' for name in modal)}."
            if modal
            else "Give an entity type a modality.",
        )
    if entity and entity not in modal:
        raise GraphError(
            f"there is no entity type {entity!r} with a modality",
            where="--task",
            fix=did_you_mean(entity, modal),
        )
    chosen = entity or modal[0]
    content = {"kind": PRETRAINING, "entity": chosen, "split": _shared_split(graph, chosen, PRETRAINING)}
    return parse(PretrainingTaskSpec, content, where="--task")


def _shared_split(graph: Graph, entity: str, kind: str) -> str:
    """Return the one split that the tasks about an entity type have."""
    splits = {
        task.split: None
        for task in graph.tasks.values()
        if isinstance(task, EntitiesTaskSpec) and task.entity == entity
    }
    if len(splits) != 1:
        raise GraphError(
            f"the tasks of {entity!r} have {len(splits)} splits; wanted one, for this task to share",
            where="--task",
            fix=f"Add a task of the kind {kind} to dataset.yaml, and build the graph anew.",
        )
    return next(iter(splits))
