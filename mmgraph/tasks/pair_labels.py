"""Which entities have both modalities of a retrieval."""

from __future__ import annotations

import numpy as np

from mmgraph.counted import agreed, counted
from mmgraph.data.task_spec import RetrievalTaskSpec
from mmgraph.errors import GraphError
from mmgraph.graph.graph import Graph
from mmgraph.graph.unprepared import split_column
from mmgraph.tasks.labels import Labels


def read_pairs(graph: Graph, name: str, spec: RetrievalTaskSpec) -> Labels:
    """Return the entities of a retrieval; who has a value, the id, has both modalities.

    Args:
        graph: The graph.
        name: The name of the task.
        spec: What the dataset says about it.

    Raises:
        GraphError: If the graph lacks one of the modalities, or a part of the split has fewer than two
            entities that have both.
    """
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
        ids=table["id"].to_numpy(dtype=str),
        values=table["id"].where(has),
        split=split.fillna("").to_numpy(dtype=str),
        where=where,
    )
    for part in ("train", "validation"):
        if (size := len(labels.rows(part))) < 2:
            raise GraphError(
                f"{counted(size, 'entity', 'entities')} of the {part} split {agreed(size, 'has', 'have')} "
                f"both {spec.query} and {spec.answer}; wanted two, to be told apart",
                where=where,
                fix="Check the modalities and the split in dataset.yaml, and build the graph anew.",
            )
    return labels
