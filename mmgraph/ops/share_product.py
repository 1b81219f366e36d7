"""What one matrix product makes of the states of a node type for several relations, for the operation's sake.

Its gradient is added to that of the states where it stands. Made outside, it would be a second tensor as
large as the states, and autograd would need a third to add the two up.

Shapes: N nodes, C channels, K relations that share a weight, H heads, D width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Maps(NamedTuple):
    """The numbers of a weight [K, H, D, C] and of a bias [K, H, D] among the tensors of a call."""

    weight: int
    bias: int | None


@dataclass(frozen=True)
class ShareProduct:
    """The rows :math:`W_k x_i + b_k` of the relations of one weight, and of others beside them.

    Args:
        made: The number that the product gets among the tensors of a call.
        x: The number of the states, [N, C].
        maps: What the states are multiplied with.
        first: The slot of the first relation of each weight, and at the end the number of all.
        shape: What the row of a relation is viewed as: H, and D unless it is left out.
    """

    made: int
    x: int
    maps: tuple[Maps, ...]
    first: tuple[int, ...]
    shape: tuple[int, ...]

    @classmethod
    def of(
        cls, made: int, x: int, maps: Sequence[Maps], tensors: Sequence[Tensor | None], shape: tuple[int, ...]
    ) -> ShareProduct:
        """Return the product whose slots are those of the weights, one after the other."""
        counts = [tensors[each.weight].shape[0] for each in maps]  # type: ignore[union-attr]
        return cls(made, x, tuple(maps), tuple(accumulate(counts, initial=0)), shape)

    def multiply(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the product, [N, slots, *shape]."""
        product = functional.linear(tensors[self.x], self._matrix(tensors), self._bias(tensors))
        return product.view(-1, self.first[-1], *self.shape)

    def is_wanted(self, wanted: Sequence[bool]) -> bool:
        """Return whether a gradient is wanted of anything that it is made of."""
        parts = (self.x, *(number for each in self.maps for number in each))
        return any(wanted[number] for number in parts if number is not None)

    def give_back(
        self, gradients: list[Tensor | None], tensors: Sequence[Tensor], wanted: Sequence[bool]
    ) -> None:
        """Replace the product's gradient by what it means for states, weights and biases, added to theirs."""
        d_product, gradients[self.made] = gradients[self.made], None
        if d_product is None:
            return
        d_rows, x = d_product.flatten(1), tensors[self.x]
        if wanted[self.x]:
            d_x, matrix = gradients[self.x], self._matrix(tensors)
            gradients[self.x] = d_rows @ matrix if d_x is None else d_x.addmm_(d_rows, matrix)
        if any(wanted[each.weight] for each in self.maps):
            self._share_out(gradients, "weight", d_rows.t() @ x, tensors, wanted)
        if any(each.bias is not None and wanted[each.bias] for each in self.maps):
            self._share_out(gradients, "bias", d_rows.sum(0), tensors, wanted)

    def _share_out(
        self,
        gradients: list[Tensor | None],
        what: str,
        d_rows: Tensor,
        tensors: Sequence[Tensor],
        wanted: Sequence[bool],
    ) -> None:
        """Add the gradient of all rows of weights, or of biases, to those of their tensors."""
        sizes = [tensors[each.weight].shape[:3].numel() for each in self.maps]
        for each, part in zip(self.maps, torch.split(d_rows, sizes), strict=True):
            number = getattr(each, what)
            if number is not None and wanted[number]:
                known, more = gradients[number], part.reshape(tensors[number].shape)
                gradients[number] = more if known is None else known + more

    def _matrix(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([tensors[each.weight].flatten(0, 2) for each in self.maps])

    def _bias(self, tensors: Sequence[Tensor]) -> Tensor | None:
        if all(each.bias is None for each in self.maps):
            return None
        parts = []
        for each in self.maps:
            weight = tensors[each.weight]
            none = weight.new_zeros(weight.shape[:3])
            parts.append((none if each.bias is None else tensors[each.bias]).flatten())
        return torch.cat(parts)
