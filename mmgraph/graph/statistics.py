"""What a graph is like: sizes, degrees, components, missing modalities, labels, and memory to train it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mmgraph.data.task_spec import EntitiesTaskSpec, LinkTaskSpec
from mmgraph.graph.graph import Graph
from mmgraph.graph.hold_out import HELD_OUT
from mmgraph.graph.label_statistics import label_statistics
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
from mmgraph.graph.structure import components, degree_statistics, modality_combinations
from mmgraph.graph.training_memory import estimate_memory


def summarise(graph: Graph, *, hidden_channels: int = 128, num_layers: int = 2) -> dict[str, Any]:
    """Return what a person should know about a graph before training on it, as JSON values.

    Args:
        graph: The graph.
        hidden_channels: The width of the model, for the estimate of memory.
        num_layers: The number of its layers, for the estimate of memory.

    Returns:
        ``name``, ``fingerprint``;
        ``nodes``: by node type ``count``, ``channels`` and, for modalities, ``kind``, ``missing`` (the
        share of entities without it) and, for sequences, ``elements`` of an entity (``mean``, ``max``);
        ``combinations``: by entity type, how many entities have which ``modalities`` together;
        ``relations``: by relation without reverse ones ``source``, ``target``, ``edges``, ``kind``,
        ``weighted``, ``symmetric``, ``timed``, ``features`` (the names of edge features), ``held_out`` (by
        part, the edges that a split holds out, which are none of ``edges``), ``self_loops``,
        degrees of both ends (``mean``, ``median``, ``q90``, ``q99``, ``max``, ``isolated``: how many nodes
        have no edge; ``histogram``: how many have 0, 1, 2 to 3, 4 to 7, ... edges), its weakly connected
        ``components``, ``homophily`` (below), ``counts`` and ``warnings`` of its builder;
        ``components``: ``whole``, the weakly connected components of the whole graph, and ``relations``,
        those that remain without the ties between an entity and its modalities;
        ``tasks``: by task ``labelled`` and the entities of each part of the split;
        ``link_tasks``: by task that asks for edges its ``relation`` and ``kind``;
        ``memory``: estimated bytes of full-batch training.

        Homophily is measured among training entities alone, so that no held-out label shows. By task: for a
        classification the share of edges whose ends have the same label, what chance would give, adjusted
        homophily and label informativeness (1: an end tells the other's label, 0: it does not); for several
        labels their overlap and what chance would give; for a regression the correlation of the two ends; and
        the number of edges counted.
    """
    forward = [t for t in graph.schema.edge_types if t.reverse_of is None]
    return {
        "name": graph.name,
        "fingerprint": graph.fingerprint(),
        "nodes": {t.name: _node_summary(graph, t) for t in graph.schema.node_types},
        "combinations": {
            t.name: modality_combinations(graph, t.name)
            for t in graph.schema.node_types
            if t.modality is None
        },
        "relations": {_label(graph.schema, t): _relation_summary(graph, t) for t in forward},
        "components": {
            "whole": components(graph, forward),
            "relations": components(graph, [t for t in forward if t.kind != "of"]),
        },
        "tasks": {
            name: _task_summary(graph, name, task)
            for name, task in graph.tasks.items()
            if isinstance(task, EntitiesTaskSpec)
        },
        "link_tasks": {
            name: {"relation": task.relation, "kind": task.kind}
            for name, task in graph.tasks.items()
            if isinstance(task, LinkTaskSpec)
        },
        "memory": estimate_memory(graph.schema, hidden_channels=hidden_channels, num_layers=num_layers),
    }


def _label(schema: GraphSchema, edge_type: EdgeType) -> str:
    """Return how a relation is called: by its name, and by its ends where others have the name too."""
    if edge_type.kind != "of" and schema.relations.count(edge_type.name) == 1:
        return edge_type.name
    return " ".join(edge_type.triple)


def _node_summary(graph: Graph, node_type: NodeType) -> dict[str, Any]:
    summary: dict[str, Any] = {"count": node_type.num_nodes, "channels": node_type.channels}
    if node_type.modality is not None:
        entities = graph.schema.node_type(node_type.entity).num_nodes
        # An entity may have several nodes, the elements of a sequence.
        table = graph.nodes[node_type.name]
        there = table["entity_index"].nunique()
        summary["kind"] = node_type.kind
        summary["missing"] = 1 - there / entities if entities else 0.0
        if "position" in table:
            summary["elements"] = {"mean": len(table) / max(there, 1), "max": _longest(table)}
    return summary


def _longest(table: pd.DataFrame) -> int:
    """Return the length of the longest sequence."""
    return int(np.bincount(table["entity_index"]).max(initial=0))


def _relation_summary(graph: Graph, edge_type: EdgeType) -> dict[str, Any]:
    source, target = graph.edge_index[edge_type.triple]
    built = graph.manifest["relations"].get(edge_type.name, {})
    num_sources = graph.schema.node_type(edge_type.source).num_nodes
    num_targets = graph.schema.node_type(edge_type.target).num_nodes
    homogeneous = edge_type.source == edge_type.target
    return {
        "source": edge_type.source,
        "target": edge_type.target,
        "edges": edge_type.num_edges,
        "kind": edge_type.kind,
        "weighted": edge_type.weighted,
        "symmetric": edge_type.symmetric,
        "timed": edge_type.timed,
        "features": list(edge_type.attr_names),
        "held_out": _held_out(graph, edge_type),
        "self_loops": int((source == target).sum()) if homogeneous else 0,
        "source_degree": degree_statistics(source, num_sources),
        "target_degree": degree_statistics(target, num_targets),
        "components": components(graph, [edge_type]),
        "homophily": {
            name: label_statistics(graph, edge_type, name, task)
            for name, task in graph.entity_tasks.items()
            if edge_type.kind != "of" and _entities(graph.schema, edge_type) == {task.entity}
        },
        "counts": built.get("counts", {}),
        "warnings": built.get("warnings", []),
    }


def _held_out(graph: Graph, edge_type: EdgeType) -> dict[str, int]:
    """Return how many edges a split holds out of a relation, by part; nothing where there are none."""
    if not edge_type.held_out:
        return {}
    return {part: len(graph.held_out[edge_type.name].of(part)) for part in HELD_OUT}


def _entities(schema: GraphSchema, edge_type: EdgeType) -> set[str]:
    return {schema.node_type(end).entity for end in (edge_type.source, edge_type.target)}


def _task_summary(graph: Graph, name: str, task: EntitiesTaskSpec) -> Mapping[str, Any]:
    table = graph.nodes[task.entity]
    labelled = table[f"target:{name}"].notna()
    parts = table[f"split:{name}"]
    return {
        "entity": task.entity,
        "kind": task.kind,
        "labelled": int(labelled.sum()),
        **{part: int((labelled & (parts == part)).sum()) for part in ("train", "validation", "test")},
    }
