"""Relations with some edges removed, added or led elsewhere: what a model is tried on that learnt without."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import EdgeType, GraphSchema, Triple
from mmgraph.graph.shuffle import shuffle_edges

EdgeChange = Literal["removed", "added", "rewired"]

EDGE_CHANGES: tuple[EdgeChange, ...] = ("removed", "added", "rewired")

_ROUNDS = 20


def with_changed_edges(
    graph: Graph, change: EdgeChange, share: float, *, relations: Collection[str], seed: int
) -> Graph:
    """Return a graph in which a share of the edges of some relations is changed.

    Which edges are changed depends on the seed and the relation's name alone, and those of a smaller share
    are among those of a larger one. A symmetric relation stays symmetric and a reverse one the reverse.
    Relations that were made of others stay as they are.

    Args:
        graph: The graph.
        change: ``removed``; ``added``, edges between random nodes that carry the weight, the features and the
            time of random edges; or ``rewired``, the targets of these edges dealt out among them, so that
            every node keeps its degree.
        share: From 0 to 1, of each relation's edges.
        relations: The names of the relations.
        seed: The seed.

    Example:
        >>> with_changed_edges(graph, "removed", 0.5, relations=["like"], seed=0)  # doctest: +SKIP
    """
    schema, new = graph.schema, dict[Triple, StoredEdges]()
    chosen = [t for t in schema.edge_types if t.kind != "of" and t.relation in relations]
    for edge_type in (t for t in chosen if t.reverse_of is None):
        sizes = (
            schema.node_type(edge_type.source).num_nodes,
            schema.node_type(edge_type.target).num_nodes,
        )
        rng = np.random.default_rng([seed, *edge_type.name.encode()])
        new[edge_type.triple] = _change(graph.edges[edge_type.triple], edge_type, sizes, change, share, rng)
    for edge_type in (t for t in chosen if t.reverse_of is not None):
        original = (edge_type.target, str(edge_type.reverse_of), edge_type.source)
        new[edge_type.triple] = new[original].reversed()
    same = graph.restricted(schema, {change: {"share": share, "relations": [*relations], "seed": seed}})
    types = tuple(
        replace(t, num_edges=new[t.triple].num_edges) if t.triple in new else t for t in schema.edge_types
    )
    edges = {triple: new.get(triple) or graph.edges[triple] for triple in schema.metadata[1]}
    return replace(same, schema=GraphSchema(schema.node_types, types), edges=edges)


def _change(
    edges: StoredEdges,
    edge_type: EdgeType,
    sizes: tuple[int, int],
    change: EdgeChange,
    share: float,
    rng: np.random.Generator,
) -> StoredEdges:
    source, target = edges.index
    # Of a symmetric relation both directions of a pair are one thing.
    first = np.flatnonzero(source <= target) if edge_type.symmetric else np.arange(len(source))
    count = round(share * len(first))
    if not count:
        return edges
    if change == "added":
        return _added(edges, first, count, edge_type, sizes, rng)
    keys = _keys(edges.index, sizes, symmetric=edge_type.symmetric)
    hit = np.isin(keys, keys[first[rng.permutation(len(first))[:count]]])
    left = edges.ordered(edges.index, np.flatnonzero(~hit))
    if change == "removed":
        return left
    moved = shuffle_edges(
        edges.ordered(edges.index, np.flatnonzero(hit)),
        rng,
        homogeneous=edge_type.source == edge_type.target,
        symmetric=edge_type.symmetric,
    )
    return _joined(left, moved)


def _added(
    edges: StoredEdges,
    first: NDArray[np.int64],
    count: int,
    edge_type: EdgeType,
    sizes: tuple[int, int],
    rng: np.random.Generator,
) -> StoredEdges:
    """Return the edges and random ones of which none was there; fewer where there is no room for all."""
    known = _keys(edges.index, sizes, symmetric=edge_type.symmetric)
    loops = edge_type.source != edge_type.target
    found = np.empty((2, 0), dtype=np.int64)
    for _ in range(_ROUNDS):
        if found.shape[1] >= count:
            break
        drawn = np.stack([rng.integers(size, size=count) for size in sizes])
        found = np.concatenate([found, drawn], axis=1)
        keys = _keys(found, sizes, symmetric=edge_type.symmetric)
        new = np.zeros(len(keys), dtype=bool)
        new[np.unique(keys, return_index=True)[1]] = True
        new &= ~np.isin(keys, known) & ((found[0] != found[1]) | loops)
        found = found[:, new]
    found = found[:, :count]
    like = first[rng.integers(len(first), size=found.shape[1])]
    if edge_type.symmetric:
        found, like = np.concatenate([found, found[::-1]], axis=1), np.tile(like, 2)
    return _joined(edges, StoredEdges(found, *edges.carried(like)))


def _keys(index: NDArray[np.int64], sizes: tuple[int, int], *, symmetric: bool) -> NDArray[np.int64]:
    """Return one number for each pair of nodes, the same for both directions of a symmetric relation."""
    source, target = index
    low, high = (np.minimum(source, target), np.maximum(source, target)) if symmetric else (source, target)
    keys: NDArray[np.int64] = low * sizes[1] + high
    return keys


def _joined(one: StoredEdges, other: StoredEdges) -> StoredEdges:
    """Return the edges of both, sorted by (target, source)."""
    index = np.concatenate([one.index, other.index], axis=1)
    carried = [
        None if a is None or b is None else np.concatenate([a, b])
        for a, b in zip((one.weight, one.attr, one.time), (other.weight, other.attr, other.time), strict=True)
    ]
    return StoredEdges(index, *carried).ordered(index, np.lexsort((index[0], index[1])))
