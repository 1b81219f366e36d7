"""Brings the nodes and edges of a batch their features: only the rows that it needs are read."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from mmgraph.graph import Graph

# How many bytes of rows are read from files before their pages are let go of.
_HELD = 512 << 20


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

    Features of a graph that was opened from a folder are mapped into memory. They are read in no order, so
    the system is told not to read ahead; and what was read is given back from time to time, since mapped
    pages count as the process's own until somebody else needs them.

    Args:
        data: The whole graph.
    """

    def __init__(self, data: Graph | HeteroData) -> None:
        self._nodes, self._edges = _of_graph(data) if isinstance(data, Graph) else _of_hetero_data(data)
        maps = [_map_of(values) for store in (self._nodes, self._edges) for _, _, values in store]
        self._maps = [mapped for mapped in maps if mapped is not None]
        for mapped in self._maps:
            mapped.madvise(mmap.MADV_RANDOM)
        self._read = 0

    def __call__(self, batch: HeteroData) -> HeteroData:
        """Add them, in place.

        Args:
            batch: What PyG's loader made of :func:`bare` and a sample: with ``n_id`` and ``e_id``.
        """
        for store, key in ((self._nodes, "n_id"), (self._edges, "e_id")):
            for of_type, name, values in store:
                batch[of_type][name] = take_rows(values, batch[of_type][key])
                if self._maps:
                    self._read += batch[of_type][name].nbytes
        if self._read > _HELD:
            self._read = 0
            for mapped in self._maps:
                mapped.madvise(mmap.MADV_DONTNEED)
        return batch


def take_rows(values: NDArray[Any], index: Tensor) -> Tensor:
    """Return the rows of an array as a tensor.

    numpy asks Linux for huge pages for a large result, torch does not, and would spend as much time on
    getting pages as on copying.

    Args:
        values: [N, ...].
        index: int64 [B].
    """
    result = np.empty((index.numel(), *values.shape[1:]), values.dtype)
    # Nodes that were sampled are there: the check that this mode leaves out would cost a copy.
    np.take(values, index.numpy(), axis=0, out=result, mode="clip")
    return torch.from_numpy(result)


_Store = list[tuple[Any, str, NDArray[Any]]]


def _of_graph(graph: Graph) -> tuple[_Store, _Store]:
    nodes: _Store = []
    for node_type in graph.schema.node_types:
        name = node_type.name
        if node_type.modality is None:
            nodes.append((name, "x", np.empty((node_type.num_nodes, 0), np.float32)))
        else:
            nodes.append((name, "x", graph.features[name]))
            nodes.append((name, "entity_index", graph.nodes[name]["entity_index"].to_numpy()))
    return nodes, [(triple, "edge_weight", weight) for triple, weight in graph.edge_weight.items()]


def _of_hetero_data(data: HeteroData) -> tuple[_Store, _Store]:
    nodes = [
        (name, key, value.numpy())
        for name in data.node_types
        for key, value in data[name].items()
        if isinstance(value, Tensor) and data[name].is_node_attr(key)
    ]
    edges = [
        (triple, key, value.numpy())
        for triple in data.edge_types
        for key, value in data[triple].items()
        if isinstance(value, Tensor) and key != "edge_index" and data[triple].is_edge_attr(key)
    ]
    return nodes, edges


def _map_of(values: Any) -> mmap.mmap | None:
    """Return the file that an array is mapped from, if it is."""
    while isinstance(values, np.ndarray):
        values = values.base
    return values if isinstance(values, mmap.mmap) else None
