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
    def key(self) -> tuple[int, int, int]:
        """The same for all projections that one matrix product can make."""
        return id(self.x), id(self.weight), id(self.bias)

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


def multiply_out(
    relations: Mapping[str, Sequence[RelationInput]], score: str
) -> dict[str, list[RelationInput]]:
    """Return the relations with tensors in place of their projections; vectors that make a source are folded.

    What shares states and weight is made by one matrix product.
    """
    make = _Products(score)
    return {name: [make.plain(relation) for relation in into] for name, into in relations.items()}


def count_numbers(relations: Mapping[str, Sequence[RelationInput]]) -> int:
    """Return how many numbers the rows of all projections have."""
    everything = [relation for into in relations.values() for relation in into]
    operands = {id(each): each for relation in everything for each in (relation.values, relation.source)}
    return sum(each.shape.numel() for each in operands.values() if isinstance(each, Rows))


class _Products:
    """The products of projections, each made once."""

    def __init__(self, score: str) -> None:
        self._score = score
        self._all: dict[tuple[int, int, int], Tensor] = {}
        self._shares: dict[tuple[int, int, int], Tensor] = {}
        self._whole: dict[int, Tensor] = {}

    def plain(self, relation: RelationInput) -> RelationInput:
        """Return the relation with nothing left to be multiplied out."""
        if isinstance(relation.target, Projection):
            share = self._all_shares(relation.target)
            relation = replace(relation, target=share, target_slot=relation.target.slot)
        values, source, slot = relation.values, relation.source, relation.source_slot
        assert source is not None, "vectors are folded first"
        if isinstance(values, Tensor) and isinstance(source, Tensor):
            return relation
        if isinstance(values, Projection):
            # Both in one slot of wider tensors, where they are.
            if isinstance(source, Projection) and source.slot == values.slot:
                rows, share = self._all_slots(values), self._all_shares(source)
                return replace(relation, values=rows, source=share, source_slot=values.slot)
            if isinstance(source, Tensor) and slot == values.slot:
                return replace(relation, values=self._all_slots(values), source=source)
        share = self._rows(source, slot)
        if self._score == "gat" and not isinstance(source, Tensor):
            share = share.squeeze(-1)
        return replace(relation, values=self._rows(values, slot), source=share, source_slot=None)

    def _all_slots(self, rows: Projection) -> Tensor:
        """Return the rows of all K relations, [S, K, H, D]."""
        key = rows.key
        if key not in self._all:
            bias = None if rows.bias is None else rows.bias.flatten()
            product = functional.linear(rows.x, rows.weight.flatten(0, 2), bias)
            self._all[key] = product.view(-1, *rows.weight.shape[:3])
        return self._all[key]

    def _all_shares(self, rows: Projection) -> Tensor:
        """Return the same as shares of the score, for ``gat`` without the axis of width 1; each once."""
        if self._score != "gat":
            return self._all_slots(rows)
        if rows.key not in self._shares:
            self._shares[rows.key] = self._all_slots(rows).squeeze(-1)
        return self._shares[rows.key]

    def _rows(self, operand: Tensor | Rows, slot: int | None) -> Tensor:
        if isinstance(operand, Tensor):
            return operand if slot is None else operand.select(1, slot)
        if id(operand) not in self._whole:
            self._whole[id(operand)] = operand.multiply_out()
        return self._whole[id(operand)]
