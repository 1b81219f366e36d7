"""A relation's edges by target, as the sampler reads them: mapped from a graph folder or sorted once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmgraph.errors import GraphError
from mmgraph.graph import Graph, Triple
from mmgraph.graph.transpose import transpose
from mmgraph.sampling.rows import compress
from mmgraph.sampling.times import Times

_INT32 = np.iinfo(np.int32).max


@dataclass(frozen=True, eq=False)
class Adjacency:
    """The E edges of one relation, target after target.

    Args:
        num_source: Number of source nodes S.
        num_target: Number of target nodes N.
        indptr: Where each target's edges begin and end, int32 or int64 [N + 1].
        indices: The source of each edge, int32 or int64 [E].
        edge: Where each edge stands in the edge index that it came from, int64 [E]; None if that has the same
            order.
        weight: Weights, float32 [E], or nothing.
        weight_at: Where the weight of each edge stands among them, [E]; None if they have the same order.
        time: The time of each edge, ascending within a target, [E], or nothing.
        position: For each edge of a reverse relation's edge index, its place in that of the relation that it
            reverses, [E]; kept where edges carry something.
    """

    num_source: int
    num_target: int
    indptr: NDArray[Any]
    indices: NDArray[Any]
    edge: NDArray[np.int64] | None = None
    weight: NDArray[np.float32] | None = None
    weight_at: NDArray[Any] | None = None
    time: Times | None = None
    position: NDArray[Any] | None = None

    def edges(self, picks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where these edges stand in the edge index that they came from."""
        return picks if self.edge is None else self.edge[picks]

    def by_source(self) -> Adjacency:
        """Return the same edges, source after source, targets ascending within a source."""
        indptr, indices, _ = transpose(self.indptr, self.indices, self.num_source)
        return Adjacency(self.num_target, self.num_source, indptr, indices)


def adjacency_of_graph(graph: Graph, triple: Triple, *, time: Times | None = None) -> Adjacency:
    """Return a relation of a graph; one that a folder holds stays there, and is mapped into memory.

    So does a reverse relation, but for edges that were changed in memory: there it is made from the one that
    it reverses, in 4 bytes an edge, and 4 more to find what the edges carry; 8 each where numbers need them.

    Args:
        graph: The graph.
        triple: The edge type.
        time: From when on each edge is there, [E], in the order of the edges that are stored. Edges are then
            sorted in memory.
    """
    edge_type = graph.schema.edge_type(triple)
    sizes = {t.name: t.num_nodes for t in graph.schema.node_types}
    num_source, num_target = sizes[edge_type.source], sizes[edge_type.target]
    position = None
    if edge_type.reverse_of is None:
        edges = graph.edges[triple]
        indptr, indices = (_plain(array) for array in edges.compressed(num_target))
    else:
        edges = graph.edges[edge_type.target, edge_type.reverse_of, edge_type.source]
        carry = any(part is not None for part in (edges.weight, edges.attr, edges.time))
        wanted = carry or time is not None
        turned = edges.by_source(num_target, num_source, positions=wanted)
        indptr, indices = _plain(turned.indptr), _plain(turned.indices)
        position = None if turned.position is None or not wanted else _plain(turned.position)
        time = None if time is None or position is None else time[position]
        position = position if carry else None
    weight = None if edges.weight is None else _plain(edges.weight)
    if time is None:
        return Adjacency(
            num_source, num_target, indptr, indices, weight=weight, weight_at=position, position=position
        )
    by_time = np.argsort(time.ordered, kind="stable")
    target = np.repeat(np.arange(num_target), np.diff(indptr))
    order = by_time[compress(target[by_time], num_target)[1]]
    return Adjacency(
        num_source,
        num_target,
        indptr,
        indices[order],
        edge=order,
        weight=weight,
        weight_at=order if position is None else position[order],
        time=time[order],
        position=position,
    )


def adjacency_of_edges(
    edge_index: NDArray[np.int64],
    num_source: int,
    num_target: int,
    *,
    weight: NDArray[np.float32] | None = None,
    time: Times | None = None,
    source_time: Times | None = None,
    where: str = "edge_index",
) -> Adjacency:
    """Return edges that stand in any order, parallel ones and loops included; the edge index is only read.

    Args:
        edge_index: int64 [2, E], sources above targets.
        num_source: Number of source nodes.
        num_target: Number of target nodes.
        weight: float32 [E], above 0.
        time: [E].
        source_time: The times of the source nodes, [S], where edges have none of their own.
        where: What to call the edge index in an error.

    Raises:
        GraphError: If an edge names a node that is not there.

    Example:
        >>> adjacency = adjacency_of_edges(np.array([[2, 0, 1], [1, 0, 1]]), 3, 2)
        >>> adjacency.indptr, adjacency.indices
        (array([0, 1, 3]), array([0, 2, 1], dtype=int32))
    """
    for row, name, size in ((edge_index[0], "source", num_source), (edge_index[1], "target", num_target)):
        if row.size and not 0 <= row.min() <= row.max() < size:
            wrong = row.min() if row.min() < 0 else row.max()
            raise GraphError(
                f"an edge names the {name} node {wrong}; wanted 0 to {size - 1}",
                where=where,
                fix="Check that the edges belong to these nodes.",
            )
    time = source_time[edge_index[0]] if source_time is not None else time
    order = None if time is None else np.argsort(time.ordered, kind="stable")
    source, target = edge_index if order is None else edge_index[:, order]
    if order is None and bool((np.diff(target) >= 0).all()):
        indptr = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=num_target))])
    else:
        indptr, within = compress(target, num_target)
        source = source[within]
        order = within if order is None else order[within]
    return Adjacency(
        num_source,
        num_target,
        indptr,
        np.ascontiguousarray(source, np.int32 if num_source <= _INT32 else np.int64),
        order,
        weight=weight if weight is None or order is None else weight[order],
        time=time if time is None or order is None else time[order],
    )


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Return a mapped array as numpy's plain one on the same pages, which kernels are quicker to take."""
    return array.view(np.ndarray)
