"""A graph as PyG's ``HeteroData``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
