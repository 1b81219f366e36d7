"""The hash of what a model can learn from a graph."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmgraph.data.id_index import text_array, text_buffers
from mmgraph.graph.layout import edges_path
from mmgraph.graph.schema import EdgeType
from mmgraph.hashing import Hasher

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph


def edge_digests(graph: Graph, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a hash of the edges of each edge type but reverse ones, by the path of its folder.

    Args:
        graph: The graph.
        known: Those of edges that have been hashed before.
    """
    sizes = {t.name: t.num_nodes for t in graph.schema.node_types}

    def digest(edge_type: EdgeType) -> str:
        edges, hasher = graph.edges[edge_type.triple], Hasher()
        for part in (*edges.compressed(sizes[edge_type.target]), edges.weight, edges.attr, edges.time):
            if part is not None:
                hasher.array(part)
        return hasher.hexdigest()

    types = {edges_path(t.triple): t for t in graph.schema.edge_types if t.reverse_of is None}
    found = {path: digest for path, digest in (known or {}).items() if path in types}
    lacking = [path for path in types if path not in found]
    with ThreadPoolExecutor() as threads:
        found.update(zip(lacking, threads.map(lambda path: digest(types[path]), lacking), strict=True))
    return {path: found[path] for path in types}


def fingerprint(graph: Graph, digests: Mapping[str, str] | None = None) -> str:
    """Return a hash of schema, tasks, ids, positions, targets, splits, features and edges.

    Titles, previews and the history of the graph do not count: they change nothing that a model can learn.

    Args:
        graph: The graph.
        digests: What :func:`edge_digests` returns, if that is known already.

    Returns:
        32 hexadecimal digits.
    """
    hasher = Hasher().json(graph.schema.to_json())
    hasher.json({name: task.model_dump(mode="json") for name, task in graph.tasks.items()})
    for name, table in graph.nodes.items():
        for column in table.columns:
            if column in ("id", "position") or column.startswith(("target:", "split:")):
                hasher.json([name, column])
                _add_column(hasher, table[column])
    for name, features in graph.features.items():
        hasher.text(name).array(features)
    hasher.json(dict(edge_digests(graph) if digests is None else digests))
    for relation, held_out in graph.held_out.items():
        hasher.json([relation, held_out.part.tolist()])
        for array in (held_out.source, held_out.target, held_out.weight, held_out.attr, held_out.time):
            if array is not None:
                hasher.array(array)
    return hasher.hexdigest()


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
