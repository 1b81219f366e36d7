"""A graph as a networkx multigraph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import networkx as nx
import pandas as pd

from mmgraph.graph.exchange.description import describe

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph
    from mmgraph.graph.relation import Edges
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
    held_out: list[tuple[Node, Node, dict[str, Any]]] = []
    for edge_type in graph.schema.edge_types:
        if edge_type.reverse_of is None or reverse:
            edges = graph.edges[edge_type.triple].edges(edge_type.attr_names)
            for source, target, attributes in _edges(edges, edge_type, keys):
                key = (edge_type.name, attributes["time"]) if edge_type.timed else edge_type.name
                result.add_edge(source, target, key, **attributes)
        if edge_type.reverse_of is None and edge_type.held_out:
            aside = graph.held_out[edge_type.name]
            for edge, part in zip(_edges(aside.edges, edge_type, keys), aside.part.tolist(), strict=True):
                held_out.append((*edge[:2], edge[2] | {"part": part}))
    if held_out:
        result.graph["held_out"] = held_out
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
    edges: Edges, edge_type: EdgeType, keys: dict[str, list[Node]]
) -> Iterator[tuple[Node, Node, dict[str, Any]]]:
    """Yield source, target and attributes of every edge, in the order that networkx has for them."""
    columns: dict[str, list[Any]] = {}
    if edges.weight is not None:
        columns["weight"] = edges.weight.tolist()
    if edges.time is not None:
        columns["time"] = edges.time.tolist()
    if edges.attr is not None:
        columns |= {f"attr:{name}": edges.attr[:, n].tolist() for n, name in enumerate(edges.attr_names)}
    sources, targets = keys[edge_type.source], keys[edge_type.target]
    for row, (source, target) in enumerate(zip(edges.source.tolist(), edges.target.tolist(), strict=True)):
        values = {column: cells[row] for column, cells in columns.items()}
        yield sources[source], targets[target], {"relation": edge_type.name} | values
