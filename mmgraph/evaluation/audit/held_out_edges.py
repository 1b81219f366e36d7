"""Are edges that a split holds out, or their reverses, in the graph after all?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import CannotLookError, Subject
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import EdgeType

COPY = 0.9
"""Another relation that has at least this share of the held-out edges gives them away ..."""

DENSE = 0.5
"""... unless it ties at least this share of the pairs of nodes in any case."""


def held_out_edges(subject: Subject) -> Iterator[Finding]:
    """Yield the relations in which held-out edges are, in either direction: their own, or one like it.

    In their own relation one edge is too many. Another relation between the same node types may have some of
    the pairs for reasons of its own; it gives them away if it has nearly all.

    Raises:
        CannotLookError: If no edges are held out.
    """
    schema = subject.graph.schema
    if not schema.held_out:
        raise CannotLookError("no split of edges holds any out")
    for relation in schema.held_out:
        own = next(t for t in schema.edge_types if t.name == relation)
        reverses = [
            t for t in schema.edge_types if t.reverse_of == relation and not _turned_round(subject, own, t)
        ]
        for edge_type in [*subject.relations, *reverses]:
            directions = _turned(own, edge_type)
            same = edge_type.relation == own.name
            # A copy may hold one half of the pairs in one direction and the other half in the other.
            for together in [[one] for one in directions] if same else [directions] if directions else []:
                yield from _findings(subject, own, edge_type, together)


def _turned_round(subject: Subject, own: EdgeType, reverse: EdgeType) -> bool:
    """Return whether a reverse relation has the edges of its relation and no others."""
    source, target = subject.graph.edges[own.triple].index
    back = subject.graph.edges[reverse.triple].index
    width = int(max(source.max(initial=0), target.max(initial=0))) + 1
    return back.shape[1] == len(source) and np.array_equal(
        np.sort(source * width + target), np.sort(back[1] * width + back[0])
    )


def _turned(own: EdgeType, other: EdgeType) -> list[bool]:
    """Return in which directions edges of another relation may be those that are held out."""
    if {own.source, own.target} != {other.source, other.target}:
        return []
    if own.source == own.target:
        return [False] if other.symmetric else [False, True]
    return [own.source != other.source]


def _findings(
    subject: Subject, own: EdgeType, edge_type: EdgeType, directions: list[bool]
) -> Iterator[Finding]:
    held_out = subject.graph.held_out[own.name]
    asked = held_out.edges.take(np.isin(held_out.part, subject.parts))
    stored = subject.graph.edges[edge_type.triple]
    same = edge_type.relation == own.name
    each = [_in(asked, stored, backwards=backwards, timed=same and own.timed) for backwards in directions]
    there: NDArray[np.bool_] = np.logical_or.reduce(each)
    found, of = int(there.sum()), len(asked)
    sizes = {t.name: t.num_nodes for t in subject.graph.schema.node_types}
    density = (
        len(directions) * edge_type.num_edges / max(sizes[edge_type.source] * sizes[edge_type.target], 1)
    )
    if not found or (not same and (found < COPY * of or density >= DENSE)):
        return
    ids = [subject.graph.nodes[end]["id"].astype(str).to_numpy() for end in (own.source, own.target)]
    where = np.flatnonzero(there)[:3]
    what = _way(
        [int(one.sum()) for one in each], directions, same or max(int(one.sum()) for one in each) >= COPY * of
    )
    yield Finding(
        severity="high",
        where=f"relation {edge_type.name}",
        what=(
            f"{found:,} of {counted(of, 'edge that is', 'edges that are')} held out of {own.name} "
            f"{agreed(found, 'is', 'are')} {what}{agreed(found, 'an edge', 'edges')} of {edge_type.name}."
        ),
        count=found,
        of=of,
        sure="counted",
        fix=(
            "Build the graph with a split of edges, which takes both directions out of the relation."
            if same
            else f"Leave {edge_type.name} out when {own.name} is predicted."
        ),
        figure=found / of,
        chance=density,
        examples=tuple(f"{ids[0][asked.source[n]]} -> {ids[1][asked.target[n]]}" for n in where),
    )


def _way(found: list[int], directions: list[bool], one_way: bool) -> str:
    """Return which way round the edges are there, in words."""
    if not one_way:
        return "in one direction or the other "
    return "the other way round " if directions[int(np.argmax(found))] else ""


def _in(edges: Edges, stored: StoredEdges, *, backwards: bool, timed: bool) -> NDArray[np.bool_]:
    """Return which of some edges a graph has; those with times are the same only at the same time."""
    ends = (edges.target, edges.source) if backwards else (edges.source, edges.target)
    source, target = stored.index
    width = int(max(source.max(initial=0), ends[0].max(initial=0))) + 1
    asked, known = ends[1] * width + ends[0], target * width + source
    if not timed or edges.time is None or stored.time is None:
        return np.isin(asked, known)
    # Numbers stand for pairs, so that pair and time fit into one number.
    _, number = np.unique(np.concatenate([asked, known]), return_inverse=True)
    times, moment = np.unique(np.concatenate([edges.time, stored.time]), return_inverse=True)
    both = number * len(times) + moment
    return np.isin(both[: len(asked)], both[len(asked) :])
