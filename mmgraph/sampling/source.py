"""What the sampler reads of a ``Graph`` or a ``HeteroData``: sizes, edges, weights, times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.data import HeteroData

from mmgraph.counted import counted
from mmgraph.errors import ConfigError, Faults, GraphError, did_you_mean
from mmgraph.graph import Graph, Triple
from mmgraph.sampling.adjacency import Adjacency, adjacency_of_edges, adjacency_of_graph
from mmgraph.sampling.graph_times import TIME, edge_times, entity_times
from mmgraph.sampling.times import Times, read_times


@dataclass(frozen=True)
class Source:
    """A graph as the sampler reads it.

    Args:
        sizes: Number of nodes by node type.
        adjacency: By edge type, its edges.
        node_time: By node type that has times, each node's, [N].
    """

    sizes: dict[str, int]
    adjacency: Mapping[Triple, Adjacency]
    node_time: dict[str, Times] = field(default_factory=dict)

    def check_edge_type(self, triple: Triple | None, where: str) -> None:
        """Make sure that an edge type is there.

        Raises:
            GraphError: If it is not.
        """
        if triple not in self.adjacency:
            known, name = [" -> ".join(known) for known in self.adjacency], " -> ".join(triple or ())
            raise GraphError(f"there is no edge type {name!r}", where=where, fix=did_you_mean(name, known))

    def check_nodes(self, name: str, node: NDArray[np.int64], where: str) -> None:
        """Make sure that nodes, int64 [B], are there.

        Raises:
            GraphError: If their type or one of them is not.
        """
        if name not in self.sizes:
            raise GraphError(
                f"there is no node type {name!r}", where=where, fix=did_you_mean(str(name), self.sizes)
            )
        size = self.sizes[name]
        if node.size and not 0 <= node.min() <= node.max() < size:
            wrong = node.min() if node.min() < 0 else node.max()
            raise GraphError(
                f"names the node {wrong}; wanted 0 to {size - 1}",
                where=where,
                fix=f"Give nodes of the type {name!r}.",
            )


def read_source(data: Graph | HeteroData, *, weight_attr: str | None, time_attr: str | None) -> Source:
    """Return a graph as the sampler reads it.

    Args:
        data: The graph.
        weight_attr: The name of the edge types' weights; ``edge_weight`` in a graph of mmgraph.
        time_attr: The name of the times of node types or of edge types; ``time`` in a graph of mmgraph, where
            entities and edges may have times.

    Raises:
        ConfigError: If no type has such an attribute, or node types and edge types of a ``HeteroData`` have.
        GraphError: If edges, weights or times cannot be used; all faults at once.
    """
    if isinstance(data, Graph):
        return _of_graph(data, weight_attr, time_attr)
    if not isinstance(data, HeteroData):
        raise ConfigError(
            f"got {type(data).__name__}; wanted a Graph, a HeteroData or a Data",
            where="data",
            fix="Make one of them of it.",
        )
    return _of_hetero_data(data, weight_attr, time_attr)


def _of_graph(graph: Graph, weight_attr: str | None, time_attr: str | None) -> Source:
    if weight_attr not in (None, "edge_weight") or (weight_attr and not graph.schema.weighted):
        raise _no_such("weight_attr", weight_attr, ["edge_weight"] if graph.schema.weighted else [])
    nodes = entity_times(graph) if time_attr is not None else {}
    timed = bool(nodes) or any(edge_type.timed for edge_type in graph.schema.edge_types)
    if time_attr not in (None, TIME) or (time_attr and not timed):
        raise _no_such("time_attr", time_attr, [TIME] if timed else [])
    adjacency: dict[Triple, Adjacency] = {}
    for edge_type in graph.schema.edge_types:
        stored = edge_type
        if edge_type.reverse_of is not None:
            stored = graph.schema.edge_type((edge_type.target, edge_type.reverse_of, edge_type.source))
        times = edge_times(graph, stored, nodes) if time_attr is not None else None
        adjacency[edge_type.triple] = adjacency_of_graph(graph, edge_type.triple, time=times)
    return Source(
        {t.name: t.num_nodes for t in graph.schema.node_types},
        adjacency,
        {name: read_times(times, f"{name}: {TIME}") for name, times in nodes.items()},
    )


def _of_hetero_data(data: HeteroData, weight_attr: str | None, time_attr: str | None) -> Source:
    node_types, triples = data.metadata()
    timed_nodes = [name for name in node_types if time_attr is not None and time_attr in data[name]]
    timed_edges = [triple for triple in triples if time_attr is not None and time_attr in data[triple]]
    weighted = [triple for triple in triples if weight_attr is not None and weight_attr in data[triple]]
    if weight_attr is not None and not weighted:
        known = {key for triple in triples for key in data[triple].to_dict()}
        raise _no_such("weight_attr", weight_attr, sorted(known - {"edge_index"}))
    if time_attr is not None and bool(timed_nodes) == bool(timed_edges):
        if timed_nodes:
            raise ConfigError(
                f"node types and edge types have {time_attr!r}",
                where="time_attr",
                fix="Keep the times of one kind.",
            )
        raise _no_such("time_attr", time_attr, [])
    timed = [*timed_nodes, *timed_edges]
    faults = Faults()
    times, weights, sizes = {}, {}, {}
    for name in node_types:
        sizes[name] = _size(data, name, faults)
    for key in timed:
        where, size = f"data[{key!r}].{time_attr}", sizes[key] if key in sizes else data[key].num_edges
        try:
            times[key] = read_times(data[key][time_attr], where)
            _check_length(times[key].ordered, size, where)
        except GraphError as error:
            faults.extend(error)
    for triple in weighted:
        where = f"data[{triple!r}].{weight_attr}"
        try:
            weights[triple] = _weights(data[triple][weight_attr], where)
            _check_length(weights[triple], data[triple].num_edges, where)
        except GraphError as error:
            faults.extend(error)
    faults.raise_if_any(GraphError)
    adjacency = {}
    for triple in triples:
        source, _, target = triple
        edge_index = data[triple].edge_index.detach().cpu().numpy()
        adjacency[triple] = adjacency_of_edges(
            edge_index,
            sizes[source],
            sizes[target],
            weight=weights.get(triple),
            time=times.get(triple),
            source_time=times.get(source),
            where=f"data[{triple!r}].edge_index",
        )
    return Source(sizes, adjacency, {name: times[name] for name in timed_nodes})


def _no_such(where: str, name: str | None, known: list[str]) -> ConfigError:
    there = f"There are: {', '.join(known)}." if known else "Set it, or leave the argument out."
    return ConfigError(f"no type has {name!r}", where=where, fix=there)


def _size(data: HeteroData, name: str, faults: Faults) -> int:
    size = data[name].num_nodes
    if size is None:
        faults.add(f"data[{name!r}]", "does not tell how many nodes there are", "Set its num_nodes.")
    return int(size or 0)


def _weights(values: Any, where: str) -> NDArray[np.float32]:
    weight: NDArray[np.float32] = torch.as_tensor(values).detach().cpu().to(torch.float32).numpy()
    wrong = np.flatnonzero(~(np.isfinite(weight) & (weight > 0)))
    if wrong.size:
        raise GraphError(
            f"{counted(wrong.size, 'weight is', 'weights are')} not above 0 or not finite, first "
            f"{weight[wrong[0]]:g} for edge {wrong[0]}",
            where=where,
            fix="Leave such edges out: an edge without weight is no edge.",
        )
    return weight


def _check_length(values: NDArray[Any], size: int, where: str) -> None:
    if values.shape != (size,):
        raise GraphError(
            f"got shape {values.shape}; wanted ({size},)", where=where, fix="Give one number a row."
        )
