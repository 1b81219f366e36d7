"""Which relations make a difference to what a model says."""

from __future__ import annotations

from mmgraph.graph import Graph
from mmgraph.graph.schema import Triple
from mmgraph.layers.groups import OF, REVERSE_OF
from mmgraph.models import MultimodalModel


def relations_read(model: MultimodalModel, view: Graph, entity: str | None = None) -> list[str]:
    """Return the relations that make a difference to what a model says.

    Args:
        model: The model.
        view: The graph as the model sees it.
        entity: The entity type that it says it of; any by default.
    """
    read: set[Triple] = set()
    for layer in model.layers:
        steps: tuple[frozenset[Triple], ...] = layer.hops  # type: ignore[assignment]
        read = read.union(*steps)
    if model.missing.missing != "absent":
        read = read.union(*model.missing.hops)
    for name in model.featureless.degree:
        if entity in (None, name):
            read |= {triple for triple, _ in model.featureless.ends[name]}
    found = {view.schema.edge_type(triple).relation for triple in read if triple[1] not in (OF, REVERSE_OF)}
    return [name for name in view.schema.relations if name in found]
