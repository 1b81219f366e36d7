"""Rows of an operand that a linear map makes, left for a kernel to multiply out when it gets to them.

All relations' rows together are the largest tensors of a layer. A kernel that makes them a few relations at
a time finds them in the cache, and needs room for the gradients of no more than these.

Shapes: S rows, C channels, K relations that share a weight, H heads, D width of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from mmgraph.ops.relation_input import RelationInput


@dataclass(frozen=True, eq=False)
class Projection:
    r"""The rows :math:`W_k x_j + b_k` of one relation k among those that share a weight.

    Args:
        x: The states, [S, C].
        weight: The maps of all K relations, [K, H, D, C].
        slot: The place of the relation in ``weight`` and ``bias``.
        bias: What is added, [K, H, D]; None for 0.

    Example:
        >>> import torch
        >>> rows = Projection(torch.ones(2, 3), torch.ones(5, 4, 6, 3), slot=0)
        >>> rows.shape, rows.multiply_out().shape
        (torch.Size([2, 4, 6]), torch.Size([2, 4, 6]))
    """

    x: Tensor
    weight: Tensor
    slot: int
    bias: Tensor | None = None

    @property
    def shape(self) -> torch.Size:
        """The shape of the rows, [S, H, D]."""
        return torch.Size((self.x.shape[0], *self.weight.shape[1:3]))

    @property
    def dtype(self) -> torch.dtype:
        """Type of the rows."""
        return self.weight.dtype

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.x.device

    def convert(self, to: Callable[[Tensor], Tensor]) -> Projection:
        """Return the projection with each of its tensors converted."""
        return Projection(
            to(self.x), to(self.weight), self.slot, None if self.bias is None else to(self.bias)
        )

    def multiply_out(self) -> Tensor:
        """Return the rows, [S, H, D]."""
        bias = None if self.bias is None else self.bias[self.slot].flatten()
        return functional.linear(self.x, self.weight[self.slot].flatten(0, 1), bias).view(self.shape)

    def faults(self) -> list[str]:
        """Return what does not fit, in words."""
        x, weight, bias = self.x, self.weight, self.bias
        if x.dim() != 2 or weight.dim() != 4 or weight.shape[3] != x.shape[1]:
            return [
                f"got x {tuple(x.shape)} and weight {tuple(weight.shape)}; wanted [S, C] and [K, H, D, C]"
            ]
        if bias is not None and bias.shape != weight.shape[:3]:
            return [f"got bias {tuple(bias.shape)}; wanted {tuple(weight.shape[:3])}"]
        if not 0 <= self.slot < weight.shape[0]:
            return [f"got slot {self.slot}; wanted 0 to {weight.shape[0] - 1}"]
        return []


@dataclass(frozen=True, eq=False)
class StackedRows:
    """The rows of several projections of the same H and D, one after the other.

    Args:
        parts: At least one.
    """

    parts: tuple[Projection, ...]

    @property
    def shape(self) -> torch.Size:
        """The shape of the rows, [S, H, D]."""
        rows = sum(part.shape[0] for part in self.parts)
        return torch.Size((rows, *self.parts[0].shape[1:]))

    @property
    def dtype(self) -> torch.dtype:
        """Type of the rows."""
        return self.parts[0].dtype

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.parts[0].device

    def convert(self, to: Callable[[Tensor], Tensor]) -> StackedRows:
        """Return the rows with each of their tensors converted."""
        return StackedRows(tuple(part.convert(to) for part in self.parts))

    def multiply_out(self) -> Tensor:
        """Return the rows, [S, H, D]."""
        return torch.cat([part.multiply_out() for part in self.parts])

    def faults(self) -> list[str]:
        """Return what does not fit, in words."""
        faults = [fault for part in self.parts for fault in part.faults()]
        shapes = {tuple(part.shape[1:]) for part in self.parts if not faults}
        return faults if len(shapes) < 2 else [f"got parts of the shapes {sorted(shapes)}; wanted the same"]


Rows = Projection | StackedRows


def multiply_out(relations: Mapping[str, Sequence[RelationInput]]) -> dict[str, list[RelationInput]]:
    """Return the relations with tensors in place of their projections.

    Projections that share states and weight are made by one matrix product.
    """
    shared: dict[tuple[int, int], Tensor] = {}
    made: dict[int, Tensor] = {}

    def all_slots(rows: Projection) -> Tensor:
        key = id(rows.x), id(rows.weight)
        if key not in shared:
            bias = None if rows.bias is None else rows.bias.flatten()
            product = functional.linear(rows.x, rows.weight.flatten(0, 2), bias)
            shared[key] = product.unflatten(1, rows.weight.shape[:3])
        return shared[key]

    def exact(relation: RelationInput) -> RelationInput:
        values, source = relation.values, relation.source
        if isinstance(values, Projection) and _follows(source, relation.source_slot, values):
            # The slot serves both: the product is read where it lies.
            rows = all_slots(values)
            own = rows if source is values else source
            if isinstance(own, Projection):
                own = all_slots(own)
            return replace(relation, values=rows, source=own, source_slot=values.slot)
        if relation.source_slot is not None and isinstance(source, Tensor) and not isinstance(values, Tensor):
            source = source.select(1, relation.source_slot)
            return replace(relation, values=whole(values), source=source, source_slot=None)
        return replace(relation, values=whole(values), source=whole(source))

    def whole(operand: Tensor | Rows) -> Tensor:
        if isinstance(operand, Tensor):
            return operand
        if id(operand) not in made:
            made[id(operand)] = operand.multiply_out()
        return made[id(operand)]

    return {name: [exact(relation) for relation in into] for name, into in relations.items()}


def _follows(source: Tensor | Rows, slot: int | None, values: Projection) -> bool:
    if isinstance(source, Tensor):
        return slot == values.slot
    return isinstance(source, Projection) and source.slot == values.slot
