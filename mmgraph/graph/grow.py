"""A graph with new nodes: tables, features and edges, those of new nodes behind the known ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.graph.attach_relation import AttachedRelation, joined
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.graph import Graph
from mmgraph.graph.nodes import NodeFactory
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import EdgeType, GraphSchema


def grown(
    graph: Graph, factory: NodeFactory, new: dict[str, list[str]], relations: dict[str, AttachedRelation]
) -> Graph:
    """Return a graph with new nodes behind the known ones of their type.

    Args:
        graph: The graph.
        factory: Makes the nodes of the new entities.
        new: By entity type, the ids of the new entities.
        relations: By relation, the edges that they got.
    """
    sizes = {t.name: factory.num_nodes(t.name) for t in graph.schema.node_types}
    known = {t.name: t.num_nodes for t in graph.schema.node_types}
    nodes, features = {}, {}
    for node_type in graph.schema.node_types:
        name = node_type.name
        rows: dict[str, Any] = {
            "id": np.array(new[node_type.entity], dtype=object)[factory.entity_index(name)]
        }
        if node_type.modality is None:
            rows |= {"title": np.array(factory.dataset.titles(name), dtype=object), "training": False}
        else:
            rows["entity_index"] = factory.entity_index(name) + known[node_type.entity]
            if (position := factory.position(name)) is not None:
                rows["position"] = position
            features[name] = np.concatenate([graph.features[name], factory.encoded(name).features])
        nodes[name] = _extended(graph.nodes[name], pd.DataFrame(rows, index=range(sizes[name])))
    edges = {
        t.triple: _appended(graph.edges[t.triple], edges_of_new(graph, t, relations, factory))
        for t in graph.schema.edge_types
    }
    schema = GraphSchema(
        tuple(replace(t, num_nodes=t.num_nodes + sizes[t.name]) for t in graph.schema.node_types),
        tuple(replace(t, num_edges=edges[t.triple].index.shape[1]) for t in graph.schema.edge_types),
    )
    change = {"attached": {name: len(ids) for name, ids in new.items()}}
    manifest = graph.manifest | {"changes": [*graph.manifest.get("changes", []), change]}
    return replace(
        graph,
        schema=schema,
        manifest=manifest,
        nodes=nodes,
        features=features,
        stored_features={},
        inputs={},
        edges=edges,
        stored_fingerprint=None,
        folder=None,
    )


def _extended(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return a node table with more rows; what is not known of them is missing."""
    new = rows.reindex(columns=table.columns)
    for column in table.columns:
        if column.startswith("split:"):
            new[column] = ""
    return pd.concat([table, new.astype(table.dtypes.to_dict(), errors="ignore")], ignore_index=True)


def edges_of_new(
    graph: Graph,
    edge_type: EdgeType,
    relations: dict[str, AttachedRelation],
    factory: NodeFactory,
) -> Edges:
    """Return the edges of a type that lead to new nodes, sorted by (target, source).

    Args:
        graph: The graph that the new nodes join.
        edge_type: One of its edge types.
        relations: By relation, the edges that new entities got.
        factory: Makes the nodes of the new entities.

    Returns:
        Positions at both ends are those of nodes in the grown graph, where new ones come behind the known.
    """
    source, target = (graph.schema.node_type(end).num_nodes for end in (edge_type.source, edge_type.target))
    if edge_type.kind == "of":
        modality = edge_type.target if edge_type.reverse_of else edge_type.source
        rows = factory.entity_index(modality)
        elements = np.arange(len(rows), dtype=np.int64)
        ends = (rows, elements) if edge_type.reverse_of else (elements, rows)
        return Edges(ends[0] + source, ends[1] + target)
    found = relations[edge_type.relation]
    fresh = found.outgoing.reversed() if edge_type.reverse_of else found.incoming
    own = found.own.reversed() if edge_type.reverse_of else found.own
    fresh = joined(fresh, replace(own, source=own.source + source))
    time = np.zeros(len(fresh), dtype=np.int64) if fresh.time is None else fresh.time
    fresh = fresh.take(np.lexsort((time, fresh.source, fresh.target)))
    return replace(fresh, target=fresh.target + target)


def _appended(stored: StoredEdges, fresh: Edges) -> StoredEdges:
    if not len(fresh):
        return stored
    new = StoredEdges.of(fresh)

    def both(name: str) -> NDArray[Any] | None:
        one = getattr(stored, name)
        return None if one is None else np.concatenate([one, getattr(new, name)])

    index = np.concatenate([stored.index, new.index], axis=1)
    return StoredEdges(index, both("weight"), both("attr"), both("time"))
