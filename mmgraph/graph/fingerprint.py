"""The hash of what a model can learn from a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
                values = table[column].astype(object)
                hasher.json([name, column, values.where(values.notna(), None).tolist()])
    for name, features in graph.features.items():
        hasher.text(name).array(features)
    for edge_type in graph.schema.edge_types:
        if edge_type.reverse_of is None:
            triple = edge_type.triple
            edges = graph.edges[triple]
            hasher.json(list(triple)).array(edges.index)
            for carried in (edges.weight, edges.attr, edges.time):
                if carried is not None:
                    hasher.array(carried)
    return hasher.hexdigest()
