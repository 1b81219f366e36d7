"""A graph as PyG's ``HeteroData`` and as a networkx multigraph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import torch
from torch_geometric.data import HeteroData

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph


def to_hetero_data(graph: Graph) -> HeteroData:
    """Return a graph as ``HeteroData``; features and edges share memory with the graph.

    Args:
        graph: The graph.

    Returns:
        ``x`` for every node type (entities: float32 [N, 0]), ``entity_index`` int64 [M] for modalities,
        ``position`` int64 [M] for those that are sequences,
        ``edge_index`` int64 [2, E] for every edge type, and where there are such ``edge_weight`` float32 [E],
        ``edge_attr`` float32 [E, F] and ``time`` int64 [E].
    """
    data = HeteroData()
    for node_type in graph.schema.node_types:
        store = data[node_type.name]
        if node_type.modality is None:
            store.x = torch.empty((node_type.num_nodes, 0))
        else:
            store.x = _tensor(graph.features[node_type.name])
            table = graph.nodes[node_type.name]
            for column in ("entity_index", "position"):
                if column in table:
                    store[column] = _tensor(table[column].to_numpy())
    for triple, index in graph.edge_index.items():
        data[triple].edge_index = _tensor(index)
    for triple, weight in graph.edge_weight.items():
        data[triple].edge_weight = _tensor(weight)
    for triple, attr in graph.edge_attr.items():
        data[triple].edge_attr = _tensor(attr)
    for triple, time in graph.edge_time.items():
        data[triple].time = _tensor(time)
    return data


def _tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    """Return an array as a tensor on the same memory where torch can write to it, else as a copy."""
    return torch.from_numpy(array if array.flags.writeable and array.flags.c_contiguous else array.copy())


def to_networkx(graph: Graph, *, reverse: bool = False) -> nx.MultiDiGraph:
    """Return a graph as a networkx multigraph.

    Args:
        graph: The graph.
        reverse: Also add the edges of reverse relations.

    Returns:
        Nodes ``(node type, id)``, elements of a sequence ``(node type, id, position)``, with ``type`` and the
        columns of the node table but the previews; edges with the relation's name as key, and ``weight``
        where there is one.
    """
    result = nx.MultiDiGraph(name=graph.name)
    keys: dict[str, list[tuple[Any, ...]]] = {}
    for name, table in graph.nodes.items():
        labels = [table[column] for column in ("id", "position") if column in table]
        keys[name] = [(name, *label) for label in zip(*labels, strict=True)]
        attributes = table.drop(columns=["id", "preview"], errors="ignore").to_dict("records")
        result.add_nodes_from(
            (key, {"type": name} | {str(k): v for k, v in row.items()})
            for key, row in zip(keys[name], attributes, strict=True)
        )
    for edge_type in graph.schema.edge_types:
        if edge_type.reverse_of is not None and not reverse:
            continue
        triple = edge_type.triple
        source, target = graph.edge_index[triple].tolist()
        sources, targets = keys[edge_type.source], keys[edge_type.target]
        weights = graph.edge_weight.get(triple)
        values = [{}] * len(source) if weights is None else [{"weight": w} for w in weights.tolist()]
        result.add_edges_from(
            (sources[s], targets[t], edge_type.name, value)
            for s, t, value in zip(source, target, values, strict=True)
        )
    return result
