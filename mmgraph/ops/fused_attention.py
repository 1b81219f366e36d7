"""Relational attention by fused kernels: one node of the autograd graph for all relations of a layer.

No tensor of E x H x D is made, forward or backward. What is kept for the backward pass is one [E, H] a
relation. Backward reads the gradient of a target once for each edge: for the values' gradient and for the
attention's.

Shapes: N target nodes, E edges, H heads, D width of a head, R relations into a node type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmgraph.ops.composed_attention import log_weight
from mmgraph.ops.edge_plan import EdgePlan
from mmgraph.ops.projection import Rows, StackedRows
from mmgraph.ops.relation_input import RelationInput


@dataclass(frozen=True)
class Operand:
    """One relation's share of a tensor: which of the tensors, and its slot among those that share it."""

    tensor: int
    slot: int
    num_slots: int


@dataclass(frozen=True)
class Part:
    """Rows of a projected operand: the numbers of states, weight and bias, and the slot among these."""

    x: int
    weight: int
    bias: int | None
    slot: int


@dataclass(frozen=True, eq=False)
class Projected:
    """An operand whose rows are yet to be multiplied out, part after part; itself once in a call."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class Task:
    """One relation: its edges, and where its operands and its result are.

    ``shift``, ``bias`` and ``vector`` are numbers of tensors, or None; without ``source``, the vector and the
    values make it. The result is slab ``slab`` of output
    ``output``.
    """

    edges: EdgePlan
    values: Operand | Projected
    source: Operand | Projected | None
    target: Operand
    shift: int | None
    bias: int | None
    vector: int | None
    output: int
    slab: int


@dataclass(frozen=True, eq=False)
class Spec:
    """All relations of one call, with what they have in common.

    ``outputs`` holds the shape [slabs, N, H, D] of each output.
    """

    score: str
    negative_slope: float
    heads: int
    width: int
    tasks: tuple[Task, ...]
    outputs: tuple[tuple[int, int, int, int], ...]


class Kernels(Protocol):
    """What a fused backend brings."""

    def forward(self, spec: Spec, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return the outputs, and for each task whatever backward needs, no more than about [E, H]."""

    def backward(
        self,
        spec: Spec,
        tensors: Sequence[Tensor],
        saved: Sequence[Tensor],
        gradients: Sequence[Tensor],
        wanted: Sequence[bool],
    ) -> list[Tensor | None]:
        """Return the gradient of each tensor that one is wanted of."""


def fuse_attention(
    kernels: Kernels,
    relations: Mapping[str, Sequence[RelationInput]],
    score: str,
    negative_slope: float,
    sum_relations: bool,
) -> dict[str, Tensor]:
    """Return what :func:`mmgraph.ops.relational_attention` does, by these kernels."""
    result: dict[str, Tensor] = {}
    for names in _alike(relations):
        spec, tensors = _describe({n: relations[n] for n in names}, score, negative_slope, sum_relations)
        outputs = _Fused.apply(kernels, spec, *tensors)  # type: ignore[no-untyped-call]
        result.update({n: y[0] if sum_relations else y for n, y in zip(names, outputs, strict=True)})
    return {name: result[name] for name in relations}


def _alike(relations: Mapping[str, Sequence[RelationInput]]) -> list[list[str]]:
    """Return the node types in groups of the same number and width of heads: one group, as a rule."""
    groups: dict[tuple[int, int], list[str]] = {}
    for name, into in relations.items():
        groups.setdefault((into[0].heads, into[0].width), []).append(name)
    return list(groups.values())


def _describe(
    relations: Mapping[str, Sequence[RelationInput]], score: str, negative_slope: float, sum_relations: bool
) -> tuple[Spec, list[Tensor]]:
    tensors: list[Tensor] = []
    known: dict[int, int] = {}

    def number(tensor: Tensor) -> int:
        if id(tensor) not in known:
            known[id(tensor)] = len(tensors)
            tensors.append(tensor)
        return known[id(tensor)]

    def optional(tensor: Tensor | None) -> int | None:
        return None if tensor is None else number(tensor)

    def operand(tensor: Tensor, slot: int | None) -> Operand:
        return Operand(number(tensor), slot or 0, 1 if slot is None else tensor.shape[1])

    projected: dict[int, Projected] = {}

    def rows(given: Tensor | Rows, slot: int | None) -> Operand | Projected:
        if isinstance(given, Tensor):
            return operand(given, slot)
        if id(given) not in projected:
            parts = given.parts if isinstance(given, StackedRows) else (given,)
            projected[id(given)] = Projected(
                tuple(Part(number(p.x), number(p.weight), optional(p.bias), p.slot) for p in parts)
            )
        return projected[id(given)]

    tasks, outputs = [], []
    for output, into in enumerate(relations.values()):
        for slab, relation in enumerate(into):
            edges, bias = relation.edges, relation.bias
            tasks.append(
                Task(
                    edges,
                    rows(relation.values, relation.source_slot),
                    None if relation.source is None else rows(relation.source, relation.source_slot),
                    operand(relation.target, relation.target_slot),
                    optional(log_weight(relation)),
                    optional(None if bias is None else edges.arrange(bias)),
                    optional(relation.vector),
                    output,
                    0 if sum_relations else slab,
                )
            )
        slabs = 1 if sum_relations else len(into)
        outputs.append((slabs, into[0].edges.num_target, into[0].heads, into[0].width))
    heads, width = outputs[0][2:]
    return Spec(score, negative_slope, heads, width, tuple(tasks), tuple(outputs)), tensors


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kernels: Kernels, spec: Spec, *tensors: Tensor) -> tuple[Tensor, ...]:
        dense = [tensor.detach().contiguous() for tensor in tensors]
        outputs, saved = kernels.forward(spec, dense)
        ctx.kernels, ctx.spec, ctx.num_tensors = kernels, spec, len(tensors)
        ctx.save_for_backward(*dense, *saved)
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        everything = ctx.saved_tensors
        tensors, saved = everything[: ctx.num_tensors], everything[ctx.num_tensors :]
        dense = [gradient.contiguous() for gradient in gradients]
        found = ctx.kernels.backward(ctx.spec, tensors, saved, dense, ctx.needs_input_grad[2:])
        return None, None, *found
