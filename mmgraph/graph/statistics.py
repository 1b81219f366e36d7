"""What a graph is like: sizes, degrees, missing modalities, homophily, and the memory that training needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.data.spec import TaskSpec
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType

# How many hidden vectors a training step keeps for each edge and each node of a layer. Measured for edges:
# PyG's GATConv needs 4.3 GB above its inputs for 2 million edges of 128 channels, which is 4 vectors an edge.
# Reckoned for nodes: projections, residual, norm and activation, each with its gradient.
_EDGE_COPIES = 4
_NODE_COPIES = 8
_FLOAT = 4
_INT64 = 8


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
        ``relations``: by relation without reverse ones ``source``, ``target``, ``edges``, ``kind``,
        ``weighted``, ``symmetric``, ``self_loops``, degrees of both ends (``mean``, ``max``, ``isolated``:
        how many nodes have no edge), ``homophily`` (below), ``counts`` and ``warnings`` of its builder;
        ``tasks``: by task ``labelled`` and the entities of each part of the split;
        ``memory``: estimated bytes of full-batch training.

        Homophily is measured among training entities alone, so that no held-out label shows. By task: for a
        classification the share of edges whose ends have the same label, and what chance would give; for a
        regression the correlation of the two ends; and the number of edges counted.
    """
    return {
        "name": graph.name,
        "fingerprint": graph.fingerprint(),
        "nodes": {t.name: _node_summary(graph, t) for t in graph.schema.node_types},
        "relations": {
            _label(graph.schema, t): _relation_summary(graph, t)
            for t in graph.schema.edge_types
            if t.reverse_of is None
        },
        "tasks": {name: _task_summary(graph, name, task) for name, task in graph.tasks.items()},
        "memory": estimate_memory(graph.schema, hidden_channels=hidden_channels, num_layers=num_layers),
    }


def estimate_memory(
    schema: GraphSchema, *, hidden_channels: int = 128, num_layers: int = 2
) -> dict[str, int]:
    """Return a rough estimate of the memory of full-batch training, in bytes.

    It is for layers that make one message for each edge, as PyG's do; fused kernels need less.

    Args:
        schema: The graph's schema.
        hidden_channels: The width of the model.
        num_layers: The number of its layers.

    Returns:
        ``features``, ``edges`` (indices and weights), ``activations`` and their ``total``.

    Example:
        >>> from mmgraph.graph.schema import NodeType
        >>> schema = GraphSchema((NodeType("a", 10, 0, "a"), NodeType("a/x", 10, 5, "a", "x", "text")), ())
        >>> estimate_memory(schema, hidden_channels=16, num_layers=1)["features"]
        200
    """
    nodes = sum(t.num_nodes for t in schema.node_types)
    edges = sum(t.num_edges for t in schema.edge_types)
    features = sum(t.num_nodes * t.channels for t in schema.node_types) * _FLOAT
    indices = edges * 2 * _INT64 + sum(t.num_edges for t in schema.edge_types if t.weighted) * _FLOAT
    hidden = (nodes * _NODE_COPIES + edges * _EDGE_COPIES) * hidden_channels * _FLOAT * num_layers
    return {
        "features": features,
        "edges": indices,
        "activations": hidden,
        "total": features + indices + hidden,
    }


def _label(schema: GraphSchema, edge_type: EdgeType) -> str:
    """Return how a relation is called: by its name, and by its ends where others have the name too."""
    if edge_type.kind != "of" and schema.relations.count(edge_type.name) == 1:
        return edge_type.name
    return " ".join(edge_type.triple)


def _node_summary(graph: Graph, node_type: NodeType) -> dict[str, Any]:
    summary: dict[str, Any] = {"count": node_type.num_nodes, "channels": node_type.channels}
    if node_type.modality is not None:
        table = graph.nodes[node_type.name]
        there = table["entity_index"].nunique()
        summary["kind"] = node_type.kind
        summary["missing"] = 1 - there / graph.schema.node_type(node_type.entity).num_nodes
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
        "self_loops": int((source == target).sum()) if homogeneous else 0,
        "source_degree": _degrees(source, num_sources),
        "target_degree": _degrees(target, num_targets),
        "homophily": {
            name: _homophily(graph, edge_type, name, task)
            for name, task in graph.tasks.items()
            if edge_type.kind != "of" and _entities(graph.schema, edge_type) == {task.entity}
        },
        "counts": built.get("counts", {}),
        "warnings": built.get("warnings", []),
    }


def _degrees(ends: NDArray[np.int64], num_nodes: int) -> dict[str, Any]:
    degrees = np.bincount(ends, minlength=num_nodes)
    return {
        "mean": float(degrees.mean()) if num_nodes else 0.0,
        "max": int(degrees.max(initial=0)),
        "isolated": int((degrees == 0).sum()),
    }


def _entities(schema: GraphSchema, edge_type: EdgeType) -> set[str]:
    return {schema.node_type(end).entity for end in (edge_type.source, edge_type.target)}


def _homophily(graph: Graph, edge_type: EdgeType, name: str, task: TaskSpec) -> dict[str, Any]:
    """Return how alike the ends of the edges between training entities are."""
    table = graph.nodes[task.entity]
    label = table[f"target:{name}"]
    known = (label.notna() & (table[f"split:{name}"] == "train")).to_numpy()
    source, target = (
        _rows(graph, end)[ends]
        for end, ends in zip(
            (edge_type.source, edge_type.target), graph.edge_index[edge_type.triple], strict=True
        )
    )
    # An edge between two nodes of one entity, or from a node to itself, says nothing about neighbours.
    counted = known[source] & known[target] & (source != target)
    left, right = label.iloc[source[counted]], label.iloc[target[counted]]
    summary: dict[str, Any] = {"edges": int(counted.sum())}
    if task.kind == "regression":
        return summary | {"correlation": _correlation(left.to_numpy(float), right.to_numpy(float))}
    same = (left.to_numpy(object) == right.to_numpy(object)).mean() if counted.any() else None
    shares = label[known].value_counts(normalize=True)
    return summary | {
        "same_label": None if same is None else float(same),
        "by_chance": float((shares**2).sum()) if known.any() else None,
    }


def _rows(graph: Graph, node_type: str) -> NDArray[np.int64]:
    """Return the row of each node's entity in the entity table."""
    table = graph.nodes[node_type]
    rows = table["entity_index"] if "entity_index" in table else pd.RangeIndex(len(table))
    return rows.to_numpy()


def _correlation(left: NDArray[np.float64], right: NDArray[np.float64]) -> float | None:
    if len(left) < 2 or left.std() == 0 or right.std() == 0:
        return None
    return float(np.corrcoef(left, right)[0, 1])


def _task_summary(graph: Graph, name: str, task: TaskSpec) -> Mapping[str, Any]:
    table = graph.nodes[task.entity]
    labelled = table[f"target:{name}"].notna()
    parts = table[f"split:{name}"]
    return {
        "entity": task.entity,
        "kind": task.kind,
        "labelled": int(labelled.sum()),
        **{part: int((labelled & (parts == part)).sum()) for part in ("train", "validation", "test")},
    }
