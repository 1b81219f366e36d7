"""A part of a graph: some of its nodes, and of its edges those that are left and wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.graph import Graph
from mmgraph.graph.lazy import LazyMapping
from mmgraph.graph.schema import GraphSchema, Triple

Kept = NDArray[np.bool_]
"""Which nodes of a type, or which edges of one, stay."""


def keep(
    graph: Graph,
    *,
    nodes: Mapping[str, Kept] | None = None,
    edges: Mapping[Triple, Kept] | None = None,
    change: Mapping[str, Any],
) -> Graph:
    """Return a graph with some of its modality nodes and of its edges. Edges leave with either of their ends.

    Args:
        graph: The graph.
        nodes: By modality node type, which nodes stay, bool [M]; of types that are not named all do.
        edges: By edge type, which edges stay, bool [E]; of types that are not named all do. A relation and
            its reverse are two types, which have to agree.
        change: What was done, as JSON, for the manifest.

    Example:
        >>> keep(graph, nodes={"glyph/sans": has_stem}, change={"kept": "stems"})  # doctest: +SKIP
    """
    kept_nodes, wanted = nodes or {}, edges or {}
    number = {name: np.cumsum(kept) - 1 for name, kept in kept_nodes.items()}
    changed: dict[Triple, StoredEdges] = {}
    for triple in graph.schema.metadata[1]:
        if triple in wanted or triple[0] in kept_nodes or triple[2] in kept_nodes:
            changed[triple] = _kept_edges(graph.edges[triple], triple, kept_nodes, number, wanted.get(triple))
    tables = {name: graph.nodes[name][kept].reset_index(drop=True) for name, kept in kept_nodes.items()}
    features = {name: graph.features[name][kept] for name, kept in kept_nodes.items()}
    schema = GraphSchema(
        tuple(
            replace(t, num_nodes=len(tables[t.name])) if t.name in tables else t
            for t in graph.schema.node_types
        ),
        tuple(
            replace(t, num_edges=changed[t.triple].num_edges) if t.triple in changed else t
            for t in graph.schema.edge_types
        ),
    )
    same = graph.restricted(graph.schema, change)
    return replace(
        same,
        schema=schema,
        nodes=LazyMapping(same.nodes, lambda name: tables[name] if name in tables else graph.nodes[name]),
        features=LazyMapping(
            same.features, lambda name: features[name] if name in features else graph.features[name]
        ),
        stored_features={n: same.stored_features[n] for n in same.stored_features if n not in features},
        inputs=LazyMapping(
            same.inputs,
            lambda name: graph.inputs[name][kept_nodes[name]] if name in kept_nodes else graph.inputs[name],
        ),
        edges=LazyMapping(same.edges, lambda triple: changed.get(triple) or graph.edges[triple]),
    )


def _kept_edges(
    edges: StoredEdges,
    triple: Triple,
    nodes: Mapping[str, Kept],
    number: Mapping[str, NDArray[np.int64]],
    wanted: Kept | None,
) -> StoredEdges:
    """Return the edges that are wanted and whose ends stay, between the new numbers of these."""
    index = edges.index
    stays = np.ones(index.shape[1], dtype=bool) if wanted is None else wanted.copy()
    ends = []
    for end, name in zip(index, (triple[0], triple[2]), strict=True):
        if name in nodes:
            stays &= nodes[name][end]
        ends.append(number[name][end] if name in nodes else end)
    # Numbers grow with the old ones, so the order stays.
    return edges.ordered(np.stack(ends), np.flatnonzero(stays))
