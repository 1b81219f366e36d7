"""Edges between what is near in space: by plain coordinates, or on the globe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.counted import agreed, counted
from mmgraph.errors import Faults, GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder
from mmgraph.registry import RELATIONS
from mmgraph.relations.edge_limit import refuse_too_many
from mmgraph.relations.entity_columns import Context, labels, read_by
from mmgraph.relations.few_others import warn_if_few
from mmgraph.relations.globe import chord, kilometres, on_sphere
from mmgraph.relations.near import Near, Places, Search
from mmgraph.relations.numeric_columns import numeric_columns

_DEGREES = (90.0, 180.0)


@RELATIONS.register("spatial_distance")
@dataclass(frozen=True)
class SpatialDistance(RelationBuilder):
    """Edges to an entity from those near it: the k nearest, those within a radius, or both.

    Every edge carries its distance. An entity without a place or a group has no edge. Of equally near ones
    beyond k any may stay, but always the same.

    Args:
        entity: The entity type.
        columns: The columns with the coordinates, in any number; for ``haversine`` latitude and longitude,
            in degrees.
        metric: ``euclidean``, or ``haversine`` for kilometres on the globe.
        k: How many neighbours an entity hears from; nothing for all within the radius.
        radius: The largest distance, for ``haversine`` in km; nothing for any.
        within: A column; only entities with the same value have edges.
        half_distance: The distance at which the weight of an edge is a half; nothing for no weights.
        max_edges: Refuse to build more edges than this.

    Example:
        >>> SpatialDistance("city", ["latitude", "longitude"], metric="haversine", radius=200).default_name
        'near'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    inductive: ClassVar[bool] = True

    entity: Annotated[str, Field(description="The entity type.")]
    columns: Annotated[tuple[str, ...], Field(min_length=1, description="The columns with coordinates.")]
    metric: Annotated[
        Literal["euclidean", "haversine"], Field(description="Plain, or km from latitude and longitude.")
    ] = "euclidean"
    k: Annotated[int | None, Field(ge=1, description="How many neighbours an entity hears from.")] = None
    radius: Annotated[
        float | None, Field(gt=0, allow_inf_nan=False, description="The largest distance; haversine: km.")
    ] = None
    within: Annotated[
        str | None, Field(description="A column; only entities with the same value have edges.")
    ] = None
    half_distance: Annotated[
        float | None,
        Field(gt=0, allow_inf_nan=False, description="The distance at which the weight is a half."),
    ] = None
    max_edges: Annotated[int, Field(ge=1, description="Refuse to build more edges.")] = 20_000_000

    @property
    def default_name(self) -> str:
        """``near``."""
        return "near"

    @property
    def symmetric(self) -> bool:
        """Being within a radius goes both ways, being among the nearest does not."""
        return self.k is None

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the entity type twice."""
        entity = context.entity(self.entity, parameter="entity")
        return entity, entity

    def made_from(self, context: BuildContext) -> tuple[str, ...]:
        """Return the modalities that are read from the same columns."""
        return read_by(context, self.entity, (*self.columns, self.within))

    def check(self, context: BuildContext) -> None:
        """Refuse a column that a task predicts, a relation among all pairs, and a globe of three columns.

        Raises:
            GraphError: With the fault that was found first.
        """
        for position, column in enumerate(self.columns):
            context.refuse_target(self.entity, column, parameter=f"columns[{position}]")
        context.refuse_target(self.entity, self.within, parameter="within")
        if self.k is None and self.radius is None:
            raise GraphError(
                "is missing, and so is radius: every entity would be near every other",
                where=context.at("k"),
                fix="Give a number of neighbours, a radius, or both.",
            )
        if self.metric == "haversine" and len(self.columns) != 2:
            raise GraphError(
                f"got {counted(len(self.columns), 'column')}; wanted latitude and longitude",
                where=context.at("columns"),
                fix="Give the two columns in this order, in degrees.",
            )

    def fit(self, context: BuildContext) -> Fitted:
        """Return places and groups, by which new entities find those near them."""
        point, group = self._places(context)
        return {"point": point, "group": group}

    def estimate(self, context: BuildContext) -> int | None:
        """Return how many edges there will be at most."""
        return None if self.k is None else self.k * context.num_nodes(self.entity)

    def build(self, context: BuildContext) -> Edges:
        """Return the edges from near entities.

        Raises:
            GraphError: If there are more than ``max_edges``.
        """
        places = Places(context.fitted["point"], context.fitted["group"])
        left_out = int((~places.usable).sum())
        if left_out:
            context.count("without_place_or_group", left_out)
            context.warn(
                f"{left_out:,} of {len(places.point):,} entities {agreed(left_out, 'has', 'have')} no place "
                "or group, and so no edge here"
            )
        search = Search(places.take(context.permitted(self.entity)), places)
        if self.k is not None:
            warn_if_few(self.k, self.entity, context)
            return self._edges(search.nearest(self.k, radius=self._reach, without_self=True))
        refuse_too_many(search.count_within(self._reach), self.max_edges, "radius or within", context)
        found = search.within(self._reach)
        return self._edges(found.take(found.source != found.target))

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges to new entities from near known ones, and from them to those known ones whose
        neighbours they would be."""
        known = Places(context.fitted["point"], context.fitted["group"])
        new = Places(*self._places(context))
        senders = known.take(context.permitted(self.entity))
        if self.k is None:
            # As the relation is symmetric, those within the radius are all.
            return Attached(self._edges(Search(senders, new).within(self._reach)))
        incoming = Search(senders, new).nearest(self.k, radius=self._reach)
        around = Search(senders, known).nearest(self.k, radius=self._reach, without_self=True)
        # A known entity with k neighbours already gives way only to one that is nearer than the last of them.
        last = np.zeros(len(known.point))
        np.maximum.at(last, around.target, around.distance)
        full = np.bincount(around.target, minlength=len(last)) >= self.k
        outgoing = Search(new, known).within_reach(np.where(full, last, self._reach))
        return Attached(self._edges(incoming), self._edges(outgoing))

    def why_empty(self, context: BuildContext) -> str:  # noqa: ARG002
        """Return why no entity has one near it."""
        group = f" with the same {self.within!r}" if self.within else ""
        reach = f" within {self.radius:g}" if self.radius else ""
        return f"no two entities{group} have places{reach}"

    @property
    def _reach(self) -> float:
        """The radius as the search measures it."""
        radius = np.inf if self.radius is None else self.radius
        return chord(radius) if self.metric == "haversine" else radius

    def _places(self, context: Context) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
        """Return points as the search measures them, and their groups."""
        columns = numeric_columns(context, self.entity, self.columns)
        point = np.stack([column.numbers for column in columns], axis=1)
        if self.metric == "haversine":
            faults = Faults()
            for column, limit in zip(columns, _DEGREES, strict=True):
                column.refuse(np.abs(column.numbers) > limit, f"{-limit:g} to {limit:g} degrees", faults)
            faults.raise_if_any(GraphError)
            point = on_sphere(point)
        return point, labels(context, self.entity, self.within, parameter="within")

    def _edges(self, found: Near) -> Edges:
        distance = kilometres(found.distance) if self.metric == "haversine" else found.distance
        weight = None
        if self.half_distance is not None:
            least = np.finfo(np.float32).tiny
            weight = np.maximum(0.5 ** (distance / self.half_distance), least).astype(np.float32)
        attr = distance.astype(np.float32)[:, None]
        return Edges(found.source, found.target, weight, attr, ("distance",))
