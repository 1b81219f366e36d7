"""One relation on its way into a graph: checked, built, merged, and described for the manifest."""

from __future__ import annotations

from typing import Any

from mmgraph.errors import GraphError
from mmgraph.graph.choose import ChosenRelation
from mmgraph.graph.context import BuildContext
from mmgraph.graph.edges import Merged, merge, read_edges
from mmgraph.graph.nodes import NodeFactory
from mmgraph.graph.schema import EdgeType
from mmgraph.progress import Progress


class RelationJob:
    """Builds one relation: first :meth:`check`, then :meth:`run`, then the results may be read.

    Args:
        relation: The relation.
        factory: Makes the nodes.
        progress: Told about the result.
    """

    def __init__(self, relation: ChosenRelation, factory: NodeFactory, progress: Progress) -> None:
        self.name = relation.name
        self.builder = relation.builder
        self._relation = relation
        self._progress = progress
        self._context = BuildContext(factory, name=relation.name, where=relation.where, progress=progress)
        self._endpoints = ("", "")
        self._merged: Merged | None = None

    @property
    def merged(self) -> Merged:
        """The edges."""
        assert self._merged is not None, "run() comes first"
        return self._merged

    def check(self) -> None:
        """Find what is wrong before anything is encoded.

        Raises:
            MMGraphError: With all faults that were found.
        """
        source, target = self._endpoints = self.builder.endpoints(self._context)
        if self.builder.symmetric and source != target:
            raise GraphError(
                f"leads from {source} to {target}; a symmetric relation stays within one node type",
                where=self._relation.where,
                fix="Leave `symmetric` out: the reverse relation is made in any case.",
            )
        self.builder.check(self._context)

    def run(self) -> None:
        """Build the relation, and tell how many edges it has and what is worth a warning.

        Raises:
            MMGraphError: If the builder finds a fault, gives something else than edges, or gives none.
        """
        context, where = self._context, self._relation.where
        source, target = self._endpoints
        num_sources = context.num_nodes(source)
        edges = read_edges(self.builder.build(context), num_sources, context.num_nodes(target), where=where)
        merged = merge(edges, num_sources, homogeneous=source == target, symmetric=self.builder.symmetric)
        if len(edges) == 0 and not self.builder.allow_empty:
            raise GraphError(
                f"the relation has no edge: {self.builder.why_empty(context)}",
                where=where,
                fix="Mend it, leave it out, or set allow_empty to true.",
            )
        context.count("duplicates_merged", merged.duplicates)
        context.count("self_loops", merged.self_loops)
        self._merged = merged
        self._progress.say(f"relation {self.name}: {merged.edge_index.shape[1]:,} edges")
        for sentence in context.warnings:
            self._progress.say(f"relation {self.name}: warning: {sentence}")

    def edge_type(self) -> EdgeType:
        """Return the type of the edges."""
        source, target = self._endpoints
        return EdgeType(
            source=source,
            name=self.name,
            target=target,
            num_edges=self.merged.edge_index.shape[1],
            kind=self.builder.kind,
            weighted=self.merged.edge_weight is not None,
            symmetric=self.builder.symmetric,
            made_from=self.builder.made_from(self._context),
        )

    def description(self) -> dict[str, Any]:
        """Return what the manifest says about the relation."""
        derived = self.builder.kind == "derived"
        return {
            "builder": self._relation.registered_as,
            "parameters": self._relation.parameters,
            "kind": self.builder.kind,
            # Built among all entities, also those of validation and test, but without any labels.
            "transductive": derived,
            "counts": self._context.counts | {"edges": self.merged.edge_index.shape[1]},
            "warnings": self._context.warnings,
        }
