"""The shape of a graph: degrees, components, and which modalities entities have together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import EdgeType

QUANTILES = {"median": 0.5, "q90": 0.9, "q99": 0.99}
"""The quantiles of degrees that are told, beside mean and greatest."""


def degree_statistics(ends: NDArray[np.int64], num_nodes: int) -> dict[str, Any]:
    """Return how many edges the nodes at one end of a relation have.

    Args:
        ends: The nodes at that end, int64 [E].
        num_nodes: How many nodes there are.

    Returns:
        ``mean``, ``max``, ``isolated`` (how many nodes have no edge), the quantiles ``median``, ``q90`` and
        ``q99``, and ``histogram``: how many nodes have 0 edges, 1, 2 to 3, 4 to 7, 8 to 15, and so on.

    Example:
        >>> degree_statistics(np.array([0, 0, 0, 1]), 3)["histogram"]
        [1, 1, 1]
    """
    degrees = np.bincount(ends, minlength=num_nodes)
    counts = np.bincount(degrees) if num_nodes else np.zeros(1, dtype=np.int64)
    summed = np.cumsum(counts)
    # The smallest degree that at least this share of the nodes does not exceed.
    quantiles = {
        name: int(np.searchsorted(summed, share * num_nodes)) if num_nodes else 0
        for name, share in QUANTILES.items()
    }
    # log2 of powers of two is exact, and degrees are far from the limit of doubles.
    bins = np.zeros(len(counts), dtype=np.int64)
    bins[1:] = np.log2(np.arange(1, len(counts))).astype(np.int64) + 1
    return {
        "mean": float(degrees.mean()) if num_nodes else 0.0,
        "max": int(degrees.max(initial=0)),
        "isolated": int(counts[0]),
        **quantiles,
        "histogram": [int(n) for n in np.bincount(bins, weights=counts)],
    }


def components(graph: Graph, edge_types: Iterable[EdgeType]) -> dict[str, int]:
    """Return the weakly connected components that some relations make of the nodes that they can reach.

    Args:
        graph: The graph.
        edge_types: The relations; a reverse one adds nothing.

    Returns:
        ``nodes``, those of all node types at the ends of the relations; ``components``, a node without edges
        being one; ``largest``, the size of the largest; ``isolated``, the nodes without edges.
    """
    chosen = list(edge_types)
    ends = dict.fromkeys(end for t in chosen for end in (t.source, t.target))
    sizes = [graph.schema.node_type(name).num_nodes for name in ends]
    total = int(sum(sizes))
    if not total:
        return {"nodes": 0, "components": 0, "largest": 0, "isolated": 0}
    offsets = dict(zip(ends, np.cumsum([0, *sizes]).tolist(), strict=False))
    sources = [graph.edge_index[t.triple][0] + offsets[t.source] for t in chosen]
    targets = [graph.edge_index[t.triple][1] + offsets[t.target] for t in chosen]
    source = np.concatenate(sources).astype(np.int32 if total < 2**31 else np.int64)
    target = np.concatenate(targets).astype(source.dtype)
    reached = np.zeros(total, dtype=bool)
    reached[source] = reached[target] = True
    matrix = sp.csr_array((np.ones(len(source), dtype=np.int8), (source, target)), shape=(total, total))
    count, labels = connected_components(matrix, directed=False)
    return {
        "nodes": total,
        "components": int(count),
        "largest": int(np.bincount(labels).max()),
        "isolated": int((~reached).sum()),
    }


def modality_combinations(graph: Graph, entity: str) -> list[dict[str, Any]]:
    """Return which modalities entities have together, the commonest combination first.

    Args:
        graph: The graph.
        entity: The entity type.

    Returns:
        For each combination ``modalities``, their names, and ``count``, how many entities have just these;
        nothing for an entity type without modalities.
    """
    names = [t for t in graph.schema.node_types if t.entity == entity and t.modality is not None]
    if not names:
        return []
    there = np.zeros((graph.schema.node_type(entity).num_nodes, len(names)), dtype=bool)
    for column, node_type in enumerate(names):
        there[graph.nodes[node_type.name]["entity_index"].to_numpy(), column] = True
    packed, counts = np.unique(np.packbits(there, axis=1), axis=0, return_counts=True)
    masks = np.unpackbits(packed, axis=1, count=len(names)).astype(bool)
    order = np.argsort(-counts, kind="stable")
    return [
        {
            "modalities": [t.modality for t, is_there in zip(names, masks[row], strict=True) if is_there],
            "count": int(counts[row]),
        }
        for row in order
    ]
