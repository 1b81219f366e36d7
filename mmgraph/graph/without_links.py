"""The graph as a task sees it that predicts edges: without those that it asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mmgraph.data.split_spec import HoldOut
from mmgraph.data.task_spec import LinkTaskSpec
from mmgraph.errors import GraphError, did_you_mean
from mmgraph.graph.edges import StoredEdges, attr_scale
from mmgraph.graph.hold_out import hold_out
from mmgraph.graph.lazy import LazyMapping
from mmgraph.graph.schema import EdgeType, GraphSchema

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph

_PREFIX = "link:"


def unprepared_link_task(name: str) -> LinkTaskSpec | None:
    """Return the task that ``link:RELATION`` stands for, which no graph need be told of; nothing for others.

    Example:
        >>> unprepared_link_task("link:borders").relation
        'borders'
    """
    relation = name.removeprefix(_PREFIX)
    if relation == name or not relation.isidentifier():
        return None
    return LinkTaskSpec(kind="link_prediction", relation=relation)


def link_type(graph: Graph, relation: str, *, where: str) -> EdgeType:
    """Return the edge type of a relation whose edges can be predicted: those between entities.

    Args:
        graph: The graph.
        relation: The name of the relation.
        where: The place that names it, for messages.

    Raises:
        GraphError: If there is no such relation, several have the name, or modalities are at its ends.
    """
    schema = graph.schema
    found = [t for t in schema.edge_types if t.name == relation and t.reverse_of is None and t.kind != "of"]
    if not found:
        raise GraphError(
            f"the graph has no relation {relation!r}",
            where=where,
            fix=did_you_mean(relation, schema.relations),
        )
    if len(found) > 1:
        raise GraphError(
            f"{len(found)} relations have the name {relation!r}; wanted one",
            where=where,
            fix="Give each a name of its own.",
        )
    edge_type = found[0]
    modal = [
        end for end in (edge_type.source, edge_type.target) if schema.node_type(end).modality is not None
    ]
    if modal:
        raise GraphError(
            f"{relation!r} leads from or to the modality {modal[0]!r}; wanted a relation between entities",
            where=where,
            fix="Choose a relation between entity types (a builder's connect: entity makes one).",
        )
    return edge_type


def without_links(graph: Graph, spec: LinkTaskSpec, *, where: str) -> Graph:
    """Return a graph without the edges that a task asks for, in either direction, and what was made of them.

    Args:
        graph: The graph.
        spec: The task.
        where: The place of the task, for messages.

    Raises:
        GraphError: If there is no such relation between entities, its edges have no times to split by, or a
            part would hold no edge.
    """
    edge_type = link_type(graph, spec.relation, where=where)
    if edge_type.held_out:
        # By the split of the dataset, and what is made of the relation never saw those edges.
        return graph
    made_of = dict.fromkeys(t.relation for t in graph.schema.edge_types if spec.relation in t.made_of)
    view, chosen = graph.without(relations=made_of), spec.hold_out or HoldOut()
    ids = [view.nodes[end]["id"].to_numpy(dtype=object) for end in (edge_type.source, edge_type.target)]
    kept, held_out = hold_out(
        view.edges[edge_type.triple].edges(edge_type.attr_names),
        chosen.split(edge_type.name),
        ids=(ids[0], ids[1]),
        homogeneous=edge_type.source == edge_type.target,
        symmetric=edge_type.symmetric,
        where=where,
    )
    types, left = [], {edge_type.triple: StoredEdges.of(kept)}
    for known in view.schema.edge_types:
        if known.relation == edge_type.name and known.kind != "of":
            known = replace(
                known, num_edges=len(kept), attr_scale=attr_scale(kept.attr), held_out=len(held_out)
            )
            if known.reverse_of is not None:
                left[known.triple] = left[edge_type.triple].reversed()
        types.append(known)
    schema = GraphSchema(view.schema.node_types, tuple(types))
    change = {"held_out": {"relation": spec.relation, **chosen.model_dump(mode="json")}}
    return replace(
        view.restricted(view.schema, change),
        schema=schema,
        edges=LazyMapping(schema.metadata[1], lambda triple: left.get(triple) or view.edges[triple]),
        held_out=LazyMapping(
            schema.held_out, lambda name: held_out if name == spec.relation else view.held_out[name]
        ),
    )
