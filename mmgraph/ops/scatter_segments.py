"""The operations over a target's edges by torch-scatter, where it is installed."""

from __future__ import annotations

import torch
from torch import Tensor

from mmgraph.ops.composed_attention import SegmentOps
from mmgraph.ops.edge_plan import EdgePlan

# Keeps a target none of whose edges is kept at 0 / tiny = 0.
_TINY = 1e-16


def scatter_segments() -> SegmentOps:
    """Return torch-scatter's softmax and weighted sum over sorted edges."""
    from torch_scatter import gather_csr, segment_csr

    def softmax(logits: Tensor, edges: EdgePlan) -> Tensor:
        pointer = edges.target_pointer
        # Where a target has no edge torch-scatter's maximum is 0; what has no row is never gathered.
        top = segment_csr(logits.detach(), pointer, reduce="max")
        top = top.masked_fill(top == -torch.inf, 0.0)
        weight = (logits - gather_csr(top, pointer)).exp()
        total: Tensor = segment_csr(weight, pointer, reduce="sum") + _TINY
        shares: Tensor = weight / gather_csr(total, pointer)
        return shares

    def weighted_sum(values: Tensor, weight: Tensor, edges: EdgePlan) -> Tensor:
        messages = values.index_select(0, edges.source) * weight.unsqueeze(-1)
        total: Tensor = segment_csr(messages, edges.target_pointer, reduce="sum")
        return total

    return SegmentOps(softmax, weighted_sum)
