"""Graph attention over all relations into one node type: the boundary behind which a fused kernel fits.

Shapes: S source nodes, N target nodes, E edges, H heads, D width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mmgraph.ops.edge_plan import EdgePlan
from mmgraph.ops.neighbour_sum import neighbour_sum
from mmgraph.ops.segment import segment_softmax


@dataclass(frozen=True, eq=False)
class RelationInput:
    """What one relation brings to the node type it points at.

    Args:
        values: What each source node sends, [S, H, D].
        source_logit: The source's share of an edge's logit, [S, H].
        target_logit: The target's share of it, [N, H].
        edges: The plan of the relation's edges.
        weight: Weight of each edge, above 0, [E] in the order of the edge index; None for 1.
        keep: Which edges take part, bool [E] in the order of the edge index; None for all.
    """

    values: Tensor
    source_logit: Tensor
    target_logit: Tensor
    edges: EdgePlan
    weight: Tensor | None = None
    keep: Tensor | None = None


def relational_attention(relations: Sequence[RelationInput], *, negative_slope: float = 0.2) -> list[Tensor]:
    r"""Return each relation's messages to the nodes of one type, a softmax over the edges of each relation.

    .. math::
        y_i^r = \sum_j \alpha_{ij}^r v_j^r, \quad
        \alpha_{ij}^r \propto w_{ij} \exp(\mathrm{LeakyReLU}(s_j^r + t_i^r))

    so that an edge of weight 2 counts like two parallel edges.

    Args:
        relations: All relations into the node type.
        negative_slope: Slope of the LeakyReLU below 0.

    Returns:
        One tensor [N, H, D] a relation; 0 for a node without edges in it.
    """
    return [_attend(relation, negative_slope) for relation in relations]


def _attend(relation: RelationInput, negative_slope: float) -> Tensor:
    edges = relation.edges
    logits = relation.source_logit.index_select(0, edges.source)
    logits = logits + relation.target_logit.index_select(0, edges.target)
    logits = functional.leaky_relu(logits, negative_slope)
    if relation.weight is not None:
        logits = logits + edges.arrange(relation.weight).to(logits.dtype).log().unsqueeze(1)
    if relation.keep is not None:
        logits = logits.masked_fill(~edges.arrange(relation.keep).unsqueeze(1), -torch.inf)
    attention = segment_softmax(logits, edges.target, edges.num_target)
    return neighbour_sum(relation.values, attention, edges)
