"""What nodes have and edges carry, in the forms in which it is kept, and rows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from mmgraph.graph import Triple

# What loaders make anew for each batch, or what would be links of the whole graph.
_OF_LOADERS = frozenset({"num_nodes", "edge_index", "adj", "adj_t", "edge_label_index", "edge_label_time"})
# Types of numbers that numpy has too.
_OF_NUMPY = frozenset(
    {torch.float16, torch.float32, torch.float64, torch.complex64, torch.complex128, torch.bool}
    | {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
)


@dataclass(frozen=True, eq=False)
class Reversed:
    """What the edges of a reverse relation carry: that of the forward ones, which is not copied.

    Args:
        values: What the forward edges carry, [E, ...].
        position: Where each edge of the reverse relation stands among them, [E].
    """

    values: NDArray[Any]
    position: NDArray[Any]


@dataclass(frozen=True, eq=False)
class TensorRows:
    """A tensor that stays one: numpy has no such numbers, it has a gradient, or its rows are not the first.

    Args:
        values: Along one dimension, one for each node or edge.
        dim: That dimension.
    """

    values: Tensor
    dim: int

    def take(self, index: Tensor) -> Tensor:
        """Return some of it, through which a gradient flows if it has one."""
        device = self.values.device
        return torch.index_select(self.values, self.dim, index.to(device)).cpu()


Values = NDArray[Any] | Reversed | TensorRows | Sequence[Any]
"""What all nodes of a type have or all edges of one carry, one after the other."""

Attributes = dict[str, dict[Any, Values]]
"""By name and by node type or edge type."""


def attributes_of(data: HeteroData) -> tuple[Attributes, Attributes]:
    """Return what nodes have and what edges carry by PyG's rules: one thing for each.

    Args:
        data: The graph.

    Example:
        >>> data = HeteroData()
        >>> data["a"].x, data["a"].name, data["a"].shop = torch.ones(2, 1), ["b", "c"], "d"
        >>> nodes, _ = attributes_of(data)
        >>> nodes["name"]["a"], sorted(nodes)
        (['b', 'c'], ['name', 'x'])
    """
    nodes: Attributes = {}
    for store in data.node_stores:
        for key, value in store.items():
            if key != "num_nodes" and store.is_node_attr(key):
                nodes.setdefault(key, {})[store._key] = _values(data, store, key, value)
    edges: Attributes = {}
    for store in data.edge_stores:
        for key, value in store.items():
            if key not in _OF_LOADERS and store.is_edge_attr(key):
                edges.setdefault(key, {})[store._key] = _values(data, store, key, value)
    return nodes, edges


def other_attributes_of(data: HeteroData) -> dict[str | Triple | None, dict[str, Any]]:
    """Return what belongs to a node type or an edge type as a whole, and to the graph under None.

    Args:
        data: The graph.
    """
    others: dict[str | Triple | None, dict[str, Any]] = {None: dict(data._global_store.items())}
    for store in [*data.node_stores, *data.edge_stores]:
        others[store._key] = {
            key: value
            for key, value in store.items()
            if key not in _OF_LOADERS and not store.is_node_attr(key) and not store.is_edge_attr(key)
        }
    return {kind: values for kind, values in others.items() if values}


def _values(data: HeteroData, store: Any, key: str, value: Any) -> Values:
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value) if value.dtype.kind in "biufc" else list(value)
    if not isinstance(value, Tensor):
        rows: Sequence[Any] = value
        return rows
    dim = data.__cat_dim__(key, value, store) % value.ndim
    if dim or value.requires_grad or value.dtype not in _OF_NUMPY or value.layout != torch.strided:
        return TensorRows(value, dim)
    array: NDArray[Any] = value.cpu().numpy()
    return array
