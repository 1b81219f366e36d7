"""The hash of what a model can learn from a graph."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmgraph.data.id_index import text_array, text_buffers
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.layout import edges_path, table_path
from mmgraph.graph.schema import EdgeType
from mmgraph.hashing import Hasher

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph


def part_digests(graph: Graph, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a hash of each node table and of the edges of each edge type but reverse ones.

    Of a node table, ids, positions, times, targets and splits count.

    Args:
        graph: The graph.
        known: The hashes of parts that have been hashed before.

    Returns:
        By the path of the table or of the folder of the edges.
    """
    parts: dict[str, Callable[[], Hasher]] = {}
    for name in graph.nodes:
        parts[table_path(name)] = functools.partial(_hash_table, graph, name)
    for edge_type in graph.schema.edge_types:
        if edge_type.reverse_of is None:
            parts[edges_path(edge_type.triple)] = functools.partial(_hash_edges, graph, edge_type)
    found = dict(known or {})
    lacking = [path for path in parts if path not in found]
    with ThreadPoolExecutor() as threads:
        found.update(zip(lacking, threads.map(lambda path: parts[path]().hexdigest(), lacking), strict=True))
    return {path: found[path] for path in parts}


def _hash_edges(graph: Graph, edge_type: EdgeType) -> Hasher:
    num_targets = graph.schema.node_type(edge_type.target).num_nodes
    return add_edges(Hasher(), graph.edges[edge_type.triple], num_targets)


def _hash_table(graph: Graph, name: str) -> Hasher:
    table, hasher = graph.nodes[name], Hasher()
    for column in table.columns:
        if column in ("id", "position", "time") or column.startswith(("target:", "split:")):
            _add_column(hasher.text(column), table[column])
    return hasher


def fingerprint(graph: Graph, digests: Mapping[str, str] | None = None) -> str:
    """Return a hash of schema, tasks, ids, positions, times, targets, splits, features, inputs and edges.

    Titles, previews and the history of the graph do not count: they change nothing that a model can learn.

    Args:
        graph: The graph.
        digests: What :func:`part_digests` returns, if that is known already.

    Returns:
        32 hexadecimal digits.
    """
    hasher = Hasher().json(graph.schema.to_json())
    hasher.json({name: task.model_dump(mode="json") for name, task in graph.tasks.items()})
    for name, features in graph.features.items():
        hasher.text(name).array(features)
    for name, inputs in graph.inputs.items():
        hasher.text(f"inputs of {name}").array(inputs)
    hasher.json(dict(part_digests(graph) if digests is None else digests))
    for relation, held_out in graph.held_out.items():
        hasher.json([relation, held_out.part.tolist()])
        for array in (held_out.source, held_out.target, held_out.weight, held_out.attr, held_out.time):
            if array is not None:
                hasher.array(array)
    return hasher.hexdigest()


def add_edges(hasher: Hasher, edges: StoredEdges, num_targets: int) -> Hasher:
    """Add edges and what they carry, and return the hasher."""
    for part in (*edges.compressed(num_targets), edges.weight, edges.attr, edges.time):
        if part is not None:
            hasher.array(part)
    return hasher


def _add_column(hasher: Hasher, column: pd.Series) -> None:
    """Add a column: which cells are missing, and the others as numbers or text."""
    missing = column.isna().to_numpy(bool)
    hasher.array(missing)
    cells = column[~missing] if missing.any() else column
    if pd.api.types.is_numeric_dtype(cells):
        hasher.array(cells.to_numpy())
    else:
        add_text(hasher, text_array(cells))


def add_text(hasher: Hasher, text: Any) -> None:
    """Add text as Arrow holds it, without nulls: the length of each cell, and their bytes."""
    offsets, data = text_buffers(text)
    hasher.array(np.diff(offsets).astype(np.int64)).array(data[offsets[0] : offsets[-1]])
