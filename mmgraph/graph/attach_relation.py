"""What one relation of a graph gives to new entities: its builder's edges, checked and filtered."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmgraph.errors import GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.edges import merge
from mmgraph.graph.graph import Graph
from mmgraph.graph.nodes import NodeFactory
from mmgraph.graph.read_edges import read_edges
from mmgraph.graph.relation import Edges, RelationBuilder
from mmgraph.graph.schema import EdgeType
from mmgraph.registry import RELATIONS


@dataclass(frozen=True, eq=False)
class AttachedRelation:
    """The edges that one relation gives to new entities.

    Args:
        incoming: Edges along the relation, from known source nodes to new target nodes.
        outgoing: Edges along the reverse relation, from known nodes to new ones, as the relation has them:
            new source nodes, known target nodes. None where there is no reverse relation.
        own: Edges among the nodes of one new entity, positions among the new nodes.
        counts: Numbers worth knowing.
        warnings: Sentences worth reading.
        unknown: By entity type, how many neighbours that nobody is each new entity names, int64 [N].
    """

    incoming: Edges
    outgoing: Edges
    own: Edges
    counts: dict[str, int | float]
    warnings: list[str]
    unknown: dict[str, NDArray[np.int64]] = field(default_factory=dict)


def attach_relation(graph: Graph, factory: NodeFactory, name: str) -> AttachedRelation:
    """Return the edges that one relation gives to new entities.

    Args:
        graph: The graph.
        factory: Makes the nodes of the new entities.
        name: The relation.

    Raises:
        MMGraphError: If the relation is not inductive, or cannot read the new entities.
    """
    builder = relation_builder(graph, name)
    edge_type = next(t for t in graph.schema.edge_types if t.name == name)
    source, target = edge_type.source, edge_type.target
    known = {t.name: t.num_nodes for t in graph.schema.node_types}
    if not factory.num_nodes(source) and not factory.num_nodes(target):
        return no_edges(graph, name)
    where = f"graph {graph.name}: relations.{name}"
    context = AttachContext(graph, factory, name=name, where=where, scope=builder.scope)
    given = builder.attach(context)
    incoming = read_edges(given.incoming, known[source], factory.num_nodes(target), where=where)
    outgoing = given.outgoing or _like(edge_type, np.empty(0, dtype=np.int64))
    outgoing = read_edges(outgoing, factory.num_nodes(source), known[target], where=where)
    incoming = merge(incoming.take(context.permitted(source)[incoming.source]), known[source], where=where)
    outgoing = merge(outgoing, factory.num_nodes(source), where=where)
    if edge_type.symmetric:
        # Held in both directions, so that there is no reverse relation to hear along.
        incoming = merge(joined(incoming, outgoing.reversed()), known[source], mean=True)
    if edge_type.symmetric or edge_type.one_way:
        outgoing = _like(edge_type, np.empty(0, dtype=np.int64))
    incoming = builder.filters.apply(incoming, context, homogeneous=False)
    own = given.own or _like(edge_type, np.empty(0, dtype=np.int64))
    own = read_edges(own, factory.num_nodes(source), factory.num_nodes(target), where=where)
    _check_own(own, edge_type, factory, where)
    own = merge(own, factory.num_nodes(source), where=where)
    own = builder.filters.apply(own, context, homogeneous=source == target)
    _check_carried(edge_type, (incoming, outgoing, own), where)
    return AttachedRelation(incoming, outgoing, own, context.counts, context.warnings, context.unknown)


def no_edges(graph: Graph, name: str) -> AttachedRelation:
    """Return what a relation of a graph gives to new entities that it does not tie."""
    edge_type = next(t for t in graph.schema.edge_types if t.name == name)
    nothing = _like(edge_type, np.empty(0, dtype=np.int64))
    return AttachedRelation(nothing, nothing, nothing, {}, [])


def _check_own(own: Edges, edge_type: EdgeType, factory: NodeFactory, where: str) -> None:
    """Raise if an edge leads from one new entity to another: a fault of its builder."""
    source = factory.entity_index(edge_type.source)[own.source]
    target = factory.entity_index(edge_type.target)[own.target]
    same_type = factory.parts(edge_type.source)[0] == factory.parts(edge_type.target)[0]
    if len(own) and not (same_type and np.array_equal(source, target)):
        raise GraphError(
            "its attach() gave edges from one new entity to another as edges within one",
            where=where,
            fix="Mend the builder: new entities hear from known ones and from themselves.",
        )


def joined(one: Edges, other: Edges) -> Edges:
    """Return the edges of both, of which either carries what the other does, or is empty."""
    if not len(other):
        return one
    if not len(one):
        return other

    def both(a: NDArray[np.float32] | None, b: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        return None if a is None or b is None else np.concatenate([a, b])

    return Edges(
        np.concatenate([one.source, other.source]),
        np.concatenate([one.target, other.target]),
        both(one.weight, other.weight),
        both(one.attr, other.attr),
        one.attr_names,
        None if one.time is None or other.time is None else np.concatenate([one.time, other.time]),
    )


def _like(edge_type: EdgeType, nothing: NDArray[np.int64]) -> Edges:
    """Return no edges, carrying what those of a type do."""
    return Edges(
        nothing,
        nothing,
        nothing.astype(np.float32) if edge_type.weighted else None,
        np.empty((0, len(edge_type.attr_names)), dtype=np.float32) if edge_type.attr_names else None,
        edge_type.attr_names,
        nothing if edge_type.timed else None,
    )


def _check_carried(edge_type: EdgeType, parts: tuple[Edges, ...], where: str) -> None:
    """Raise if edges of new entities do not carry what the relation's others do: a fault of its builder."""
    wanted = (edge_type.weighted, edge_type.attr_names, edge_type.timed)
    for edges in parts:
        got = (edges.weight is not None, edges.attr_names, edges.time is not None)
        if len(edges) and got != wanted:
            raise GraphError(
                f"its attach() gave edges with (weights, features, times) = {got}; wanted {wanted}",
                where=where,
                fix="Mend the builder: new edges carry what the known ones do.",
            )


def relation_builder(graph: Graph, name: str) -> RelationBuilder:
    """Return the builder that made a relation of a graph, from what the manifest says of it.

    Raises:
        GraphError: If the manifest tells nothing of the relation.
        UnknownNameError: If no such builder is registered, e.g. as its plugin is not loaded.
    """
    where = f"graph {graph.name}: relations.{name}"
    described = graph.manifest.get("relations", {}).get(name)
    if described is None:
        raise GraphError(
            "the graph does not tell how the relation was made",
            where=where,
            fix="Build the graph from a dataset.",
        )
    kind: type[RelationBuilder] = RELATIONS.get(described["builder"], where=where)
    return kind.from_config(described["parameters"], where=where)
