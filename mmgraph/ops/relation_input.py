"""What one relation brings to the attention of the node type it points at.

Shapes: S source nodes, N target nodes, E edges, H heads, D width of a head, K relations that share a tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mmgraph.errors import GraphError
from mmgraph.ops.edge_plan import EdgePlan
from mmgraph.ops.projection import Projection, Rows

SCORES = ("gat", "gatv2", "dot")


@dataclass(frozen=True, eq=False)
class RelationInput:
    """The operands of one relation.

    An operand that one matrix product made for K relations is given as it is, with a further axis after the
    first, and the relation's place on that axis as a slot; its gradient then comes in one piece as well. Or
    the product is left to the backend: a :class:`Projection`, or several on top of each other as
    :class:`StackedRows`.

    Args:
        values: What each source node sends, [S, H, D] or [S, K, H, D], or rows to be multiplied out.
        source: The source's share of an edge's score: [S, H] for ``gat``, [S, H, D] for ``gatv2``, the key
            [S, H, D] for ``dot``; or with K after S, or rows to be multiplied out. May be ``values`` itself.
            None for ``gat`` with a vector: what the vector and the values make, a . v_j.
        target: The target's share: [N, H] for ``gat``, [N, H, D] for ``gatv2``, the query [N, H, D] for
            ``dot``; or with K after N. Or a projection, of width 1 for ``gat``: all K relations that share
            its states and weight are multiplied out at once.
        edges: The plan of the relation's edges.
        source_slot: The place of the relation in ``values`` and ``source`` where these are tensors; None if
            they have no such axis.
        target_slot: The same for ``target``.
        vector: The vector a of ``gatv2``, or of ``gat`` without ``source``, [H, D].
        weight: Weight of each edge, above 0, [E] in the order of the edge index; None for 1.
        keep: Which edges take part, bool [E] in the order of the edge index; None for all.
        bias: What an edge's features add to its score, [E, H] in the order of the edge index; None for 0.
    """

    values: Tensor | Rows
    source: Tensor | Rows | None
    target: Tensor | Projection
    edges: EdgePlan
    source_slot: int | None = None
    target_slot: int | None = None
    vector: Tensor | None = None
    weight: Tensor | None = None
    keep: Tensor | None = None
    bias: Tensor | None = None

    @property
    def heads(self) -> int:
        """Number of heads H."""
        return self.values.shape[-2]

    @property
    def width(self) -> int:
        """Width of a head D."""
        return self.values.shape[-1]

    def check(self, score: str, where: str) -> None:
        """Make sure that all operands fit the edges and each other.

        Raises:
            GraphError: If one does not.
        """
        each = (self.heads,) if score == "gat" else (self.heads, self.width)
        asked = (*each, 1) if score == "gat" and isinstance(self.target, Projection) else each
        edges, shape = self.edges, (self.heads, self.width)
        by_vector = score == "gat" and self.source is None
        wanted = {
            "values": (self.values, (edges.num_source, *_slots(self.values, self.source_slot), *shape)),
            "source": (self.source, (edges.num_source, *_slots(self.source, self.source_slot), *each)),
            "target": (self.target, (edges.num_target, *_slots(self.target, self.target_slot), *asked)),
            "vector": (self.vector, shape if score == "gatv2" or by_vector else None),
            "weight": (self.weight, (edges.num_edges,)),
            "keep": (self.keep, (edges.num_edges,)),
            "bias": (self.bias, (edges.num_edges, self.heads)),
        }
        for name, (tensor, shape_wanted) in wanted.items():
            if tensor is None and name != "vector" and (name != "source" or by_vector):
                continue
            got = None if tensor is None else tuple(tensor.shape)
            faults = [] if tensor is None or isinstance(tensor, Tensor) else tensor.faults()
            if faults:
                raise GraphError(
                    faults[0],
                    where=f"{where}.{name}",
                    fix="See mmgraph.ops.Projection for the shapes.",
                )
            if got != shape_wanted:
                raise GraphError(
                    f"got the shape {got}; wanted {shape_wanted}",
                    where=f"{where}.{name}",
                    fix="See mmgraph.ops.RelationInput for the shapes of each score.",
                )


def _slots(operand: Tensor | Rows | None, slot: int | None) -> tuple[int, ...]:
    """Return the extent of the axis of slots, if there is one, and it has this one."""
    if slot is None or not isinstance(operand, Tensor):
        return ()
    extent = operand.shape[1] if operand.dim() > 1 else 0
    return (extent if 0 <= slot < extent else slot + 1,)
