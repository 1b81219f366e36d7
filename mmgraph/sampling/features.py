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
from mmgraph.graph.schema import NodeType
from mmgraph.sampling.adjacency import Adjacency
from mmgraph.sampling.attributes import (
    Attributes,
    Reversed,
    TensorRows,
    Values,
    attributes_of,
    other_attributes_of,
)
from mmgraph.sampling.copied_rows import copy_rows
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
    """Adds to a batch what the whole graph has for its nodes and edges, and for itself.

    Features of a graph that was opened from a folder are mapped into memory. Where there are more than
    256 MiB of them, rows are read from the files instead, and take no memory but their own. Rows of features
    that a graph keeps as float16 are float32 in a batch; what a ``HeteroData`` holds keeps its type.

    Args:
        data: The whole graph.
        adjacency: By edge type, its edges as the sampler reads them.

    Attributes:
        nodes: By name, e.g. ``x``, and by node type, what all nodes have, [N, ...].
        edges: By name, e.g. ``edge_weight``, and by edge type, what all edges carry, [E, ...].
    """

    def __init__(self, data: Graph | HeteroData, adjacency: Mapping[Triple, Adjacency]) -> None:
        is_graph = isinstance(data, Graph)
        self.nodes, self.edges = _of_graph(data, adjacency) if is_graph else attributes_of(data)
        self._widens = is_graph
        self._others = {} if is_graph else other_attributes_of(data)
        by_types = [*self.nodes.values(), *self.edges.values()]
        parts = [_stored(values) for by_type in by_types for values in by_type.values()]
        self._are_read = sum(part.nbytes for part in parts if _is_file(part)) > _MAPPED

    def __call__(self, batch: HeteroData) -> HeteroData:
        """Add them, in place; what PyG's loader has put there stays.

        Args:
            batch: What PyG's loader made of :func:`bare` and a sample: with ``n_id`` and ``e_id``.
        """
        for attributes, key in ((self.nodes, "n_id"), (self.edges, "e_id")):
            for name, by_type in attributes.items():
                for of_type, values in by_type.items():
                    if name not in batch[of_type]:
                        batch[of_type][name] = self.take(values, batch[of_type][key])
        for kind, others in self._others.items():
            store = batch if kind is None else batch[kind]
            for name, value in others.items():
                if name not in store:
                    store[name] = value
        return batch

    def take(self, values: Values, index: Tensor) -> Any:
        """Return rows of what nodes have or edges carry, those of arrays as a tensor.

        Args:
            values: [N, ...].
            index: int64 [B].
        """
        if isinstance(values, TensorRows):
            return values.take(index)
        rows = index.numpy()
        if isinstance(values, Reversed):
            return self._rows(values.values, values.position[rows].astype(np.int64))
        if isinstance(values, np.ndarray):
            return self._rows(values, rows)
        return [values[row] for row in rows]

    def _rows(self, values: NDArray[Any], rows: NDArray[np.int64]) -> Tensor:
        # numpy asks Linux for huge pages for a large result, torch does not, and would spend as much time on
        # getting pages as on copying.
        result = np.empty((rows.size, *values.shape[1:]), values.dtype)
        if self._are_read and _is_file(values):
            read_rows(values, rows, result)
        elif values.flags.c_contiguous:
            copy_rows(values, rows, result)
        else:
            # Nodes that were sampled are there: the check that this mode leaves out would cost a copy.
            np.take(values, rows, axis=0, out=result, mode="clip")
        tensor = torch.from_numpy(result)
        return tensor.float() if self._widens and values.dtype == np.float16 else tensor


def _of_graph(graph: Graph, adjacency: Mapping[Triple, Adjacency]) -> tuple[Attributes, Attributes]:
    nodes: Attributes = {"x": {}, "entity_index": {}}
    for node_type in graph.schema.node_types:
        name = node_type.name
        if node_type.modality is None:
            nodes["x"][name] = np.empty((node_type.num_nodes, 0), np.float32)
        else:
            stored = graph.stored_features
            nodes["x"][name] = stored[name] if name in stored else graph.features[name]
            nodes["entity_index"][name] = entity_index(graph, node_type)
    edges: Attributes = {"edge_weight": {}, "edge_attr": {}, "time": {}}
    for edge_type in graph.schema.edge_types:
        triple = edge_type.triple
        for name, there, values in (
            ("edge_weight", edge_type.weighted, graph.edge_weight),
            ("edge_attr", bool(edge_type.attr_names), graph.edge_attr),
            ("time", edge_type.timed, graph.edge_time),
        ):
            if there:
                position = adjacency[triple].position
                forward = (edge_type.target, edge_type.reverse_of or "", edge_type.source)
                edges[name][triple] = (
                    values[triple] if position is None else Reversed(values[forward], position)
                )
    return nodes, edges


def entity_index(graph: Graph, node_type: NodeType) -> NDArray[np.int64]:
    """Return the entity of each modality node, from the ``of`` edges: its table holds texts, and is large."""
    num_entities = graph.schema.node_type(node_type.entity).num_nodes
    indptr, indices = graph.edges[node_type.name, OF, node_type.entity].compressed(num_entities)
    result = np.empty(node_type.num_nodes, np.int64)
    counts = np.diff(indptr)
    # Mostly no entity has two; this is several times as fast then.
    once = counts.size == 0 or counts.max() <= 1
    result[indices] = np.flatnonzero(counts) if once else np.repeat(np.arange(num_entities), counts)
    return result


def _stored(values: Values) -> Any:
    return values.values if isinstance(values, Reversed) else values


def _is_file(values: Any) -> TypeGuard[np.memmap[Any, Any]]:
    """Return whether an array is all of a file's."""
    base: Any = values.base if isinstance(values, np.memmap) else None
    return isinstance(base, mmap.mmap) and bool(values.flags.c_contiguous)
