"""A part of a schema: without some modalities and relations, and without what was made from them."""

from __future__ import annotations

from collections.abc import Sequence

from mmgraph.errors import Faults, GraphError, did_you_mean
from mmgraph.graph.schema import GraphSchema


def restricted_schema(
    schema: GraphSchema, *, modalities: Sequence[str], relations: Sequence[str]
) -> GraphSchema:
    """Return a schema without some modalities and relations.

    A pair goes with either modality in it. Relations at nodes of such a modality go with it, and so do
    relations that were made from its content, also where they lead from entity to entity, or of a relation
    that goes: they would tell what shall not be told.

    Args:
        schema: The schema.
        modalities: Names of modalities (``sans``: of every entity type), or of node types (``glyph/sans``).
        relations: Names of relations; their reverse ones go with them.

    Raises:
        GraphError: With one fault for each name that is not there.
    """
    modal = [t for t in schema.node_types if t.modality is not None]
    known = {t.name for t in modal} | {str(t.modality) for t in modal}
    faults = Faults()
    for name in modalities:
        if name not in known:
            faults.add(
                "without: modalities", f"the graph has no modality {name!r}", did_you_mean(name, known)
            )
    for name in relations:
        if name == "of":
            faults.add(
                "without: relations",
                "'of' ties modalities to their entities and cannot be left out",
                "Leave out a modality instead.",
            )
        elif name not in schema.relations:
            fix = did_you_mean(name, schema.relations)
            faults.add("without: relations", f"the graph has no relation {name!r}", fix)
    faults.raise_if_any(GraphError)

    hidden = schema.holders(t.name for t in modal if t.name in modalities or t.modality in modalities)
    return GraphSchema(
        tuple(t for t in schema.node_types if t.name not in hidden),
        tuple(
            t
            for t in schema.edge_types
            if not {t.relation, *t.made_of} & set(relations)
            and not hidden & {t.source, t.target, *t.made_from}
        ),
    )
