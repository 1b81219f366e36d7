"""Tasks that a graph need not be told of: their name says all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmgraph.config import parse
from mmgraph.data.references import RETRIEVAL
from mmgraph.data.spec import AnyTaskSpec, LinkTaskSpec, RetrievalTaskSpec
from mmgraph.errors import GraphError, did_you_mean
from mmgraph.graph.without_links import unprepared_link_task

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph

_PREFIX = "retrieval:"


def unprepared_task(graph: Graph, name: str) -> AnyTaskSpec | None:
    """Return the task that ``link:RELATION`` or ``retrieval:QUERY,ANSWER`` stands for; nothing for others.

    Args:
        graph: The graph.
        name: What may be such a name. Query and answer are modalities, or their node types.

    Raises:
        ConfigError: If a retrieval asks for one modality by itself.
        GraphError: If the graph cannot tell what a retrieval is about.
    """
    if name.startswith(_PREFIX) and name.count(",") == 1:
        return _retrieval(graph, name)
    return unprepared_link_task(name)


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
        if not isinstance(task, LinkTaskSpec) and (task.entity, task.split) == (entity, split)
    )


def _retrieval(graph: Graph, name: str) -> RetrievalTaskSpec:
    sides, nodes = name.removeprefix(_PREFIX).split(","), graph.schema.node_types
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
            fix=f"Write node types: {_PREFIX}{shared[0]}/{sides[0]},{shared[0]}/{sides[1]}."
            if shared
            else "Choose modalities of one entity type.",
        )
    entity = shared[0]
    splits = {
        task.split: None
        for task in graph.tasks.values()
        if not isinstance(task, LinkTaskSpec) and task.entity == entity
    }
    if len(splits) != 1:
        raise GraphError(
            f"the tasks of {entity!r} have {len(splits)} splits; wanted one, for this task to share",
            where="--task",
            fix=f"Add a task of the kind {RETRIEVAL} to dataset.yaml, and build the graph anew.",
        )
    query, answer = (side.rpartition("/")[2] for side in sides)
    content = {
        "kind": RETRIEVAL,
        "entity": entity,
        "query": query,
        "answer": answer,
        "split": next(iter(splits)),
    }
    return parse(RetrievalTaskSpec, content, where="--task")
