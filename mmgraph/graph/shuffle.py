"""The control for "does the graph help?": the same relations with the same degrees, at random nodes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.schema import GraphSchema, Triple

_ROUNDS = 50


def shuffled_edges(
    schema: GraphSchema, edges: Mapping[Triple, StoredEdges], *, seed: int
) -> dict[Triple, StoredEdges]:
    """Return the edges with the targets of every relation but ``of`` dealt out anew.

    Every node keeps its degree at both ends, and weight, features and time stay with an edge's source. A
    relation's shuffle depends on its name and the seed alone, not on the other relations.

    Args:
        schema: The graph's schema.
        edges: By edge type.
        seed: The seed.
    """
    new = dict[Triple, StoredEdges]()
    for edge_type in schema.edge_types:
        if edge_type.reverse_of is None:
            triple = edge_type.triple
            if edge_type.kind == "of":
                new[triple] = edges[triple]
            else:
                rng = np.random.default_rng([seed, *edge_type.name.encode()])
                new[triple] = shuffle_edges(
                    edges[triple],
                    rng,
                    homogeneous=edge_type.source == edge_type.target,
                    symmetric=edge_type.symmetric,
                )
    for edge_type in schema.edge_types:
        if edge_type.reverse_of is not None:
            original = (edge_type.target, edge_type.reverse_of, edge_type.source)
            new[edge_type.triple] = new[original].reversed()
    return {triple: new[triple] for triple in schema.metadata[1]}


def shuffle_edges(
    edges: StoredEdges, rng: np.random.Generator, *, homogeneous: bool, symmetric: bool
) -> StoredEdges:
    """Return the edges of one relation with their targets dealt out anew; every node keeps its degrees.

    Args:
        edges: The edges.
        rng: Where chance comes from.
        homogeneous: Whether source and target are the same node type; loops stay as they are then.
        symmetric: Whether every edge is there in both directions, and shall be.
    """
    source, target = edges.index
    # A loop tells nothing about other nodes: it stays, and no new one is wanted.
    loop = (source == target) & homogeneous
    moved = np.flatnonzero(~loop & (source < target) if symmetric else ~loop)
    u, v = source[moved], target[moved]
    if symmetric:
        # Pairs come with the smaller index first; without a coin for each, small ones would only meet large.
        flip = rng.random(len(u)) < 0.5
        u, v = np.where(flip, v, u), np.where(flip, u, v)
    v = _deal(u, v, rng, loops=not homogeneous, ordered=not symmetric)
    fixed = np.flatnonzero(loop)
    ends, carried = [np.stack([source[fixed], target[fixed]]), np.stack([u, v])], [fixed, moved]
    if symmetric:
        ends, carried = [*ends, np.stack([v, u])], [*carried, moved]
    index, origin = np.concatenate(ends, axis=1), np.concatenate(carried)
    order = np.lexsort((index[0], index[1]))
    return StoredEdges(index[:, order], *edges.carried(origin[order]))


def _deal(
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    loops: bool,
    ordered: bool,
) -> NDArray[np.int64]:
    """Return the targets in a random order that gives few pairs twice, and few loops unless they may be.

    Pairs that came out wrong swap their targets with random other ones, for some rounds. Where hubs leave no
    other way some stay double: degrees are kept in any case.
    """
    target = rng.permutation(target)
    best, fewest = target, len(target) + 1
    for _ in range(_ROUNDS):
        wrong = _wrong(source, target, loops=loops, ordered=ordered)
        if len(wrong) < fewest:
            best, fewest = target.copy(), len(wrong)
        if not len(wrong):
            break
        pool = np.unique(np.concatenate([wrong, rng.integers(len(target), size=len(wrong))]))
        target[pool] = target[rng.permutation(pool)]
    return best


def _wrong(
    source: NDArray[np.int64], target: NDArray[np.int64], *, loops: bool, ordered: bool
) -> NDArray[np.int64]:
    """Return the positions of loops, and of pairs that stand further to the front already."""
    low, high = (source, target) if ordered else (np.minimum(source, target), np.maximum(source, target))
    again = np.ones(len(source), dtype=bool)
    again[np.unique(high * (low.max(initial=0) + 1) + low, return_index=True)[1]] = False
    if not loops:
        again |= source == target
    return np.flatnonzero(again)
