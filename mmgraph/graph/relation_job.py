"""One relation on its way into a graph: checked, fitted, built, filtered, and described for the manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from mmgraph.counted import counted
from mmgraph.data.split_spec import EdgeSplit
from mmgraph.encoders import Encoder
from mmgraph.errors import Faults, GraphError, MMGraphError
from mmgraph.graph.choose import ChosenRelation
from mmgraph.graph.context import BuildContext
from mmgraph.graph.edges import StoredEdges, attr_scale, merge, symmetrise
from mmgraph.graph.hold_out import HELD_OUT, HeldOutEdges, hold_out
from mmgraph.graph.nodes import NodeFactory
from mmgraph.graph.read_edges import read_edges
from mmgraph.graph.relation import Edges, Fitted
from mmgraph.graph.schema import EdgeType
from mmgraph.graph.shelf import EdgeShelf
from mmgraph.graph.watch import DATASET, FACTORY, Watched
from mmgraph.progress import Progress


class RelationJob:
    """Builds one relation: first :meth:`check`, then :meth:`run`, then the results may be read.

    Args:
        relation: The relation.
        factory: Makes the nodes.
        progress: Told about the result.
        others: The jobs of all relations of the graph by name, for a relation that is made of others.
        shelf: Where the edges are kept.

    Attributes:
        reads: What the builder has read, e.g. ``ids:country``, in the order in which it did.
    """

    def __init__(
        self,
        relation: ChosenRelation,
        factory: NodeFactory,
        progress: Progress,
        others: Mapping[str, RelationJob],
        shelf: EdgeShelf,
    ) -> None:
        self.name = relation.name
        self.builder = relation.builder
        self.fitted: Fitted = {}
        self._relation = relation
        self._progress = progress
        self._others = others
        self._shelf = shelf
        self.reads: dict[str, None] = {}
        dataset = Watched(factory.dataset, DATASET, self._note)
        self._context = BuildContext(
            cast(NodeFactory, Watched(factory, FACTORY, self._note, dataset=dataset)),
            name=relation.name,
            where=relation.where,
            progress=progress,
            scope=relation.builder.scope,
            edges_of=self._edges_of,
            ends_of=self._ends_of,
            elsewhere=factory.elsewhere,
        )
        self._endpoints = ("", "")
        self.held_out: HeldOutEdges | None = None
        self._edge_type: EdgeType | None = None
        self._earlier: dict[str, Any] | None = None

    @property
    def edge_type(self) -> EdgeType:
        """The type of the edges."""
        assert self._edge_type is not None, "run() comes first"
        return self._edge_type

    @property
    def stored(self) -> StoredEdges:
        """The edges."""
        return self._shelf.edges(self.edge_type)

    @property
    def how(self) -> str:
        """Builder and parameters, as text."""
        return json.dumps([self._relation.registered_as, self._relation.parameters], sort_keys=True)

    @property
    def encoders(self) -> Mapping[str, Encoder[Any, Any]]:
        """By modality node type, the encoder that serves this relation alone."""
        return self._context.encoders

    @property
    def uses_features(self) -> bool:
        """Whether the relation, or one that it is made of, needs features."""
        return self.builder.uses_features or any(
            self._others[name].uses_features for name in self.builder.needs()
        )

    @property
    def symmetric(self) -> bool:
        """Whether an edge holds in both directions after the filters."""
        filters = self.builder.filters
        if self.builder.scope == "training":
            return False
        return filters.symmetrise or (self.builder.symmetric and filters.keeps_symmetry())

    @property
    def one_way(self) -> bool:
        """Whether no reverse relation is made: there is none of what is made of relations without one."""
        return self.builder.one_way or any(self._others[name].one_way for name in self.builder.needs())

    def check(self) -> None:
        """Find what is wrong before anything is encoded.

        Raises:
            MMGraphError: With all faults that were found.
        """
        source, target = self._endpoints = self.builder.endpoints(self._context)
        filters, where = self.builder.filters, self._relation.where
        if self.builder.symmetric and source != target:
            raise GraphError(
                f"leads from {source} to {target}; a symmetric relation stays within one node type",
                where=where,
                fix="Let edges hold in one direction: the reverse relation is made in any case.",
            )
        if filters.symmetrise and source != target:
            raise GraphError(
                f"asks for both directions of edges from {source} to {target}; wanted one node type",
                where=self._context.at("filters.symmetrise"),
                fix="Remove the filter: the reverse relation is made in any case.",
            )
        if filters.symmetrise and self.builder.scope == "training":
            raise GraphError(
                "asks for both directions, but by scope: training held-out entities must not send",
                where=self._context.at("filters.symmetrise"),
                fix="Remove the filter, or set scope to all.",
            )
        self.builder.check(self._context)

    def estimate(self) -> int | None:
        """Return how many edges there will be at most; nothing if only building the relation tells."""
        try:
            edges = self.builder.estimate(self._context)
        except MMGraphError:
            # Whoever builds it will say what is wrong, beside the faults of the others.
            return None
        return edges if edges is None or not self.symmetric else 2 * edges

    def run(self) -> None:
        """Build the relation, and tell how many edges it has and what is worth a warning.

        Raises:
            MMGraphError: If the builder finds a fault, gives something else than edges, or gives none.
        """
        context, where = self._context, self._relation.where
        source, target = self._endpoints
        self.reads.clear()
        num_sources = context.num_nodes(source)
        self.fitted = context.fitted = _checked(self.builder.fit(context), where)
        given = read_edges(self.builder.build(context), num_sources, context.num_nodes(target), where=where)
        if len(given) == 0 and not self.builder.allow_empty:
            self._refuse_empty(self.builder.why_empty(context))
        edges = self._message_edges(self._filtered(given))
        if len(given) and len(edges) == 0 and not self.builder.allow_empty:
            self._refuse_empty(f"the filters and the scope leave none of {len(given):,}")
        if source == target:
            context.count("self_loops", int((edges.source == edges.target).sum()))
        self._edge_type = self._type_of(edges)
        self._shelf.keep(self._edge_type, StoredEdges.of(edges))
        self._progress.say(f"relation {self.name}: {counted(len(edges), 'edge')}")
        for sentence in context.warnings:
            self._progress.say(f"relation {self.name}: warning: {sentence}")

    def take_over(
        self,
        edge_type: EdgeType,
        description: Mapping[str, Any],
        fitted: Fitted,
        encoders: Mapping[str, Encoder[Any, Any]],
    ) -> None:
        """Have the results of an earlier build instead of running; the edges are on the shelf."""
        self._edge_type, self._earlier, self.fitted = edge_type, dict(description), fitted
        self._context.encoders.update(encoders)
        self._progress.say(f"relation {self.name}: {counted(edge_type.num_edges, 'edge')}, unchanged")

    def _type_of(self, edges: Edges) -> EdgeType:
        source, target = self._endpoints
        return EdgeType(
            source=source,
            name=self.name,
            target=target,
            num_edges=len(edges),
            kind=self.builder.kind,
            weighted=edges.weight is not None,
            symmetric=self.symmetric,
            made_from=tuple(sorted(self._made_from())),
            made_of=tuple(sorted(self._made_of())),
            attr_names=edges.attr_names,
            attr_scale=attr_scale(edges.attr),
            timed=edges.time is not None,
            one_way=self.one_way,
            held_out=0 if self.held_out is None else len(self.held_out),
        )

    def description(self) -> dict[str, Any]:
        """Return what the manifest says about the relation."""
        if self._earlier is not None:
            return self._earlier
        return {
            "builder": self._relation.registered_as,
            "parameters": self._relation.parameters,
            "kind": self.builder.kind,
            # Built among all entities, also those of validation and test, but without any labels.
            "transductive": self.builder.kind == "derived" and self.builder.scope == "all",
            "inductive": self.builder.inductive,
            "counts": self._context.counts | {"edges": self.edge_type.num_edges},
            "warnings": self._context.warnings,
            **self._held_out_description(),
        }

    def _filtered(self, given: Edges) -> Edges:
        """Return the edges that the scope and the filters leave, each once."""
        context, builder = self._context, self.builder
        source, target = self._endpoints
        num_sources = context.num_nodes(source)
        edges = merge(given, num_sources, where=self._relation.where)
        context.count("duplicates_merged", len(given) - len(edges))
        if builder.symmetric:
            edges = symmetrise(edges, num_sources)
        if builder.scope == "training":
            may_send = context.permitted(source)[edges.source]
            context.count("from_held_out", int((~may_send).sum()))
            edges = edges.take(may_send)
        edges = builder.filters.apply(edges, context, homogeneous=source == target)
        return symmetrise(edges, num_sources) if builder.filters.symmetrise else edges

    def _message_edges(self, edges: Edges) -> Edges:
        """Return the edges without those that a split holds out, which are put aside."""
        name, split = self._split()
        if split is None:
            return edges
        source, target = self._endpoints
        left, self.held_out = hold_out(
            edges,
            split,
            ids=(self._context.ids(source), self._context.ids(target)),
            homogeneous=source == target,
            symmetric=self.symmetric,
            where=f"{self._context.dataset.file}: splits.{name}",
        )
        return left

    def _split(self) -> tuple[str, EdgeSplit | None]:
        """Return the split of the relation's edges, if there is one, and its name."""
        splits = self._context.dataset.spec.edge_splits
        return next(((n, split) for n, split in splits.items() if split.relation == self.name), ("", None))

    def _held_out_description(self) -> dict[str, Any]:
        """Return what the manifest says about edges that are held out, where there are any."""
        if self.held_out is None:
            return {}
        parts = {part: len(self.held_out.of(part)) for part in HELD_OUT}
        return {"held_out": {"split": self._split()[0], **parts}}

    def _edges_of(self, name: str) -> Edges:
        """Return the edges of a relation that this one is made of; ``rev_`` turns them round.

        What is held out of that relation does not go into this one either.
        """
        forward = name.removeprefix("rev_")
        self._note("relation", forward)
        other = self._other(forward)
        if other._edge_type is None:
            raise self._not_built(forward)
        edges = other.stored.edges(other._edge_type.attr_names)
        return edges if forward == name else edges.reversed()

    def _ends_of(self, name: str) -> tuple[str, str]:
        """Return the node types at the ends of a relation that this one is made of."""
        forward = name.removeprefix("rev_")
        source, target = self._other(forward)._endpoints
        if not source:
            raise self._not_built(forward)
        return (source, target) if forward == name else (target, source)

    def _other(self, name: str) -> RelationJob:
        assert name in self.builder.needs(), f"needs() does not name {name}"
        return self._others[name]

    def _not_built(self, name: str) -> GraphError:
        return GraphError(
            f"is made of the relation {name!r}, which could not be built",
            where=self._relation.where,
            fix="Mend that relation first.",
        )

    def _note(self, kind: str, name: str) -> None:
        self.reads[f"{kind}:{name}" if name else kind] = None

    def _made_from(self) -> set[str]:
        """Return the modality node types whose content went into the edges, by whatever way."""
        return set(self.builder.made_from(self._context)).union(
            *(self._others[name]._made_from() for name in self.builder.needs())
        )

    def _made_of(self) -> set[str]:
        """Return the relations that went into the edges, by whatever way."""
        needs = self.builder.needs()
        return set(needs).union(*(self._others[name]._made_of() for name in needs))

    def _refuse_empty(self, why: str) -> None:
        raise GraphError(
            f"the relation has no edge: {why}",
            where=self._relation.where,
            fix="Mend it, leave it out, or set allow_empty to true.",
        )


def _checked(fitted: Fitted, where: str) -> Fitted:
    """Return what a builder's ``fit`` gave, if it can be kept in the graph's folder."""
    faults = Faults()
    for name, array in fitted.items():
        if not name.isidentifier() or not isinstance(array, np.ndarray) or array.dtype.kind not in "biufU":
            came = f"{array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
            faults.add(
                where,
                f"its fit() gave {came} as {name!r}; wanted an array of numbers or of text (dtype U)",
                "Mend the builder: objects cannot be kept.",
            )
    faults.raise_if_any(GraphError)
    return fitted
