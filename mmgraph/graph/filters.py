"""What stays of a relation's edges: loops, weak edges, the strongest of each node, both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.config import Config
from mmgraph.errors import GraphError

if TYPE_CHECKING:
    from mmgraph.graph.attach_context import AttachContext
    from mmgraph.graph.context import BuildContext
    from mmgraph.graph.relation import Edges

    Context: TypeAlias = BuildContext | AttachContext


class Filters(Config):
    """Filters of one relation's edges. They apply in the order in which they stand here.

    Raises:
        ConfigError: If a value cannot be used.
    """

    self_loops: Literal["keep", "drop"] = Field(default="keep", description="Edges from a node to itself.")
    min_weight: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="The least weight of an edge that stays."
    )
    top_k: int | None = Field(
        default=None,
        ge=1,
        description="How many incoming edges a node keeps: those of the largest weight; "
        "of equal ones, those from the first sources.",
    )
    symmetrise: bool = Field(default=False, description="Let every edge hold in both directions.")

    def keeps_symmetry(self) -> bool:
        """Return whether a relation that holds in both directions still does after the filters."""
        return self.top_k is None

    def apply(self, edges: Edges, context: Context, *, homogeneous: bool) -> Edges:
        """Return the edges that stay, and count those that do not.

        Args:
            edges: No pair of nodes twice at the same time.
            context: Told how many edges each filter took.
            homogeneous: Whether source and target are the same node type.

        Raises:
            GraphError: If a filter needs weights and the relation has none.
        """
        if self.self_loops == "drop" and homogeneous:
            edges = _keep(edges, edges.source != edges.target, "self_loops_dropped", context)
        if self.min_weight is not None:
            strong = _weights(edges, "min_weight", context) >= self.min_weight
            edges = _keep(edges, strong, "below_min_weight", context)
        if self.top_k is not None:
            weight = _weights(edges, "top_k", context)
            edges = _keep(edges, strongest(edges, weight, self.top_k), "beyond_top_k", context)
        return edges


def strongest(edges: Edges, weight: NDArray[np.float32], k: int) -> NDArray[np.bool_]:
    """Return which edges are among the k of largest weight of their target, bool [E].

    Of equal weights the lower source comes first, then the earlier time.
    """
    time = np.zeros(len(edges), dtype=np.int64) if edges.time is None else edges.time
    order = np.lexsort((time, edges.source, -weight, edges.target))
    target = edges.target[order]
    rank = np.arange(len(target)) - np.searchsorted(target, target)
    kept = np.empty(len(target), dtype=bool)
    kept[order] = rank < k
    return kept


def _weights(edges: Edges, parameter: str, context: Context) -> NDArray[np.float32]:
    if edges.weight is None:
        raise GraphError(
            f"asks for the largest weights, but the relation {context.name!r} has none",
            where=context.at(f"filters.{parameter}"),
            fix="Give its edges weights, or remove the filter.",
        )
    return edges.weight


def _keep(edges: Edges, kept: NDArray[np.bool_], what: str, context: Context) -> Edges:
    context.count(what, int((~kept).sum()))
    return edges.take(kept)
