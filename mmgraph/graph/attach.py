"""The edges of new entities: what each relation of a graph gives them, without building it anew."""

from __future__ import annotations

from dataclasses import dataclass

from mmgraph.data.dataset import Dataset
from mmgraph.errors import Faults, GraphError, MMGraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.edges import read_edges
from mmgraph.graph.graph import Graph
from mmgraph.graph.nodes import NodeFactory
from mmgraph.graph.relation import Attached, Edges, RelationBuilder
from mmgraph.graph.schema import EdgeType
from mmgraph.progress import Progress
from mmgraph.registry import RELATIONS


@dataclass(frozen=True, eq=False)
class AttachedRelation:
    """The edges that one relation gives to new entities.

    Args:
        edges: The edges, checked.
        counts: Numbers worth knowing.
        warnings: Sentences worth reading.
    """

    edges: Attached
    counts: dict[str, int | float]
    warnings: list[str]


def attached_edges(
    graph: Graph, dataset: Dataset, *, progress: Progress | None = None
) -> dict[str, AttachedRelation]:
    """Return by relation the edges between the nodes of a graph and those of new entities.

    Args:
        graph: The graph, as ``build_graph`` made it or ``load_graph`` opened it.
        dataset: The new entities, in a dataset of the same form as the graph's.
        progress: Told what is being done; nothing for silence.

    Raises:
        MMGraphError: If a relation is not inductive, or cannot read the new entities; all faults at once.
    """
    progress = progress or Progress(quiet=True)
    factory = NodeFactory(dataset, cache=None, progress=progress, encoders=graph.encoders)
    faults = Faults()
    found = {}
    for name in graph.schema.relations:
        try:
            found[name] = _attach(graph, factory, name)
        except MMGraphError as error:
            faults.extend(error)
    faults.raise_if_any(GraphError)
    return found


def _attach(graph: Graph, factory: NodeFactory, name: str) -> AttachedRelation:
    builder = relation_builder(graph, name)
    edge_type = next(t for t in graph.schema.edge_types if t.name == name)
    where = f"graph {graph.name}: relations.{name}"
    context = AttachContext(graph, factory, name=name, where=where, scope=builder.scope)
    attached = builder.attach(context)
    known = {t.name: t.num_nodes for t in graph.schema.node_types}
    new = {end: factory.num_nodes(end) for end in (edge_type.source, edge_type.target)}
    incoming = read_edges(attached.incoming, known[edge_type.source], new[edge_type.target], where=where)
    outgoing = None if edge_type.one_way else attached.outgoing
    if outgoing is not None:
        outgoing = read_edges(outgoing, new[edge_type.source], known[edge_type.target], where=where)
    own = attached.own
    if own is not None:
        own = read_edges(own, new[edge_type.source], new[edge_type.target], where=where)
        _refuse_company(own, factory, edge_type, where)
    return AttachedRelation(Attached(incoming, outgoing, own), context.counts, context.warnings)


def _refuse_company(own: Edges, factory: NodeFactory, edge_type: EdgeType, where: str) -> None:
    """Raise if an edge leads from one new entity to another."""
    ends = (edge_type.source, own.source), (edge_type.target, own.target)
    source, target = (factory.entity_index(node_type)[nodes] for node_type, nodes in ends)
    same_type = factory.parts(edge_type.source)[0] == factory.parts(edge_type.target)[0]
    if len(own) and not (same_type and (source == target).all()):
        raise GraphError(
            "gave edges from one new entity to another as those of one entity",
            where=where,
            fix="Mend the builder: new entities hear from known ones and from themselves.",
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
