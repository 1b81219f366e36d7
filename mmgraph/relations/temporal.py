"""Edges from what came before to what came after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.counted import agreed
from mmgraph.errors import GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder
from mmgraph.registry import RELATIONS
from mmgraph.relations.duration import Duration, in_units_of
from mmgraph.relations.entity_columns import Context, entity_column, labels, read_by
from mmgraph.relations.spans import Positions
from mmgraph.relations.timeline import Timeline, earlier, later

_EXACT = 2.0**53
"""Up to here every whole number is one of 64 bits."""


@RELATIONS.register("temporal")
@dataclass(frozen=True)
class Temporal(RelationBuilder):
    """Edges to an entity from the entities before it: the last few, those of the last days, or both.

    Nothing runs backwards in time: there is no reverse relation, unless ``direction`` asks for both. Two
    entities at the same time have no edge, as neither is earlier; of several equally early ones the first by
    id count as nearer. An entity without a time or a group has no edge either. Every edge carries the time
    of the later entity, where times are dates or whole numbers.

    Args:
        entity: The entity type.
        column: The column of its table with numbers or dates.
        k: How many earlier ones an entity hears from, the last ones; nothing for all within the window.
        window: How long ago they may be: a number in the unit of the column (of dates: seconds), or a number
            and one of s, min, h, d and w; nothing for any time.
        within: A column; only entities with the same value have edges.
        half_life: The age at which the weight of an edge is a half, written as the window; nothing for no
            weights.
        direction: ``past`` for edges from earlier to later only, or ``both``.

    Example:
        >>> Temporal("post", "written", k=3, window="7d", within="author").default_name
        'after_written'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    inductive: ClassVar[bool] = True

    entity: Annotated[str, Field(description="The entity type.")]
    column: Annotated[str, Field(description="The column of its table with numbers or dates.")]
    k: Annotated[int | None, Field(ge=1, description="How many earlier ones an entity hears from.")] = None
    window: Annotated[
        Duration | None, Field(description="How long ago they may be, e.g. 7d; a number is in seconds.")
    ] = None
    within: Annotated[
        str | None, Field(description="A column; only entities with the same value have edges.")
    ] = None
    half_life: Annotated[
        Duration | None, Field(description="The age at which the weight of an edge is a half.")
    ] = None
    direction: Annotated[
        Literal["past", "both"], Field(description="From earlier to later only, or both ways.")
    ] = "past"

    @property
    def default_name(self) -> str:
        """``after_`` and the name of the column."""
        return f"after_{self.column}"

    @property
    def symmetric(self) -> bool:
        """Only where both directions are asked for."""
        return self.direction == "both"

    @property
    def one_way(self) -> bool:
        """Whether nothing may run backwards in time."""
        return super().one_way or self.direction == "past"

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the entity type twice."""
        entity = context.entity(self.entity, parameter="entity")
        return entity, entity

    def made_from(self, context: BuildContext) -> tuple[str, ...]:
        """Return the modalities that are read from the same columns."""
        return read_by(context, self.entity, (self.column, self.within))

    def check(self, context: BuildContext) -> None:
        """Refuse a column that a task predicts, and a relation among all pairs.

        Raises:
            GraphError: If there is neither ``k`` nor ``window``, or a column is the target of a task.
        """
        context.refuse_target(self.entity, self.column, parameter="column")
        context.refuse_target(self.entity, self.within, parameter="within")
        if self.k is None and self.window is None:
            raise GraphError(
                "is missing, and so is window: every entity would hear from all before it",
                where=context.at("k"),
                fix="Give a number of earlier ones, a duration, or both.",
            )

    def fit(self, context: BuildContext) -> Fitted:
        """Return times and groups, by which new entities find those before them."""
        time, group, dated = self._line(context)
        return {"time": time, "group": group, "dated": np.array(dated)}

    def estimate(self, context: BuildContext) -> int | None:
        """Return how many edges there will be at most."""
        return None if self.k is None else self.k * context.num_nodes(self.entity)

    def build(self, context: BuildContext) -> Edges:
        """Return the edges from earlier entities to later ones."""
        line = Timeline(context.fitted["time"], context.fitted["group"])
        left_out = int((~line.usable).sum())
        if left_out:
            context.count("without_time_or_group", left_out)
            context.warn(
                f"{left_out:,} of {len(line.time):,} entities {agreed(left_out, 'has', 'have')} no time or "
                "group, and so no edge here"
            )
        window = self._units("window", context)
        senders = line.take(context.permitted(self.entity))
        source, target, beyond = earlier(senders, line, k=self.k, window=window)
        if self.window is not None:
            context.count("with_more_than_k_in_window", beyond)
        return self._edges(source, target, line.time[source], line.time[target], context)

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges to new entities from the known ones before them, and from those to later ones."""
        known = Timeline(context.fitted["time"], context.fitted["group"])
        time, group, dated = self._line(context)
        if dated != bool(context.fitted["dated"]) and not np.isnan(time).all():
            kinds = {True: "dates", False: "numbers"}
            raise GraphError(
                f"got {kinds[dated]} in {self.column!r}; wanted {kinds[not dated]}, as in the graph",
                where=context.at("column"),
                fix="Write the times alike.",
            )
        new, window = Timeline(time, group), self._units("window", context)
        senders = known.take(context.permitted(self.entity))
        source, target, _ = earlier(senders, new, k=self.k, window=window)
        after, before = later(known, new, k=self.k, window=window)
        return Attached(
            self._edges(source, target, known.time[source], new.time[target], context),
            self._edges(before, after, new.time[before], known.time[after], context),
        )

    def why_empty(self, context: BuildContext) -> str:  # noqa: ARG002
        """Return why no entity has one before it."""
        group = f" with the same {self.within!r}" if self.within else ""
        return f"no two entities{group} are at different times of {self.column!r} and near enough"

    def _line(self, context: Context) -> tuple[NDArray[np.float64], NDArray[np.str_], bool]:
        """Return the times and the groups of entities, and whether the times are dates."""
        column = entity_column(context, self.entity, self.column, parameter="column")
        time, dated = column.moments()
        return time, labels(context, self.entity, self.within, parameter="within"), dated

    def _units(self, parameter: Literal["window", "half_life"], context: Context) -> float | None:
        given = getattr(self, parameter)
        dated = bool(context.fitted["dated"])
        return None if given is None else in_units_of(given, dated=dated, where=context.at(parameter))

    def _edges(
        self,
        source: Positions,
        target: Positions,
        sent: NDArray[np.float64],
        heard: NDArray[np.float64],
        context: Context,
    ) -> Edges:
        """Return edges with weights and times, from the times of their ends."""
        return Edges(source, target, self._weight(heard - sent, context), time=_edge_time(heard, context))

    def _weight(self, age: NDArray[np.float64], context: Context) -> NDArray[np.float32] | None:
        half_life = self._units("half_life", context)
        if half_life is None:
            return None
        # Whatever is too old for 32 bits has the least weight that there is.
        least = np.finfo(np.float32).tiny
        return np.maximum(0.5 ** (age / half_life), least).astype(np.float32)


def _edge_time(time: NDArray[np.float64], context: Context) -> Positions | None:
    """Return times as whole numbers; nothing for a relation whose entities are at fractions of numbers."""
    known = context.fitted["time"][~np.isnan(context.fitted["time"])]
    whole = (known == np.floor(known)) & (np.abs(known) <= _EXACT)
    if not (context.fitted["dated"] or whole.all()):
        return None
    return np.floor(time).astype(np.int64)
