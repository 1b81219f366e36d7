"""The control for "does the graph help?": the same relations with the same degrees, at random nodes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mmgraph.graph.edges import reverse
from mmgraph.graph.schema import EdgeType, GraphSchema, Triple

_ROUNDS = 50


def shuffled_edges(
    schema: GraphSchema,
    edge_index: Mapping[Triple, NDArray[np.int64]],
    edge_weight: Mapping[Triple, NDArray[np.float32]],
    *,
    seed: int,
) -> tuple[dict[Triple, NDArray[np.int64]], dict[Triple, NDArray[np.float32]]]:
    """Return the edges with the targets of every relation but ``of`` dealt out anew.

    Every node keeps its degree at both ends, and a weight stays with its edge's source. A relation's shuffle
    depends on its name and the seed alone, not on the other relations.

    Args:
        schema: The graph's schema.
        edge_index: By edge type, int64 [2, E].
        edge_weight: By edge type that has weights, float32 [E].
        seed: The seed.

    Returns:
        ``edge_index`` and ``edge_weight`` of the control.
    """
    index, weight = dict[Triple, NDArray[np.int64]](), dict[Triple, NDArray[np.float32]]()
    forward = [t for t in schema.edge_types if t.reverse_of is None]
    for edge_type in forward:
        triple = edge_type.triple
        weights = edge_weight.get(triple)
        if edge_type.kind == "of":
            index[triple] = edge_index[triple]
        else:
            rng = np.random.default_rng([seed, *edge_type.name.encode()])
            index[triple], weights = _shuffle(edge_type, edge_index[triple], weights, rng)
        if weights is not None:
            weight[triple] = weights
    for edge_type in schema.edge_types:
        if edge_type.reverse_of is not None:
            triple = edge_type.triple
            original = (edge_type.target, edge_type.reverse_of, edge_type.source)
            index[triple], weights = reverse(index[original], weight.get(original))
            if weights is not None:
                weight[triple] = weights
    return {triple: index[triple] for triple in schema.metadata[1]}, weight


def _shuffle(
    edge_type: EdgeType,
    edge_index: NDArray[np.int64],
    weight: NDArray[np.float32] | None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float32] | None]:
    source, target = edge_index
    homogeneous = edge_type.source == edge_type.target
    # A loop tells nothing about other nodes: it stays, and no new one is wanted.
    loop = (source == target) & homogeneous
    moved = ~loop & (source < target) if edge_type.symmetric else ~loop
    u, v = source[moved], target[moved]
    if edge_type.symmetric:
        # Pairs come with the smaller index first; without a coin for each, small ones would only meet large.
        flip = rng.random(len(u)) < 0.5
        u, v = np.where(flip, v, u), np.where(flip, u, v)
    v = _deal(u, v, rng, loops=not homogeneous, ordered=not edge_type.symmetric)
    ends = [source[loop], u], [target[loop], v]
    weights = None if weight is None else [weight[loop], weight[moved]]
    if edge_type.symmetric:
        ends = [*ends[0], v], [*ends[1], u]
        weights = None if weights is None else [*weights, weights[-1]]
    new = np.stack([np.concatenate(ends[0]), np.concatenate(ends[1])])
    order = np.lexsort((new[0], new[1]))
    return new[:, order], None if weights is None else np.concatenate(weights)[order]


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
