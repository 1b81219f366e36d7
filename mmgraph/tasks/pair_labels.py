"""Which entities have both modalities of a task about two."""

from __future__ import annotations

import numpy as np

from mmgraph.counted import agreed, counted
from mmgraph.data.task_spec import PairTaskSpec
from mmgraph.errors import GraphError
from mmgraph.graph.graph import Graph
from mmgraph.graph.unprepared import split_column
from mmgraph.tasks.labels import SPLITS, Labels, find_task, split_of


def read_pairs(graph: Graph, name: str) -> tuple[Labels, PairTaskSpec]:
    """Return the entities of a task about two modalities; who has a value, the id, has both.

    Args:
        graph: The graph.
        name: The name of the task.

    Returns:
        The entities, and what the dataset says about the task.

    Raises:
        GraphError: If the graph lacks one of the modalities, or a part of the split has fewer than two
            entities that have both.
    """
    spec = find_task(graph, name)
    assert isinstance(spec, PairTaskSpec)
    table, where = graph.nodes[spec.entity], f"tasks.{name}"
    there = {t.modality for t in graph.schema.node_types if t.entity == spec.entity}
    for side, modality in (("query", spec.query), ("answer", spec.answer)):
        if modality not in there:
            raise GraphError(
                f"the graph has no modality {modality!r} of {spec.entity!r}",
                where=f"{where}.{side}",
                fix="Build the graph with it.",
            )
    has = np.ones(len(table), dtype=bool)
    for modality in (spec.query, spec.answer):
        has &= np.isin(np.arange(len(table)), graph.nodes[f"{spec.entity}/{modality}"]["entity_index"])
    split = table[split_column(graph, spec.entity, spec.split)]
    labels = Labels(
        task=name,
        kind=spec.kind,
        entity=spec.entity,
        column=f"{spec.query} or {spec.answer}",
        id_values=table["id"],
        values=table["id"].where(has),
        split=split_of(split),
        where=where,
    )
    for part in SPLITS:
        size, least = len(labels.rows(part)), 0 if part == "test" else 2
        if size == 1 or size < least:
            raise GraphError(
                f"{counted(size, 'entity', 'entities')} of the {part} split {agreed(size, 'has', 'have')} "
                f"both {spec.query} and {spec.answer}; wanted two, to be told apart",
                where=where,
                fix="Check the modalities and the split in dataset.yaml, and build the graph anew.",
            )
    return labels, spec
