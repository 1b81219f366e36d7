"""Brings the nodes and edges of a batch their features: only the rows that it needs are read."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from mmgraph.graph import Graph, Triple
from mmgraph.graph.schema import EdgeType, NodeType
from mmgraph.sampling import kernels
from mmgraph.sampling.fanout import OF
from mmgraph.sampling.file_rows import read_rows

# How many bytes of files may be mapped.
_MAPPED = 256 << 20


def bare(data: Graph | HeteroData) -> HeteroData:
    """Return a ``HeteroData`` of as many nodes and with the same types, but with no features and no edges.

    PyG's loaders put what was sampled into a copy of it, and :class:`Features` what belongs to that.
    """
    if isinstance(data, Graph):
        sizes = {t.name: t.num_nodes for t in data.schema.node_types}
        triples = data.schema.metadata[1]
    else:
        sizes = {name: data[name].num_nodes for name in data.node_types}
        triples = data.edge_types
    result = HeteroData()
    for name, size in sizes.items():
        result[name].num_nodes = size
    for triple in triples:
        result[triple].edge_index = torch.empty((2, 0), dtype=torch.int64)
    return result


class Features:
    """Adds to a batch what the whole graph has for its nodes and edges.

    Features of a graph that was opened from a folder are mapped into memory. Where there are more than
    256 MiB of them, rows are read from the files instead, and take no memory but their own.

    Args:
        data: The whole graph.

    Attributes:
        nodes: By name, e.g. ``x``, and by node type, what all nodes have, [N, ...].
        edges: By name, e.g. ``edge_weight``, and by edge type, what all edges carry, [E, ...].
    """

    def __init__(self, data: Graph | HeteroData) -> None:
        self.nodes, self.edges = _of_graph(data) if isinstance(data, Graph) else _of_hetero_data(data)
        by_types = [*self.nodes.values(), *self.edges.values()]
        mapped = [values for by_type in by_types for values in by_type.values() if _is_file(values)]
        self._are_read = sum(values.nbytes for values in mapped) > _MAPPED

    def __call__(self, batch: HeteroData) -> HeteroData:
        """Add them, in place.

        Args:
            batch: What PyG's loader made of :func:`bare` and a sample: with ``n_id`` and ``e_id``.
        """
        for store, key in ((self.nodes, "n_id"), (self.edges, "e_id")):
            for name, by_type in store.items():
                for of_type in by_type:
                    batch[of_type][name] = self.take(by_type[of_type], batch[of_type][key])
        return batch

    def take(self, values: NDArray[Any], index: Tensor) -> Tensor:
        """Return rows of one of the arrays as a tensor.

        numpy asks Linux for huge pages for a large result, torch does not, and would spend as much time on
        getting pages as on copying.

        Args:
            values: [N, ...].
            index: int64 [B].
        """
        rows = index.numpy()
        result = np.empty((rows.size, *values.shape[1:]), values.dtype)
        if self._are_read and _is_file(values):
            read_rows(values, rows, result)
        else:
            # Nodes that were sampled are there: the check that this mode leaves out would cost a copy.
            np.take(values, rows, axis=0, out=result, mode="clip")
        return torch.from_numpy(result)


_Store = dict[str, dict[Any, NDArray[Any]]]


def _of_graph(graph: Graph) -> tuple[_Store, _Store]:
    nodes: _Store = {"x": {}, "entity_index": {}}
    for node_type in graph.schema.node_types:
        name = node_type.name
        if node_type.modality is None:
            nodes["x"][name] = np.empty((node_type.num_nodes, 0), np.float32)
        else:
            nodes["x"][name] = graph.features[name]
            nodes["entity_index"][name] = _entity_index(graph, node_type)
    edges: _Store = {
        "edge_weight": {
            t.triple: _carried(graph, t, "edge_weight") for t in graph.schema.edge_types if t.weighted
        },
        "edge_attr": {
            t.triple: _carried(graph, t, "edge_attr") for t in graph.schema.edge_types if t.attr_names
        },
    }
    return nodes, edges


def _entity_index(graph: Graph, node_type: NodeType) -> NDArray[np.int64]:
    """Return the entity of each modality node, from the ``of`` edges: its table holds texts, and is large."""
    num_entities = graph.schema.node_type(node_type.entity).num_nodes
    indptr, indices = graph.edges[node_type.name, OF, node_type.entity].compressed(num_entities)
    result = np.empty(node_type.num_nodes, np.int64)
    result[indices] = np.repeat(np.arange(num_entities), np.diff(indptr))
    return result


def _carried(graph: Graph, edge_type: EdgeType, name: str) -> NDArray[Any]:
    """Return what edges carry, in their order; a reverse relation is not made for it."""
    values: Mapping[Triple, NDArray[Any]] = getattr(graph, name)
    if edge_type.reverse_of is None:
        return values[edge_type.triple]
    forward = (edge_type.target, edge_type.reverse_of, edge_type.source)
    sizes = {t.name: t.num_nodes for t in graph.schema.node_types}
    compressed = graph.edges[forward].compressed(sizes[edge_type.source])
    indptr, indices = (part.view(np.ndarray) for part in compressed)
    _, _, position = kernels.transpose(indptr, indices, sizes[edge_type.target])
    result: NDArray[Any] = np.asarray(values[forward])[position]
    return result


def _of_hetero_data(data: HeteroData) -> tuple[_Store, _Store]:
    nodes: _Store = {}
    for name in data.node_types:
        for key, value in data[name].items():
            if isinstance(value, Tensor) and data[name].is_node_attr(key):
                nodes.setdefault(key, {})[name] = value.numpy()
    edges: _Store = {}
    for triple in data.edge_types:
        for key, value in data[triple].items():
            if isinstance(value, Tensor) and key != "edge_index" and data[triple].is_edge_attr(key):
                edges.setdefault(key, {})[triple] = value.numpy()
    return nodes, edges


def _is_file(values: NDArray[Any]) -> TypeGuard[np.memmap[Any, Any]]:
    """Return whether an array is all of a file's."""
    base: Any = values.base if isinstance(values, np.memmap) else None
    return isinstance(base, mmap.mmap) and bool(values.flags.c_contiguous)
