"""The hash of what a model can learn from a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mmgraph.data.id_index import text_buffers
from mmgraph.hashing import Hasher

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph


def fingerprint(graph: Graph) -> str:
    """Return a hash of schema, tasks, ids, positions, targets, splits, features and edges.

    Titles, previews and the history of the graph do not count: they change nothing that a model can learn.

    Args:
        graph: The graph.

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
    sizes = {t.name: t.num_nodes for t in graph.schema.node_types}
    for edge_type in graph.schema.edge_types:
        if edge_type.reverse_of is None:
            edges = graph.edges[edge_type.triple]
            hasher.json(list(edge_type.triple))
            for part in (*edges.compressed(sizes[edge_type.target]), edges.weight, edges.attr, edges.time):
                if part is not None:
                    hasher.array(part)
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
        add_text(hasher, pa.array(cells, type=pa.large_string()))


def add_text(hasher: Hasher, text: Any) -> None:
    """Add text as Arrow holds it, without nulls: the length of each cell, and their bytes."""
    offsets, data = text_buffers(text)
    hasher.array(np.diff(offsets).astype(np.int64)).array(data[offsets[0] : offsets[-1]])
