"""A graph from sparse matrices, one for each relation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.errors import Faults, GraphError, MMGraphError, did_you_mean
from mmgraph.graph.exchange.entity_table import entity_table
from mmgraph.graph.exchange.parts import Modality, Parts, name_fault
from mmgraph.graph.exchange.ties import untie
from mmgraph.graph.exchange.vectors import whole_vectors
from mmgraph.graph.graph import Graph
from mmgraph.graph.read_edges import read_edges
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import Triple

_PLACE = "matrices[{source!r}, {name!r}, {target!r}]"


def from_scipy(
    matrices: Mapping[Triple, Any],
    *,
    features: Mapping[str, Any] | None = None,
    nodes: Mapping[str, pd.DataFrame] | None = None,
    name: str = "scipy",
) -> Graph:
    """Return a graph that can be trained on from sparse matrices.

    Args:
        matrices: By source, name and target, any scipy sparse matrix or array [S, T]: rows are sources,
            columns are targets. Its elements are weights above 0; a matrix of nothing but ones, or of
            booleans, is a relation without weights. A stored 0 is refused.
        features: By modality node type (``product/image``), an array of numbers. With a matrix ``of`` from
            the modality to its entity type, [M, D]; without one, a row for each entity, [N, D], and missing
            where a row is NaN throughout.
        nodes: By entity type, a table of its nodes with ``id`` and, if they are known, ``title``, and ``y``
            and ``split`` (``train``, ``validation``, ``test``) for a task that is called after the entity
            type. An entity type that is not named is called by numbers from 0.
        name: The name of the graph.

    Returns:
        The graph.

    Raises:
        MMGraphError: If something cannot be used; all faults at once.

    Example:
        >>> cites = sp.csr_array(np.array([[0, 1, 0], [0, 0, 2.5], [0, 0, 0]]))
        >>> graph = from_scipy({("paper", "cites", "paper"): cites})
        >>> graph.edge_index["paper", "cites", "paper"].tolist()
        [[0, 1], [1, 2]]
    """
    faults = Faults()
    arrays = {node_type: np.asarray(values) for node_type, values in (features or {}).items()}
    given = dict(nodes or {})
    _check(matrices, arrays, given, faults)
    faults.raise_if_any(GraphError)
    sizes = _sizes(matrices, arrays, given, faults)
    faults.raise_if_any(GraphError)

    tables, tasks = {}, {}
    for node_type, size in sizes.items():
        if "/" not in node_type:
            numbered = pd.DataFrame({"id": [str(row) for row in range(size)]}, dtype=object)
            columns = given.get(node_type, numbered).reset_index(drop=True).astype(object)
            where = f"nodes[{node_type!r}]"
            tables[node_type], own = entity_table(columns, node_type, {}, where=where, faults=faults)
            if own:
                tasks[node_type] = own
    tied, whole = _features(matrices, arrays, faults)
    relations = {}
    for triple, matrix in matrices.items():
        try:
            relations[triple] = _edges(matrix, triple)
        except MMGraphError as error:
            faults.extend(error)
    faults.raise_if_any(GraphError)
    modalities, kept = untie(tied, relations, sizes, place=_PLACE, faults=faults)
    faults.raise_if_any(GraphError)
    ordered = {node_type: (whole | modalities)[node_type] for node_type in arrays}
    return Parts(name, tables, ordered, kept, tasks).graph(_PLACE)


def _check(
    matrices: Mapping[Triple, Any],
    arrays: Mapping[str, NDArray[Any]],
    nodes: Mapping[str, pd.DataFrame],
    faults: Faults,
) -> None:
    """Note keys and values that are nothing of the kind."""
    for triple, matrix in matrices.items():
        where = f"matrices[{triple!r}]"
        if not (isinstance(triple, tuple) and len(triple) == 3 and all(isinstance(t, str) for t in triple)):
            faults.add(where, "has no key (source, name, target)", "Name all three.")
        elif not sp.issparse(matrix) or matrix.ndim != 2 or matrix.dtype.kind not in "fiub":
            faults.add(where, f"got a {type(matrix).__name__}; wanted a sparse matrix of numbers")
    for node_type, array in arrays.items():
        where = f"features[{node_type!r}]"
        if node_type.count("/") != 1:
            fix = f"Write {node_type + '/x'!r}." if "/" not in node_type else "Write 'entity/modality'."
            faults.add(where, "is no modality of an entity type", fix)
        elif array.ndim != 2 or array.dtype.kind not in "fiub":
            faults.add(where, f"got {array.dtype} of shape {array.shape}; wanted numbers (rows, D)")
    for node_type, table in nodes.items():
        where = f"nodes[{node_type!r}]"
        if not isinstance(table, pd.DataFrame) or "id" not in table:
            faults.add(where, "is no table with a column 'id'", "Give a pandas.DataFrame.")


def _sizes(
    matrices: Mapping[Triple, Any],
    arrays: Mapping[str, NDArray[Any]],
    nodes: Mapping[str, pd.DataFrame],
    faults: Faults,
) -> dict[str, int]:
    """Return the number of nodes of every node type, about which all must agree."""
    found: dict[str, dict[int, str]] = {}
    for node_type, table in nodes.items():
        found.setdefault(node_type, {})[len(table)] = f"nodes[{node_type!r}]"
    for triple, matrix in matrices.items():
        for end, size in zip((triple[0], triple[2]), matrix.shape, strict=True):
            found.setdefault(end, {}).setdefault(int(size), f"matrices[{triple!r}]")
    for node_type, array in arrays.items():
        entity = node_type.partition("/")[0]
        owner = node_type if (node_type, "of", entity) in matrices else entity
        found.setdefault(owner, {}).setdefault(len(array), f"features[{node_type!r}]")
    for node_type, sizes in found.items():
        name_fault(node_type.partition("/")[0], f"node type {node_type!r}", faults)
        if len(sizes) > 1:
            told = ", ".join(f"{size} by {where}" for size, where in sizes.items())
            faults.add(f"node type {node_type!r}", f"has {told}", "Give all the same nodes.")
        if "/" in node_type and node_type not in arrays:
            faults.add(f"features[{node_type!r}]", "is missing", did_you_mean(node_type, arrays))
    return {node_type: next(iter(sizes)) for node_type, sizes in found.items()}


def _features(
    matrices: Mapping[Triple, Any], arrays: Mapping[str, NDArray[Any]], faults: Faults
) -> tuple[dict[str, NDArray[np.float32]], dict[str, Modality]]:
    """Return the features of nodes that ``of`` ties to entities, and those that have a row an entity."""
    tied, whole = {}, {}
    for node_type, array in arrays.items():
        entity, _, short = node_type.partition("/")
        where = f"features[{node_type!r}]"
        name_fault(short, where, faults)
        rows, values = whole_vectors(array, where=where, faults=faults)
        if (node_type, "of", entity) not in matrices:
            whole[node_type] = Modality(rows, values)
            continue
        if len(rows) < len(array):
            faults.add(
                where,
                f"{counted(len(array) - len(rows), 'row is', 'rows are')} NaN throughout",
                "Leave such nodes out.",
            )
        tied[node_type] = values
    return tied, whole


def _edges(matrix: Any, triple: Triple) -> Edges:
    """Return the elements of a matrix as edges, checked."""
    elements = matrix.tocoo()
    plain = elements.dtype.kind == "b" or bool((elements.data == 1).all())
    source, target = elements.row.astype(np.int64), elements.col.astype(np.int64)
    if elements.dtype.kind == "b":
        source, target = source[elements.data], target[elements.data]
    given = Edges(source, target, None if plain else elements.data)
    return read_edges(
        given, *matrix.shape, where=_PLACE.format(source=triple[0], name=triple[1], target=triple[2])
    )
