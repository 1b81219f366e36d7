"""A graph as a networkx multigraph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import networkx as nx
import pandas as pd

from mmgraph.graph.exchange.description import describe

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph
    from mmgraph.graph.schema import EdgeType

Node = tuple[str, str] | tuple[str, str, int]
"""A node type and an entity's id, and a number where the entity has several nodes of the type."""


def to_networkx(graph: Graph, *, reverse: bool = False) -> nx.MultiDiGraph:
    """Return the multigraph that :meth:`Graph.to_networkx` describes.

    What nodes and edges do not tell is in its ``graph["mmgraph"]``.
    """
    result = nx.MultiDiGraph(name=graph.name, mmgraph=describe(graph))
    keys: dict[str, list[Node]] = {}
    for name, table in graph.nodes.items():
        keys[name] = _keys(name, table)
        result.add_nodes_from(zip(keys[name], _node_attributes(graph, name, table), strict=True))
    for edge_type in graph.schema.edge_types:
        if edge_type.reverse_of is None or reverse:
            result.add_edges_from(_edges(graph, edge_type, keys))
    return result


def _keys(name: str, table: pd.DataFrame) -> list[Node]:
    if table["id"].is_unique:
        return [(name, id) for id in table["id"]]
    numbers = table.groupby("id").cumcount()
    return [(name, id, number) for id, number in zip(table["id"], numbers.tolist(), strict=True)]


def _node_attributes(graph: Graph, name: str, table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield what is known of each node; what is missing has no key."""
    columns = table.drop(columns=["preview", "entity_index"], errors="ignore").astype(object)
    there = columns.notna().to_numpy()
    features = graph.features.get(name)
    for row, values in enumerate(columns.itertuples(index=False, name=None)):
        known = {
            str(column): value
            for column, value, is_there in zip(columns.columns, values, there[row], strict=True)
            if is_there
        }
        if features is not None:
            known["x"] = features[row]
        yield {"type": name} | known


def _edges(
    graph: Graph, edge_type: EdgeType, keys: dict[str, list[Node]]
) -> Iterator[tuple[Node, Node, Any, dict[str, Any]]]:
    edges = graph.edges[edge_type.triple]
    columns: dict[str, list[Any]] = {}
    if edges.weight is not None:
        columns["weight"] = edges.weight.tolist()
    if edges.time is not None:
        columns["time"] = edges.time.tolist()
    if edges.attr is not None:
        columns |= {f"attr:{name}": edges.attr[:, n].tolist() for n, name in enumerate(edge_type.attr_names)}
    sources, targets, name = keys[edge_type.source], keys[edge_type.target], edge_type.name
    for row, (source, target) in enumerate(edges.index.T.tolist()):
        values = {column: cells[row] for column, cells in columns.items()}
        key = name if edges.time is None else (name, values["time"])
        yield sources[source], targets[target], key, {"relation": name} | values
