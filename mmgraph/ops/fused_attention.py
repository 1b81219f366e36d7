"""Relational attention by fused kernels: one node of the autograd graph for all relations of a layer.

No tensor of E x H x D is made, forward or backward. What is kept for the backward pass is one [E, H] a
relation. Backward reads the gradient of a target once for each edge: for the values' gradient and for the
attention's.

Shapes: N target nodes, E edges, H heads, D width of a head, R relations into a node type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmgraph.ops.composed_attention import log_weight
from mmgraph.ops.edge_plan import EdgePlan
from mmgraph.ops.folded_vectors import fold_vectors
from mmgraph.ops.projection import Projection, Rows, StackedRows
from mmgraph.ops.relation_input import RelationInput
from mmgraph.ops.share_product import Maps, ShareProduct


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

    ``shift``, ``bias`` and ``vector`` are numbers of tensors, or None. The result is slab ``slab`` of output
    ``output``.
    """

    edges: EdgePlan
    values: Operand | Projected
    source: Operand | Projected
    target: Operand
    shift: int | None
    bias: int | None
    vector: int | None
    output: int
    slab: int


@dataclass(frozen=True, eq=False)
class Spec:
    """All relations of one call, with what they have in common.

    ``outputs`` holds the shape [slabs, N, H, D] of each output, ``products`` the tensors that are yet to be
    made of others.
    """

    score: str
    negative_slope: float
    heads: int
    width: int
    tasks: tuple[Task, ...]
    outputs: tuple[tuple[int, int, int, int], ...]
    products: tuple[ShareProduct, ...]


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
    if score == "gat":
        relations = fold_vectors(relations)
    result: dict[str, Tensor] = {}
    for names in _alike(relations):
        spec, tensors = _describe({n: relations[n] for n in names}, score, negative_slope, sum_relations)
        outputs = _Fused.apply(kernels, spec, *tensors)  # type: ignore[no-untyped-call]
        # Not y[0], whose gradient is a tensor of zeros with one slab filled in.
        slabs = [y.squeeze(0) if sum_relations else y for y in outputs]
        result.update(zip(names, slabs, strict=True))
    return {name: result[name] for name in relations}


def _alike(relations: Mapping[str, Sequence[RelationInput]]) -> list[list[str]]:
    """Return the node types in groups of the same number and width of heads: one group, as a rule."""
    groups: dict[tuple[int, int], list[str]] = {}
    for name, into in relations.items():
        groups.setdefault((into[0].heads, into[0].width), []).append(name)
    return list(groups.values())


def _describe(
    relations: Mapping[str, Sequence[RelationInput]], score: str, negative_slope: float, sum_relations: bool
) -> tuple[Spec, list[Tensor | None]]:
    tensors: list[Tensor | None] = []
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

    products = _products(relations, score, tensors, number)

    def share(given: Tensor | Projection, slot: int | None) -> Operand:
        if isinstance(given, Tensor):
            return operand(given, slot)
        product = products[number(given.x)]
        maps = Maps(number(given.weight), optional(given.bias))
        return Operand(product.made, product.first[product.maps.index(maps)] + given.slot, product.first[-1])

    def source(relation: RelationInput) -> Operand | Projected:
        assert relation.source is not None, "vectors are folded first"
        if score == "gat" and isinstance(relation.source, Projection):
            return share(relation.source, None)
        return rows(relation.source, relation.source_slot)

    tasks, outputs = [], []
    for output, into in enumerate(relations.values()):
        for slab, relation in enumerate(into):
            edges, bias = relation.edges, relation.bias
            tasks.append(
                Task(
                    edges,
                    rows(relation.values, relation.source_slot),
                    source(relation),
                    share(relation.target, relation.target_slot),
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
    made = tuple(products.values())
    return Spec(score, negative_slope, heads, width, tuple(tasks), tuple(outputs), made), tensors


def _products(
    relations: Mapping[str, Sequence[RelationInput]],
    score: str,
    tensors: list[Tensor | None],
    number: Callable[[Tensor], int],
) -> dict[int, ShareProduct]:
    """Return by the number of states what shares are made of them, which get a place among the tensors."""
    everything = [relation for into in relations.values() for relation in into]
    shares = [relation.target for relation in everything]
    # Of other scores, the source's share is as wide as the values: rows to be multiplied out like these.
    shares += [r.source for r in everything if score == "gat" and isinstance(r.source, Projection)]
    maps: dict[int, dict[Maps, Projection]] = {}
    for share in (each for each in shares if isinstance(each, Projection)):
        bias = None if share.bias is None else number(share.bias)
        maps.setdefault(number(share.x), {}).setdefault(Maps(number(share.weight), bias), share)
    products = {}
    for x, found in maps.items():
        shape = tuple(next(iter(found.values())).weight.shape[1 : 2 if score == "gat" else 3])
        products[x] = ShareProduct.of(len(tensors), x, list(found), tensors, shape)
        tensors.append(None)
    return products


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kernels: Kernels, spec: Spec, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        dense = [torch.empty(0) if tensor is None else tensor.detach().contiguous() for tensor in tensors]
        for product in spec.products:
            dense[product.made] = product.multiply(dense)
        outputs, saved = kernels.forward(spec, dense)
        ctx.kernels, ctx.spec, ctx.num_tensors = kernels, spec, len(tensors)
        ctx.save_for_backward(*dense, *saved)
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        everything, products = ctx.saved_tensors, ctx.spec.products
        tensors, saved = everything[: ctx.num_tensors], everything[ctx.num_tensors :]
        dense = [gradient.contiguous() for gradient in gradients]
        wanted = list(ctx.needs_input_grad[2:])
        for product in products:
            wanted[product.made] = product.is_wanted(wanted)
        found = ctx.kernels.backward(ctx.spec, tensors, saved, dense, wanted)
        for product in products:
            product.give_back(found, tensors, wanted)
        return None, None, *found
