"""Edges from children to parents and further ancestors, or between siblings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.data.columns import Column, pick
from mmgraph.errors import DataError, Faults, GraphError, MMGraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder, nothing
from mmgraph.registry import RELATIONS
from mmgraph.relations.ancestry import TooManyError, ancestors, find_cycle, siblings, written
from mmgraph.relations.edge_limit import refuse_too_many
from mmgraph.relations.entity_columns import Context, entity_column, read_by
from mmgraph.relations.id_columns import Unknown, positions_of
from mmgraph.relations.spans import Positions

Steps = tuple[Positions, Positions]
"""Children and their parents."""


@RELATIONS.register("hierarchy")
@dataclass(frozen=True)
class Hierarchy(RelationBuilder):
    """Edges from a child to its parent and further ancestors, or between siblings.

    A hierarchy with a cycle is refused. An entity without a parent is a root; one may have several parents,
    by rows of a table.

    Args:
        entity: The entity type of children and parents.
        parent_column: The column with the parent's id, empty for a root.
        table: A table of children and parents, relative to the dataset folder; nothing for the table of the
            entity type itself.
        child_column: The column of ``table`` with the child's id.
        link: ``ancestors``, or ``siblings`` for entities that have a parent in common.
        depth: How many steps up ancestors are; nothing for all. Unless it is 1, every edge carries the number
            of steps as the edge feature ``depth``.
        max_group: A parent with more children than this makes nobody siblings.
        unknown: What to do with an id that no entity has: ``error``, or ``skip`` and count it.
        max_edges: Refuse to build more edges than this.

    Example:
        >>> Hierarchy("category", depth=None).default_name
        'ancestor'
    """

    kind: ClassVar[Literal["given", "derived"]] = "given"
    inductive: ClassVar[bool] = True

    entity: Annotated[str, Field(description="The entity type of children and parents.")]
    parent_column: Annotated[str, Field(description="The column with the parent's id.")] = "parent"
    table: Annotated[
        str | None, Field(description="A table of children and parents; nothing for the entity type's own.")
    ] = None
    child_column: Annotated[str, Field(description="The column of the table with the child's id.")] = "child"
    link: Annotated[
        Literal["ancestors", "siblings"], Field(description="Ties to ancestors, or between siblings.")
    ] = "ancestors"
    depth: Annotated[int | None, Field(ge=1, description="How many steps up; nothing for all.")] = 1
    max_group: Annotated[
        int, Field(ge=2, description="A parent with more children makes nobody siblings.")
    ] = 50
    unknown: Annotated[Unknown, Field(description="What to do with an id that no entity has.")] = "error"
    max_edges: Annotated[int, Field(ge=1, description="Refuse to build more edges.")] = 20_000_000

    @property
    def default_name(self) -> str:
        """``parent``, ``ancestor`` or ``sibling``."""
        return "sibling" if self.link == "siblings" else "parent" if self.depth == 1 else "ancestor"

    @property
    def symmetric(self) -> bool:
        """Siblings are so both ways."""
        return self.link == "siblings"

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the entity type twice."""
        entity = context.entity(self.entity, parameter="entity")
        return entity, entity

    def made_from(self, context: BuildContext) -> tuple[str, ...]:
        """Return the modalities that are read from the column of parents."""
        return read_by(context, self.entity, [self.parent_column] if self.table is None else [])

    def check(self, context: BuildContext) -> None:
        """Refuse a column that a task predicts.

        Raises:
            GraphError: If the parent is what a task predicts.
        """
        for entity, spec in context.dataset.spec.entities.items():
            if (entity == self.entity and self.table is None) or spec.table == self.table:
                context.refuse_target(entity, self.parent_column, parameter="parent_column")
                if self.table is not None:
                    context.refuse_target(entity, self.child_column, parameter="child_column")

    def fit(self, context: BuildContext) -> Fitted:
        """Return children and parents, into which new entities are put.

        Raises:
            DataError: If a column or an id cannot be used.
            GraphError: If there is a cycle.
        """
        ids = np.array(context.dataset.entity_ids(self.entity), dtype=object)
        child, parent = self._steps(context, ids, unknown=self.unknown)
        cycle = find_cycle(child, parent, len(ids))
        if cycle:
            raise GraphError(
                f"the hierarchy has a cycle: {written(cycle, ids)}",
                where=context.at("parent_column"),
                fix="Give one of them another parent, or none.",
            )
        return {"child": child, "parent": parent}

    def build(self, context: BuildContext) -> Edges:
        """Return the edges to ancestors, or between siblings.

        Raises:
            GraphError: If there are more than ``max_edges``.
        """
        child, parent = context.fitted["child"], context.fitted["parent"]
        if self.link == "siblings":
            large = np.bincount(parent) > self.max_group
            context.count("parents_over_max_group", int(large.sum()))
            kept = ~large[parent]
            child, parent = child[kept], parent[kept]
            source, target = siblings(child, parent, child, parent)
            apart = source != target
            # Who has two parents in common with another is no more of a sibling.
            pairs = np.unique(np.stack([source[apart], target[apart]]), axis=1)
            return Edges(pairs[0], pairs[1])
        size = context.num_nodes(self.entity)
        try:
            return self._edges(*ancestors(child, parent, size, depth=self.depth, limit=self.max_edges))
        except TooManyError as error:
            refuse_too_many(error.count, self.max_edges, "depth", context)
            raise

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges from new children to known ancestors, or from known siblings."""
        if self.table is not None and not context.has_table(self.table):
            return nothing()
        known, new = context.known_ids(self.entity), context.ids(self.entity)
        size = len(known) + len(new)
        child, parent = self._steps(context, np.concatenate([known, new]), unknown="skip")
        old_child, old_parent = context.fitted["child"], context.fitted["parent"]
        # New entities are strangers to each other, also where one is the parent of another.
        joins = (child >= len(known)) & (parent < len(known))
        adopts = (child < len(known)) & (parent >= len(known))
        if self.link == "siblings":
            few = np.bincount(old_parent, minlength=len(known)) < self.max_group
            joins &= few[np.where(joins, parent, 0)]
            source, target = siblings(old_child, old_parent, child[joins], parent[joins])
            pairs = np.unique(np.stack([source, target - len(known)]), axis=1)
            return Attached(Edges(pairs[0], pairs[1]))
        sides = []
        for more in (adopts, joins):
            steps = np.concatenate([old_child, child[more]]), np.concatenate([old_parent, parent[more]])
            node, ancestor, depth = ancestors(*steps, size, depth=self.depth, limit=self.max_edges)
            fresh = (node >= len(known)) | (ancestor >= len(known))
            sides.append((node[fresh], ancestor[fresh], depth[fresh]))
        (node, ancestor, depth), (new_node, known_ancestor, new_depth) = sides
        return Attached(
            self._edges(node, ancestor - len(known), depth),
            self._edges(new_node - len(known), known_ancestor, new_depth),
        )

    def why_empty(self, context: BuildContext) -> str:
        """Return why nobody has a parent or a sibling."""
        if not len(context.fitted["child"]):
            return f"no entity has a parent in {self.parent_column!r}"
        return "no two entities have a parent with at most max_group children in common"

    def _edges(self, source: Positions, target: Positions, depth: Positions) -> Edges:
        if self.depth == 1:
            return Edges(source, target)
        return Edges(source, target, attr=depth.astype(np.float32)[:, None], attr_names=("depth",))

    def _steps(self, context: Context, ids: NDArray[np.object_], *, unknown: Unknown) -> Steps:
        """Return the children and parents that a table names, by their positions among the ids."""
        if self.table is None:
            parents = entity_column(context, self.entity, self.parent_column, parameter="parent_column")
            first = len(ids) - context.num_nodes(self.entity)
            child = np.arange(first, len(ids), dtype=np.int64)
            parent = self._found(parents, ids, unknown)
        else:
            parents = self._column("parent_column", context)
            child = self._found(self._column("child_column", context), ids, unknown, empty_is_unknown=True)
            parent = self._found(parents, ids, unknown)
        known = (child >= 0) & (parent >= 0)
        if isinstance(context, AttachContext):
            first = len(ids) - context.num_nodes(self.entity)
            for one, other in ((child, parent), (parent, child)):
                named = (one >= first) & (other < 0) & ~parents.missing
                context.note_unknown(self.entity, one[named] - first)
        context.count("rows_skipped", int((~known & ~parents.missing).sum()))
        # A row that stands twice is one step.
        steps = np.unique(np.stack([child[known], parent[known]]), axis=1)
        return steps[0], steps[1]

    def _column(self, parameter: Literal["parent_column", "child_column"], context: Context) -> Column:
        assert self.table is not None
        frame = context.table(self.table)
        return pick(
            frame, getattr(self, parameter), file=context.file(self.table), where=context.at(parameter)
        )

    def _found(
        self,
        column: Column,
        ids: NDArray[np.object_],
        unknown: Unknown,
        *,
        empty_is_unknown: bool = False,
    ) -> Positions:
        faults = Faults()
        try:
            rows = positions_of(
                column,
                ids,
                entity=self.entity,
                unknown=unknown,
                faults=faults,
                empty_is_unknown=empty_is_unknown,
            )
        except MMGraphError as error:
            raise DataError.of(error.faults) from None
        faults.raise_if_any(DataError)
        return rows
