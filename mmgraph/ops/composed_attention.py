"""Relational attention put together from operations on segments; the reference for the fused kernels.

Shapes: N target nodes, E edges, H heads, D width of a head, R relations into a node type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from mmgraph.ops.edge_plan import EdgePlan
from mmgraph.ops.neighbour_sum import neighbour_sum
from mmgraph.ops.projection import Rows
from mmgraph.ops.relation_input import RelationInput
from mmgraph.ops.segment import segment_softmax


class SegmentOps(NamedTuple):
    """The two operations over a target's edges that a library may bring.

    Args:
        softmax: From logits [E, H] in the order of the plan to weights [E, H].
        weighted_sum: From values [S, H, D] and weights [E, H] to sums [N, H, D].
    """

    softmax: Callable[[Tensor, EdgePlan], Tensor]
    weighted_sum: Callable[[Tensor, Tensor, EdgePlan], Tensor]


def _plain_softmax(logits: Tensor, edges: EdgePlan) -> Tensor:
    return segment_softmax(logits, edges.target, edges.num_target)


PLAIN = SegmentOps(_plain_softmax, neighbour_sum)


def compose_attention(
    relations: Mapping[str, Sequence[RelationInput]],
    score: str,
    negative_slope: float,
    sum_relations: bool,
    ops: SegmentOps = PLAIN,
) -> dict[str, Tensor]:
    """Return what :func:`mmgraph.ops.relational_attention` does, each relation by itself."""
    slots = _Slots()
    result = {}
    for name, into in relations.items():
        messages = []
        for relation in into:
            attention = ops.softmax(_logits(relation, score, negative_slope, slots), relation.edges)
            values = slots.take(relation.values, relation.source_slot)
            messages.append(ops.weighted_sum(values, attention, relation.edges))
        stacked = torch.stack(messages)
        result[name] = stacked.sum(0) if sum_relations else stacked
    return result


def compose_weights(
    relations: Mapping[str, Sequence[RelationInput]], score: str, negative_slope: float
) -> dict[str, list[Tensor]]:
    """Return what :func:`mmgraph.ops.attention_weights` does."""
    slots = _Slots()
    return {
        name: [
            relation.edges.give_back(
                _plain_softmax(_logits(relation, score, negative_slope, slots), relation.edges)
            )
            for relation in into
        ]
        for name, into in relations.items()
    }


def log_weight(relation: RelationInput) -> Tensor | None:
    """Return what each edge's weight adds to its logits, [E] in the order of the plan; -inf if not kept."""
    edges, shift = relation.edges, None
    if relation.weight is not None:
        shift = edges.arrange(relation.weight).log()
    if relation.keep is not None:
        if shift is None:
            shift = torch.zeros(edges.num_edges, dtype=relation.values.dtype, device=relation.values.device)
        shift = shift.masked_fill(~edges.arrange(relation.keep), -torch.inf)
    return shift


def _logits(relation: RelationInput, score: str, negative_slope: float, slots: _Slots) -> Tensor:
    edges = relation.edges
    source = slots.take(relation.source, relation.source_slot).index_select(0, edges.source)
    target = slots.take(relation.target, relation.target_slot).index_select(0, edges.target)
    bias = None if relation.bias is None else edges.arrange(relation.bias)
    if score == "gat":
        logits = source + target if bias is None else source + target + bias
        logits = functional.leaky_relu(logits, negative_slope)
    elif score == "gatv2":
        assert relation.vector is not None
        logits = (functional.leaky_relu(source + target, negative_slope) * relation.vector).sum(-1)
    else:
        logits = (source * target).sum(-1) / math.sqrt(relation.width)
    if score != "gat" and bias is not None:
        logits = logits + bias
    shift = log_weight(relation)
    return logits if shift is None else logits + shift.unsqueeze(1)


class _Slots:
    """Takes operands apart; each once, so that its gradient is put together once as well."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[Tensor, ...]] = {}

    def take(self, tensor: Tensor | Rows | None, slot: int | None) -> Tensor:
        assert isinstance(tensor, Tensor), "projections are multiplied out before"
        if slot is None:
            return tensor
        if id(tensor) not in self._parts:
            self._parts[id(tensor)] = tensor.unbind(1)
        return self._parts[id(tensor)][slot]
