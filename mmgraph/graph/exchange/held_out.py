"""Edges that are held out, as other forms give them, brought into the order in which a graph keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mmgraph.counted import agreed, counted
from mmgraph.errors import Faults
from mmgraph.graph.edge_order import edge_order
from mmgraph.graph.edges import first_of_each
from mmgraph.graph.hold_out import HeldOutEdges, pair_ends
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import EdgeType, Triple


def put_in_order(
    held_out: HeldOutEdges, *, symmetric: bool, num_sources: int, where: str, faults: Faults
) -> HeldOutEdges:
    """Return edges in the order of (target, source, time), those of a symmetric relation from the lower node.

    Args:
        held_out: The edges, in any order.
        symmetric: Whether the relation is symmetric.
        num_sources: The number of source nodes.
        where: The relation, for messages.
        faults: Told about edges that stand more than once: it would not be clear to which part they belong.

    Example:
        >>> from mmgraph.graph.relation import Edges
        >>> edges = Edges(np.array([2, 0]), np.array([1, 1]))
        >>> ordered = put_in_order(
        ...     HeldOutEdges(edges, np.array(["test", "validation"])),
        ...     symmetric=True,
        ...     num_sources=3,
        ...     where="here",
        ...     faults=Faults(),
        ... )
        >>> ordered.source.tolist(), ordered.target.tolist(), ordered.part.tolist()
        ([0, 1], [1, 2], ['validation', 'test'])
    """
    edges = held_out.edges
    if symmetric:
        low, high = np.minimum(edges.source, edges.target), np.maximum(edges.source, edges.target)
        edges = replace(edges, source=low, target=high)
    order = edge_order(edges.source, edges.target, num_sources, edges.time)
    edges = edges.take(order)
    twice = int((~first_of_each(edges)).sum())
    if twice:
        faults.add(
            where,
            f"{twice} of {counted(len(edges), 'held-out edge')} {agreed(twice, 'stands', 'stand')} there "
            "already",
            "Give each once; if the relation is symmetric, in one direction.",
        )
    return HeldOutEdges(edges, held_out.part[order])


def check_apart(
    held_out: HeldOutEdges, edges: Edges, *, homogeneous: bool, where: str, faults: Faults
) -> None:
    """Note held-out edges that the graph has as well, in either direction: they would be no secret.

    With times, an edge between the same nodes may be there if it is earlier than the held-out one.

    Args:
        held_out: The edges that are held out.
        edges: The edges of the relation that the graph has.
        homogeneous: Whether source and target nodes are the same ones.
        where: The relation, for messages.
        faults: Told about them.
    """
    if not len(edges):
        return
    (low, high), asked = (pair_ends(one, homogeneous=homogeneous) for one in (edges, held_out.edges))
    width = 1 + int(max(high.max(), asked[1].max(initial=0)))
    pair, asked_pair = low * width + high, asked[0] * width + asked[1]
    order = np.argsort(pair, kind="stable") if edges.time is None else np.lexsort((edges.time, pair))
    last = order[np.searchsorted(pair[order], asked_pair, side="right") - 1]
    twice = pair[last] == asked_pair
    if edges.time is not None and held_out.time is not None:
        twice &= edges.time[last] >= held_out.time
    num = int(twice.sum())
    if num:
        faults.add(
            where,
            f"{num} of {counted(len(held_out), 'held-out edge')} {agreed(num, 'is', 'are')} in the graph as "
            "well, or the reverse is",
            "Take them out of the edges, or out of those that are held out.",
        )


def check_relations(
    held_out: Mapping[Triple, HeldOutEdges], edge_types: list[EdgeType], *, place: str, faults: Faults
) -> None:
    """Note relations that cannot have held-out edges: reverse ones, and those that share their name.

    Args:
        held_out: By relation, its held-out edges.
        edge_types: The edge types of the graph.
        place: How messages call a relation, with ``{source!r}``, ``{name!r}`` and ``{target!r}``.
        faults: Told about them.
    """
    names = [t.name for t in edge_types]
    reverse = {t.triple: t.reverse_of for t in edge_types if t.reverse_of is not None}
    for source, name, target in held_out:
        where = place.format(source=source, name=name, target=target)
        if (source, name, target) in reverse:
            forward = reverse[source, name, target]
            faults.add(
                where,
                f"is the reverse of {forward!r}, out of which edges are held in both directions",
                f"Give the held-out edges of {forward!r}.",
            )
        elif names.count(name) > 1:
            faults.add(
                where,
                "has held-out edges, and shares its name with a relation between other node types",
                "Rename one of them.",
            )
