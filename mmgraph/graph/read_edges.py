"""What a relation builder gives, read as edges: every fault of it is told before anything is made of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.errors import Faults, GraphError
from mmgraph.graph.relation import Edges

_CONTRACT = (
    "Give a tuple (source_index, target_index) or (source_index, target_index, weight), a list of tuples "
    "(source, target) or (source, target, weight), or an int array [2, E]."
)

_MASKED = "an array some of whose values are masked"

_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
"""A name of an edge feature: without control characters."""


def read_edges(result: Any, num_sources: int, num_targets: int, *, where: str) -> Edges:
    """Return what a relation builder gave as edges, if it is edges between these nodes.

    Args:
        result: :class:`Edges`, whose arrays are taken over and must not be changed any more. Or a tuple of
            columns: two arrays, tensors or lists of indices, and perhaps one of weights. Or a list of edges:
            tuples of two indices, and perhaps a weight. Or an integer array or tensor [2, E], PyG's
            ``edge_index``. Lists in a list and tuples in a tuple could be edges as well as columns, and are
            refused.
        num_sources: The number of source nodes.
        num_targets: The number of target nodes.
        where: The relation, for messages.

    Raises:
        GraphError: If it is something else; all faults at once.
    """
    attr, time = None, None
    attr_names: Any = ()
    if isinstance(result, Edges):
        parts: tuple[Any, ...] = (result.source, result.target, result.weight)
        attr, attr_names, time = result.attr, result.attr_names, result.time
    else:
        parts = (*_columns(result, where), None)[:3]
    faults = Faults()
    own = isinstance(result, Edges)
    source = _indices(parts[0], num_sources, "source", where, faults, own=own)
    target = _indices(parts[1], num_targets, "target", where, faults, own=own)
    if not faults.found and len(source) != len(target):
        faults.add(
            where,
            f"gave {counted(len(source), 'source index', 'source indices')} but "
            f"{counted(len(target), 'target index', 'target indices')}",
            _CONTRACT,
        )
    weight = None if parts[2] is None else _weights(parts[2], len(source), where, faults)
    names = _names(attr_names, where, faults, wanted=attr is not None)
    if attr is not None and names is not None:
        attr = _attr(attr, len(source), names, where, faults)
    if time is not None:
        time = _times(time, len(source), where, faults)
    faults.raise_if_any(GraphError)
    return Edges(source, target, weight, attr, names or (), time)


def _columns(result: Any, where: str) -> Sequence[Any]:
    """Return sources, targets and, if there are any, weights."""
    for kind in (list, tuple):
        if isinstance(result, kind) and result and all(isinstance(one, kind) for one in result):
            came = f"gave a {kind.__name__} of {kind.__name__}s, which could be edges as well as columns"
            raise GraphError(came, where=where, fix=_CONTRACT)
    if isinstance(result, pd.DataFrame):
        columns = ", ".join(f"frame[{name!r}]" for name in list(result)[:2])
        raise GraphError(
            f"gave a DataFrame of {counted(result.shape[1], 'column')}, which does not say what each is",
            where=where,
            fix=f"Return its columns as a tuple (source_index, target_index), e.g. ({columns}).",
        )
    if isinstance(result, tuple) and len(result) in (2, 3):
        return result
    if isinstance(result, list):
        return _edges_as_columns(result, where)
    array = _array(result) if hasattr(result, "__array__") else None
    if array is None or array.ndim != 2:
        came = "nothing" if result is None else _MASKED if _is_masked(result) else type(result).__name__
        shape = f" of shape {array.shape}" if array is not None else ""
        raise GraphError(f"gave {came}{shape}; wanted edges", where=where, fix=_CONTRACT)
    if len(array) != 2:
        fix = "Transpose it." if array.shape[1] == 2 else _CONTRACT
        raise GraphError(f"gave an array of shape {array.shape}; wanted [2, E]", where=where, fix=fix)
    return list(array)


def _edges_as_columns(edges: list[Any], where: str) -> Sequence[Any]:
    """Return the columns of a list of edges."""
    for number, edge in enumerate(edges):
        if not isinstance(edge, tuple) or len(edge) not in (2, 3) or len(edge) != len(edges[0]):
            wanted = "two numbers, or three, as in the first one"
            problem = f"gave {edge!r:.60} as edge {number}; wanted a tuple of {wanted}"
            raise GraphError(problem, where=where, fix=_CONTRACT)
    return [list(column) for column in zip(*edges, strict=True)] or [[], []]


def _array(values: Any) -> NDArray[Any] | None:
    """Return values as an array; nothing if they are none, or some of them are masked."""
    if _is_masked(values):
        return None
    try:
        return np.asarray(values)
    except Exception:
        # Ragged lists, a tensor that has a gradient or is on another device, an __array__ that raises.
        return None


def _is_masked(values: Any) -> bool:
    return isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values)


def _came(values: Any, array: NDArray[Any] | None) -> str:
    """Return what stands where an array of another kind is wanted, for messages."""
    if _is_masked(values):
        return _MASKED
    return "no array" if array is None else f"{array.dtype} of shape {array.shape}"


def _indices(
    values: Any, num_nodes: int, end: str, where: str, faults: Faults, *, own: bool
) -> NDArray[np.int64]:
    """Return indices as int64; unless they are our own, in an array that nobody else has."""
    array = _array(values)
    nothing = np.empty(0, dtype=np.int64)
    if array is not None and array.ndim == 1 and array.size == 0:
        return nothing
    if array is None or array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        faults.add(
            where, f"gave {_came(values, array)} as {end} indices; wanted whole numbers [E]", _CONTRACT
        )
        return nothing
    wrong = np.flatnonzero((array < 0) | (array >= num_nodes))
    if len(wrong):
        faults.add(
            where,
            f"gave {counted(len(wrong), f'{end} index', f'{end} indices')} out of range, first "
            f"{array[wrong[0]]} for edge {wrong[0]}; "
            f"wanted 0 to {num_nodes - 1}",
            f"Index the {counted(num_nodes, f'{end} node')} in the order in which they are given.",
        )
    return array.astype(np.int64, copy=not own)


def _weights(values: Any, num_edges: int, where: str, faults: Faults) -> NDArray[np.float32] | None:
    array = _array(values)
    numeric = array is not None and (
        np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)
    )
    if array is None or not numeric or array.shape != (num_edges,):
        faults.add(
            where,
            f"gave {_came(values, array)} as weights; wanted numbers [{num_edges}], one for each edge",
            _CONTRACT,
        )
        return None
    with np.errstate(over="ignore"):
        weight = array.astype(np.float32)
    wrong = np.flatnonzero(~(np.isfinite(weight) & (weight > 0)))
    if len(wrong):
        faults.add(
            where,
            f"gave {counted(len(wrong), 'weight that is', 'weights that are')} not finite or not above 0, "
            f"first {array[wrong[0]]} for edge {wrong[0]}",
            "Leave such edges out, or shift the weights.",
        )
    return weight


def _names(names: Any, where: str, faults: Faults, *, wanted: bool) -> tuple[str, ...] | None:
    """Return the names of edge features, of which there are some if and only if they are wanted."""
    given = tuple(names) if isinstance(names, (list, tuple)) else None
    good = given is not None and all(isinstance(name, str) and _NAME.fullmatch(name) for name in given)
    if given is None or not good or len(set(given)) < len(given):
        faults.add(
            where,
            f"gave {names!r:.60} as attr_names; wanted a tuple of different texts, none empty or with "
            "control characters",
            "Name every column of the edge features.",
        )
        return None
    if given and not wanted:
        faults.add(
            where,
            f"gave {names!r:.60} as attr_names, and no edge features",
            "Give attr as well, or leave attr_names out.",
        )
    return given


def _attr(
    values: Any, num_edges: int, names: tuple[str, ...], where: str, faults: Faults
) -> NDArray[np.float32] | None:
    array = _array(values)
    numeric = array is not None and array.dtype.kind in "fiub"
    if array is None or not numeric or array.shape != (num_edges, len(names)) or not names:
        faults.add(
            where,
            f"gave {_came(values, array)} as edge features; wanted numbers [{num_edges}, {len(names)}], "
            "one column a name",
            "Give one row for each edge, and name every column in attr_names.",
        )
        return None
    with np.errstate(over="ignore"):
        wide: NDArray[np.float32] = array.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(wide).all(axis=1))
    if len(wrong):
        faults.add(
            where,
            f"gave {counted(len(wrong), 'edge')} whose features are not finite, first edge {wrong[0]}",
            "Mend them, or leave such edges out.",
        )
    return wide


def _times(values: Any, num_edges: int, where: str, faults: Faults) -> NDArray[np.int64] | None:
    array = _array(values)
    if array is None or array.dtype.kind not in "iu" or array.shape != (num_edges,):
        faults.add(
            where,
            f"gave {_came(values, array)} as times; wanted whole numbers [{num_edges}], one for each edge",
            "Give seconds since 1970, or whole numbers that rise with time.",
        )
        return None
    wrong = np.flatnonzero(array > np.iinfo(np.int64).max)
    if len(wrong):
        faults.add(
            where,
            f"gave {counted(len(wrong), 'time')} that {agreed(len(wrong), 'does', 'do')} not fit into int64, "
            f"first {array[wrong[0]]} for edge {wrong[0]}",
            "Give seconds since 1970, or smaller whole numbers.",
        )
    return array.astype(np.int64)
