"""A plan in which every edge comes from a node of its own, for what an edge itself sends."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch

from mmgraph.ops.edge_plan import EdgePlan


def plan_edge_nodes(plan: EdgePlan) -> EdgePlan:
    """Return a plan with a source node for each edge, in sorted order; the same plan gives the same one.

    Example:
        >>> from mmgraph.ops import plan_edges
        >>> plan = plan_edge_nodes(plan_edges(torch.tensor([[0, 0, 1], [1, 0, 0]]), 2, 2))
        >>> plan.source, plan.target, plan.order
        (tensor([0, 1, 2]), tensor([0, 0, 1]), tensor([1, 2, 0]))
    """
    if plan not in _KEPT:
        nodes = torch.arange(plan.num_edges, device=plan.source.device)
        _KEPT[plan] = EdgePlan(plan.num_edges, plan.num_target, plan.order, nodes, plan.target)
    return _KEPT[plan]


_KEPT: WeakKeyDictionary[EdgePlan, EdgePlan] = WeakKeyDictionary()
