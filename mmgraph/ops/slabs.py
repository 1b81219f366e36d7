"""The rows of projected operands, multiplied out into arrays of their own: slabs of [rows, H x D]."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from mmgraph.ops.fused_attention import Part, Projected
from mmgraph.ops.huge_pages import empty

# How many rows of a large slab are multiplied at a time.
_BLOCK = 4096


def slab_size(projected: Projected, tensors: Sequence[Tensor]) -> tuple[int, int]:
    """Return how many rows a slab has, and how many numbers a row."""
    weight = tensors[projected.parts[0].weight]
    return sum(tensors[part.x].shape[0] for part in projected.parts), weight.shape[1:3].numel()


def multiply_slab(projected: Projected, tensors: Sequence[Tensor]) -> Tensor:
    """Return the rows of an operand, flat."""
    slab = empty(slab_size(projected, tensors), tensors[projected.parts[0].x].dtype)
    for part, rows in _cut(projected, slab, tensors):
        x, weight = tensors[part.x], _matrix(tensors[part.weight], part.slot)
        if part.bias is None:
            torch.mm(x, weight.t(), out=rows)
        else:
            torch.addmm(_matrix(tensors[part.bias], part.slot).view(1, -1), x, weight.t(), out=rows)
    return slab.view(-1)


class SlabGradients:
    """Room for the gradients of the slabs of a few relations, and what becomes of them.

    Args:
        tensors: The tensors of the call.
        wanted: Which of them a gradient is wanted of.
    """

    def __init__(self, tensors: Sequence[Tensor], wanted: Sequence[bool]) -> None:
        self._tensors, self._wanted = tensors, wanted
        self._scratch: Tensor | None = None
        self._slabs: dict[Projected, Tensor] = {}
        self._in_place = False
        self.gradients: dict[int, Tensor] = {}

    def begin(self, operands: Iterable[Projected]) -> None:
        """Make room for the gradients of these slabs, in the place of those before."""
        sizes = {projected: math.prod(slab_size(projected, self._tensors)) for projected in operands}
        self._in_place = len(sizes) == 1 and all(self._fits_states(projected) for projected in sizes)
        self._slabs, first = {}, 0
        for projected, size in sizes.items():
            x = projected.parts[0].x
            if self._in_place:
                self.gradients[x] = empty(self._tensors[x].shape, self._tensors[x].dtype)
                self._slabs[projected] = self.gradients[x].view(-1)
            else:
                room = self._room(sum(sizes.values()), self._tensors[x].dtype)
                self._slabs[projected] = room[first : first + size]
                first += size

    def _fits_states(self, projected: Projected) -> bool:
        """Return whether the gradient of a slab can stand where that of the states will."""
        part, *others = projected.parts
        free = self._wanted[part.x] and part.x not in self.gradients
        return free and not others and slab_size(projected, self._tensors) == self._tensors[part.x].shape

    def _room(self, size: int, dtype: torch.dtype) -> Tensor:
        if self._scratch is None or self._scratch.numel() < size:
            self._scratch = empty([size], dtype)
        return self._scratch

    def slab(self, projected: Projected) -> Tensor:
        """Return where the gradient of a slab belongs, flat."""
        return self._slabs[projected]

    def finish(self) -> None:
        """Add what the slabs' gradients mean for states, weights and biases to theirs."""
        for projected, flat in self._slabs.items():
            slab = flat.view(slab_size(projected, self._tensors))
            if self._in_place:
                self._finish_in_place(projected.parts[0], slab)
                continue
            for part, d_rows in _cut(projected, slab, self._tensors):
                self._finish(part, d_rows)

    def _finish_in_place(self, part: Part, d_rows: Tensor) -> None:
        """Turn the gradient of the rows into that of the states, a block that fits the cache at a time."""
        blocks, weight = torch.split(d_rows, _BLOCK), _matrix(self._tensors[part.weight], part.slot)
        kept = empty(blocks[0].shape, d_rows.dtype)
        for d_block, x in zip(blocks, torch.split(self._tensors[part.x], _BLOCK), strict=True):
            d_kept = kept[: d_block.shape[0]].copy_(d_block)
            torch.mm(d_kept, weight, out=d_block)
            self._add_to_parameters(part, d_kept, x)

    def _finish(self, part: Part, d_rows: Tensor) -> None:
        x, weight = self._tensors[part.x], self._tensors[part.weight]
        if self._wanted[part.x]:
            if part.x in self.gradients:
                self.gradients[part.x].addmm_(d_rows, _matrix(weight, part.slot))
            else:
                self.gradients[part.x] = empty(x.shape, x.dtype)
                torch.mm(d_rows, _matrix(weight, part.slot), out=self.gradients[part.x])
        self._add_to_parameters(part, d_rows, x)

    def _add_to_parameters(self, part: Part, d_rows: Tensor, x: Tensor) -> None:
        weight = self._tensors[part.weight]
        if self._wanted[part.weight]:
            _matrix(begin_at_zero(self.gradients, part.weight, weight), part.slot).addmm_(d_rows.t(), x)
        if part.bias is not None and self._wanted[part.bias]:
            bias = begin_at_zero(self.gradients, part.bias, self._tensors[part.bias])
            _matrix(bias, part.slot).view(-1).add_(d_rows.sum(0))


def begin_at_zero(gradients: dict[int, Tensor], number: int, like: Tensor) -> Tensor:
    """Return the gradient of a tensor, to be added to; zeros at first."""
    if number not in gradients:
        gradients[number] = torch.zeros_like(like)
    return gradients[number]


def _cut(projected: Projected, slab: Tensor, tensors: Sequence[Tensor]) -> Iterable[tuple[Part, Tensor]]:
    rows = [tensors[part.x].shape[0] for part in projected.parts]
    return zip(projected.parts, torch.split(slab, rows), strict=True)


def _matrix(tensor: Tensor, slot: int) -> Tensor:
    """Return a slot [H, D, ...] as [H x D, ...]."""
    return tensor[slot].flatten(0, 1)
