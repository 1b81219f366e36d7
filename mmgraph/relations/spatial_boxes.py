"""Edges between boxes that overlap, with their relative position and size: regions of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.errors import Faults, GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder
from mmgraph.registry import RELATIONS
from mmgraph.relations.box_pairs import Boxes, candidates, describe_pairs, iou_of_pairs
from mmgraph.relations.edge_limit import refuse_too_many
from mmgraph.relations.entity_columns import Context, labels, read_by
from mmgraph.relations.numeric_columns import numeric_columns
from mmgraph.relations.spans import Positions

NAMES = ("dx", "dy", "log_width", "log_height", "iou")


@RELATIONS.register("spatial_boxes")
@dataclass(frozen=True)
class SpatialBoxes(RelationBuilder):
    """Edges between boxes, in both directions, that say where one is as seen from the other.

    Edge features: ``dx`` and ``dy``, from the target's centre to the source's, in widths and heights of the
    target; ``log_width`` and ``log_height``, the logarithm of the source's size over the target's; and
    ``iou``, the area that the two share over the area that they cover. As both directions are there, no
    reverse relation is made. An entity without a box or a group has no edge.

    Args:
        entity: The entity type whose entities have boxes.
        columns: The four columns of a box, as ``form`` says.
        form: ``xywh`` for the least x and y, width and height; ``corners`` for the least and the largest x
            and y.
        min_iou: The least overlap of two boxes; nothing for an edge between any two of a group.
        within: A column, such as the image's id; only entities with the same value have edges.
        weight: ``iou`` weighs edges by the overlap; ``none`` leaves them without weights.
        max_edges: Refuse to look at more pairs than this.

    Example:
        >>> SpatialBoxes("region", ["x", "y", "w", "h"], within="image", min_iou=0.2).default_name
        'overlaps'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    inductive: ClassVar[bool] = True

    entity: Annotated[str, Field(description="The entity type whose entities have boxes.")]
    columns: Annotated[tuple[str, str, str, str], Field(description="The four columns of a box.")]
    form: Annotated[
        Literal["xywh", "corners"], Field(description="x, y, width, height; or least and largest x and y.")
    ] = "xywh"
    min_iou: Annotated[
        float | None, Field(gt=0, le=1, description="The least overlap; nothing for any two of a group.")
    ] = 0.1
    within: Annotated[
        str | None, Field(description="A column; only entities with the same value have edges.")
    ] = None
    weight: Annotated[Literal["none", "iou"], Field(description="Weigh edges by the overlap.")] = "none"
    max_edges: Annotated[int, Field(ge=1, description="Refuse to look at more pairs.")] = 20_000_000

    @property
    def default_name(self) -> str:
        """``overlaps``, or ``beside`` for any two boxes of a group."""
        return "beside" if self.min_iou is None else "overlaps"

    @property
    def one_way(self) -> bool:
        """Both directions are among the edges, each with features of its own."""
        return True

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the entity type twice."""
        entity = context.entity(self.entity, parameter="entity")
        return entity, entity

    def made_from(self, context: BuildContext) -> tuple[str, ...]:
        """Return the modalities that are read from the same columns."""
        return read_by(context, self.entity, (*self.columns, self.within))

    def check(self, context: BuildContext) -> None:
        """Refuse a column that a task predicts, and weights that would be 0.

        Raises:
            GraphError: With the fault that was found first.
        """
        for position, column in enumerate(self.columns):
            context.refuse_target(self.entity, column, parameter=f"columns[{position}]")
        context.refuse_target(self.entity, self.within, parameter="within")
        if self.weight == "iou" and self.min_iou is None:
            raise GraphError(
                "got 'iou', but without min_iou boxes that do not overlap have edges, whose weight is 0",
                where=context.at("weight"),
                fix="Set min_iou, or leave the edges without weights.",
            )

    def fit(self, context: BuildContext) -> Fitted:
        """Return boxes and groups, by which new boxes find those that they overlap."""
        boxes = self._boxes(context)
        return {"corners": boxes.corners, "group": boxes.group}

    def build(self, context: BuildContext) -> Edges:
        """Return the edges between boxes.

        Raises:
            GraphError: If there are more pairs to look at than ``max_edges``.
        """
        boxes = Boxes(context.fitted["corners"], context.fitted["group"])
        context.count("without_box_or_group", int((~boxes.usable).sum()))
        senders = boxes.take(context.permitted(self.entity))
        overlapping = self.min_iou is not None
        count, pairs = candidates(senders, boxes, overlapping=overlapping)
        refuse_too_many(count, self.max_edges, "within", context)
        source, target = pairs()
        apart = source != target
        return self._edges(senders, boxes, source[apart], target[apart])

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges from known boxes to new ones."""
        known, new = Boxes(context.fitted["corners"], context.fitted["group"]), self._boxes(context)
        senders = known.take(context.permitted(self.entity))
        _, pairs = candidates(senders, new, overlapping=self.min_iou is not None)
        return Attached(self._edges(senders, new, *pairs()))

    def why_empty(self, context: BuildContext) -> str:  # noqa: ARG002
        """Return why no two boxes have an edge."""
        group = f" with the same {self.within!r}" if self.within else ""
        return f"no two boxes{group}" + (f" overlap by {self.min_iou:g}" if self.min_iou else "")

    def _boxes(self, context: Context) -> Boxes:
        columns = numeric_columns(context, self.entity, self.columns)
        corners = np.stack([column.numbers for column in columns], axis=1)
        faults = Faults()
        sizes = corners[:, 2:] - corners[:, :2] if self.form == "corners" else corners[:, 2:]
        wanted = "more than the least one" if self.form == "corners" else "a size above 0"
        for column, size in zip(columns[2:], sizes.T, strict=True):
            column.refuse(size <= 0, wanted, faults)
        faults.raise_if_any(GraphError)
        if self.form == "xywh":
            corners[:, 2:] += corners[:, :2]
        return Boxes(corners, labels(context, self.entity, self.within, parameter="within"))

    def _edges(self, known: Boxes, asked: Boxes, source: Positions, target: Positions) -> Edges:
        iou: NDArray[np.float64] = iou_of_pairs(known.corners[source], asked.corners[target])
        if self.min_iou is not None:
            kept = iou >= self.min_iou
            source, target, iou = source[kept], target[kept], iou[kept]
        attr = describe_pairs(known.corners[source], asked.corners[target], iou)
        weight = iou.astype(np.float32) if self.weight == "iou" else None
        return Edges(source, target, weight, attr, NAMES)
