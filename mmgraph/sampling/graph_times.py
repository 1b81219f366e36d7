"""When nodes and edges of a graph come into being, for samples that keep to times.

Shapes: N nodes of a type, E edges of a relation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mmgraph.graph import Graph
from mmgraph.graph.schema import EdgeType
from mmgraph.sampling.features import entity_index
from mmgraph.sampling.times import Times, latest, read_times

TIME = "time"
"""The column of an entity type's node table that says when each entity comes into being."""


def entity_times(graph: Graph) -> dict[str, NDArray[np.float64]]:
    """Return the times of entities, float64 [N], by entity type that has times.

    An entity whose time is not known comes after all others, as new ones do that have joined the graph.

    Args:
        graph: The graph.
    """
    found = {}
    for node_type in graph.schema.node_types:
        if node_type.modality is None and TIME in graph.nodes[node_type.name]:
            times = graph.nodes[node_type.name][TIME].to_numpy(dtype=np.float64)
            found[node_type.name] = np.where(np.isnan(times), np.inf, times)
    return found


def edge_times(graph: Graph, edge_type: EdgeType, times: Mapping[str, NDArray[np.float64]]) -> Times | None:
    """Return from when on each edge is there: neither it nor one of its ends is later.

    A node of a modality is there as soon as its entity. Edges between the two have no times: they are there
    as soon as either is.

    Args:
        graph: The graph.
        edge_type: One of its edge types that is no reverse of another.
        times: What :func:`entity_times` returns.

    Returns:
        [E], in the order of the edges; nothing for edges that have always been there.
    """
    if edge_type.kind == "of":
        return None
    edges = graph.edges[edge_type.triple]
    parts = [] if edges.time is None else [Times(np.asarray(edges.time), fractional=False)]
    num_target = graph.schema.node_type(edge_type.target).num_nodes
    indptr, indices = edges.compressed(num_target)
    for end in ("source", "target"):
        node_type = graph.schema.node_type(getattr(edge_type, end))
        if node_type.entity in times:
            own = read_times(times[node_type.entity], f"{node_type.entity}: {TIME}")
            if node_type.modality is not None:
                own = own[entity_index(graph, node_type)]
            nodes = indices if end == "source" else np.repeat(np.arange(num_target), np.diff(indptr))
            parts.append(own[nodes])
    return latest(parts) if parts else None
