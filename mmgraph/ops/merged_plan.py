"""One plan for the edges of several relations into a node type, for what looks at all of them at once."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import torch
from torch import Tensor

from mmgraph.ops.edge_plan import EdgePlan, make_plan


def merge_plans(plans: Sequence[EdgePlan]) -> EdgePlan:
    """Return one plan of all edges; the same plans give the same one for as long as they live.

    Args:
        plans: At least one, with as many targets each.

    Returns:
        The plan of the edges of all, one relation after the other, whose source nodes are those of all, one
        relation after the other.

    Example:
        >>> import torch
        >>> from mmgraph.ops import plan_edges
        >>> one = plan_edges(torch.tensor([[0, 1], [1, 0]]), 2, 2)
        >>> other = plan_edges(torch.tensor([[0], [0]]), 3, 2)
        >>> merged = merge_plans([one, other])
        >>> merged.num_source, merged.source, merged.target
        (5, tensor([1, 2, 0]), tensor([0, 0, 1]))
    """
    first, *others = plans
    if not others:
        return first
    kept = _KEPT.get(first)
    if kept is not None and [reference() for reference in kept[0]] == others:
        return kept[1]
    merged = _merge(plans)
    _KEPT[first] = ([weakref.ref(other) for other in others], merged)
    return merged


_KEPT: weakref.WeakKeyDictionary[EdgePlan, tuple[list[weakref.ref[EdgePlan]], EdgePlan]] = (
    weakref.WeakKeyDictionary()
)


def _merge(plans: Sequence[EdgePlan]) -> EdgePlan:
    sources: list[Tensor] = []
    places: list[Tensor] = []
    num_source = num_edges = 0
    for plan in plans:
        sources.append(plan.source + num_source)
        order = torch.arange(plan.num_edges, device=plan.sources.device) if plan.order is None else plan.order
        places.append(order + num_edges)
        num_source += plan.num_source
        num_edges += plan.num_edges
    # Each plan is sorted, and sources ascend from one to the next: the targets alone decide.
    target, order = torch.sort(torch.cat([plan.target for plan in plans]), stable=True)
    return make_plan(
        num_source, plans[0].num_target, torch.cat(places)[order], torch.cat(sources)[order], target
    )
