"""The mean or the maximum of a node's neighbours along one relation.

Shapes: S source nodes, N target nodes, E edges, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmgraph.layers.relational_layer import RelationEdges
from mmgraph.ops import neighbour_sum, segment_max, segment_sum


@torch.compiler.disable  # type: ignore[untyped-decorator]
def neighbour_mean(x: Tensor, edges: RelationEdges) -> Tensor:
    """Return the weighted mean of the neighbours' states, [N, C] from [S, C]; 0 for a node without any.

    Example:
        >>> import torch
        >>> from mmgraph.ops import plan_edges
        >>> plan = plan_edges(torch.tensor([[0, 1], [0, 0]]), 2, 2)
        >>> edges = RelationEdges(plan, weight=torch.tensor([1.0, 3.0]))
        >>> neighbour_mean(torch.tensor([[0.0], [4.0]]), edges).flatten()
        tensor([3., 0.])
    """
    plan = edges.plan
    weight = x.new_ones(plan.num_edges) if edges.weight is None else edges.weight.to(x.dtype)
    if edges.keep is not None:
        weight = weight * edges.keep
    weight = plan.arrange(weight)
    total = segment_sum(weight, plan.target, plan.num_target)
    # Without any edge kept there is nothing to divide: 0 / 1.
    share = weight / total.masked_fill(total == 0, 1.0).index_select(0, plan.target)
    return neighbour_sum(x.unsqueeze(1), share.unsqueeze(1), plan).squeeze(1)


def neighbour_max(x: Tensor, edges: RelationEdges) -> Tensor:
    """Return the largest of the neighbours' states by channel, [N, C] from [S, C]; 0 for a node without any.

    Weights make no difference, as parallel edges make none.

    Example:
        >>> import torch
        >>> from mmgraph.ops import plan_edges
        >>> plan = plan_edges(torch.tensor([[0, 1], [0, 0]]), 2, 2)
        >>> neighbour_max(torch.tensor([[0.0, 5.0], [4.0, 1.0]]), RelationEdges(plan))
        tensor([[4., 5.],
                [0., 0.]])
    """
    source, target = edges.plan.source, edges.plan.target
    if edges.keep is not None:
        kept = edges.plan.arrange(edges.keep)
        source, target = source[kept], target[kept]
    return segment_max(torch.index_select(x, 0, source), target, edges.plan.num_target)
