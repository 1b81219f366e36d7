"""Edge sets: checked, merged and sorted as they come from a builder, reversed, and in compressed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmgraph.errors import Faults, GraphError
from mmgraph.graph.relation import Edges

_CONTRACT = "Give (source_index, target_index), (source_index, target_index, weight) or an int array [2, E]."


def read_edges(result: Any, num_sources: int, num_targets: int, *, where: str) -> Edges:
    """Return what a relation builder gave as edges, if it is edges between these nodes.

    Args:
        result: :class:`Edges`, two index arrays, the two and weights, or an integer array [2, E]. Tensors and
            lists do as well.
        num_sources: The number of source nodes.
        num_targets: The number of target nodes.
        where: The relation, for messages.

    Raises:
        GraphError: If it is something else; all faults at once.
    """
    if isinstance(result, Edges):
        parts: tuple[Any, ...] = (result.source, result.target, result.weight)
    elif isinstance(result, tuple) and len(result) in (2, 3):
        parts = (*result, None)[:3]
    else:
        parts = (*_rows(result, where), None)
    faults = Faults()
    source = _indices(parts[0], num_sources, "source", where, faults)
    target = _indices(parts[1], num_targets, "target", where, faults)
    if not faults.found and len(source) != len(target):
        faults.add(where, f"gave {len(source)} source indices but {len(target)} target indices", _CONTRACT)
    weight = None if parts[2] is None else _weights(parts[2], len(source), where, faults)
    faults.raise_if_any(GraphError)
    return Edges(source, target, weight)


def _rows(result: Any, where: str) -> Any:
    """Return the two rows of an edge index."""
    array = _array(result) if hasattr(result, "__array__") or isinstance(result, list) else None
    if array is None or array.ndim != 2:
        came = "nothing" if result is None else f"{type(result).__name__}"
        shape = f" of shape {array.shape}" if array is not None else ""
        raise GraphError(f"gave {came}{shape}; wanted edges", where=where, fix=_CONTRACT)
    if len(array) != 2:
        fix = "Transpose it." if array.shape[1] == 2 else _CONTRACT
        raise GraphError(f"gave an array of shape {array.shape}; wanted [2, E]", where=where, fix=fix)
    return array


def _array(values: Any) -> NDArray[Any] | None:
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError):
        # Ragged lists, or a tensor that has a gradient or is on another device.
        return None


def _indices(values: Any, num_nodes: int, end: str, where: str, faults: Faults) -> NDArray[np.int64]:
    array = _array(values)
    nothing = np.empty(0, dtype=np.int64)
    if array is not None and array.ndim == 1 and array.size == 0:
        return nothing
    if array is None or array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        came = "no array" if array is None else f"{array.dtype} of shape {array.shape}"
        faults.add(where, f"gave {came} as {end} indices; wanted whole numbers [E]", _CONTRACT)
        return nothing
    wrong = np.flatnonzero((array < 0) | (array >= num_nodes))
    if len(wrong):
        faults.add(
            where,
            f"gave {len(wrong)} {end} indices out of range, first {array[wrong[0]]} for edge {wrong[0]}; "
            f"wanted 0 to {num_nodes - 1}",
            f"Index the {num_nodes} {end} nodes in the order in which they are given.",
        )
    return array.astype(np.int64)


def _weights(values: Any, num_edges: int, where: str, faults: Faults) -> NDArray[np.float32] | None:
    array = _array(values)
    numeric = array is not None and (
        np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)
    )
    if array is None or not numeric or array.shape != (num_edges,):
        came = "no array" if array is None else f"{array.dtype} of shape {array.shape}"
        faults.add(
            where, f"gave {came} as weights; wanted numbers [{num_edges}], one for each edge", _CONTRACT
        )
        return None
    weight = array.astype(np.float32)
    wrong = np.flatnonzero(~(np.isfinite(weight) & (weight > 0)))
    if len(wrong):
        faults.add(
            where,
            f"gave {len(wrong)} weights that are not finite or not above 0, first {array[wrong[0]]} for edge "
            f"{wrong[0]}",
            "Leave such edges out, or shift the weights.",
        )
    return weight


@dataclass(frozen=True)
class Merged:
    """Edges as a graph stores them: sorted by (target, source), no pair twice.

    Args:
        edge_index: int64 [2, E].
        edge_weight: float32 [E], or nothing.
        duplicates: How many edges were merged into others.
        self_loops: How many edges lead from a node to itself.
    """

    edge_index: NDArray[np.int64]
    edge_weight: NDArray[np.float32] | None
    duplicates: int
    self_loops: int


def merge(edges: Edges, num_sources: int, *, homogeneous: bool, symmetric: bool) -> Merged:
    """Return the edges sorted, with duplicates merged: the weight of a pair is the sum of its weights.

    Args:
        edges: The edges of a builder.
        num_sources: The number of source nodes.
        homogeneous: Whether source and target are the same node type.
        symmetric: Store every edge in both directions. A pair that came in both counts once, with the mean of
            the two weights, so that it does not matter whether a table lists a border once or twice.

    Example:
        >>> edges = Edges(np.array([0, 2, 0]), np.array([1, 0, 1]), np.array([1.0, 5.0, 2.0], np.float32))
        >>> merged = merge(edges, 3, homogeneous=True, symmetric=False)
        >>> merged.edge_index.tolist(), merged.edge_weight.tolist(), merged.duplicates
        ([[2, 0], [0, 1]], [5.0, 3.0], 1)
    """
    source, target, weight = _unique(edges.source, edges.target, edges.weight, num_sources)
    duplicates = len(edges) - len(source)
    if symmetric:
        both = np.concatenate([source, target]), np.concatenate([target, source])
        doubled = None if weight is None else np.concatenate([weight, weight])
        source, target, weight = _unique(*both, doubled, num_sources, mean=True)
    self_loops = int((source == target).sum()) if homogeneous else 0
    narrow = None if weight is None else weight.astype(np.float32)
    return Merged(np.stack([source, target]), narrow, duplicates, self_loops)


def _unique(
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    weight: NDArray[np.floating[Any]] | None,
    num_sources: int,
    *,
    mean: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64] | None]:
    """Return the pairs sorted by (target, source), each once, with the sum or mean of its weights."""
    keys = target * max(num_sources, 1) + source
    if weight is None:
        target, source = np.divmod(np.unique(keys), max(num_sources, 1))
        return source, target, None
    unique, position, times = np.unique(keys, return_inverse=True, return_counts=True)
    # Of no weights at all numpy's bincount is one of integers.
    total = np.bincount(position, weights=weight, minlength=len(unique)).astype(np.float64)
    if mean:
        total /= times
    target, source = np.divmod(unique, max(num_sources, 1))
    return source, target, total


def reverse(
    edge_index: NDArray[np.int64], edge_weight: NDArray[np.float32] | None
) -> tuple[NDArray[np.int64], NDArray[np.float32] | None]:
    """Return the edges the other way round, sorted by (target, source) again.

    Example:
        >>> reverse(np.array([[2, 0, 1], [0, 1, 1]]), None)[0].tolist()
        [[1, 1, 0], [0, 1, 2]]
    """
    # The edges are sorted by their targets, so a stable sort by source leaves those sorted within it.
    order = np.argsort(edge_index[0], kind="stable")
    return edge_index[::-1][:, order], None if edge_weight is None else edge_weight[order]


def compress(edge_index: NDArray[np.int64], num_targets: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return sorted edges in compressed-sparse-column form: ``indptr`` [N + 1] and ``indices`` [E].

    The numbers are 32 bits wide where they fit, which halves the files.
    """
    degrees = np.bincount(edge_index[1], minlength=num_targets)
    indptr = np.concatenate([[0], np.cumsum(degrees)])
    indices = edge_index[0]
    return _narrow(indptr), _narrow(indices)


def decompress(indptr: NDArray[Any], indices: NDArray[Any]) -> NDArray[np.int64]:
    """Return the ``edge_index`` int64 [2, E] of a compressed edge set.

    Example:
        >>> edge_index = np.array([[2, 0, 1], [0, 1, 1]])
        >>> decompress(*compress(edge_index, 4)).tolist() == edge_index.tolist()
        True
    """
    target = np.repeat(np.arange(len(indptr) - 1, dtype=np.int64), np.diff(indptr))
    return np.stack([indices.astype(np.int64), target])


def _narrow(array: NDArray[np.int64]) -> NDArray[Any]:
    fits = array.size == 0 or int(array.max()) <= np.iinfo(np.int32).max
    return array.astype(np.int32 if fits else np.int64)
