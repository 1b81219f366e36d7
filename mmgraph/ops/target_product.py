"""What one matrix product makes for the targets of several relations: made by the operation, for its sake.

The product's gradient is added to that of the states where it stands. Made outside, it would be a second
tensor as large as the states, and autograd would need a third to add the two up.

Shapes: N targets, C channels, K relations that share a weight, H heads, D width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class TargetProduct:
    """The rows :math:`W_k x_i + b_k` of all K relations.

    Args:
        made: The number that the product gets among the tensors of a call.
        x: The number of the states, [N, C].
        weight: The number of the maps, [K, H, D, C].
        bias: The number of what is added, [K, H, D]; None for 0.
        shape: What a row is viewed as: K, H, and D unless it is left out.
    """

    made: int
    x: int
    weight: int
    bias: int | None
    shape: tuple[int, ...]

    def multiply(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the product, [N, *shape]."""
        bias = None if self.bias is None else tensors[self.bias].flatten()
        weight = tensors[self.weight].flatten(0, 2)
        return functional.linear(tensors[self.x], weight, bias).view(-1, *self.shape)

    def is_wanted(self, wanted: Sequence[bool]) -> bool:
        """Return whether a gradient is wanted of anything that it is made of."""
        parts = (self.x, self.weight, self.bias)
        return any(wanted[number] for number in parts if number is not None)

    def give_back(
        self, gradients: list[Tensor | None], tensors: Sequence[Tensor], wanted: Sequence[bool]
    ) -> None:
        """Replace the product's gradient by what it means for states, weight and bias, added to theirs."""
        d_product, gradients[self.made] = gradients[self.made], None
        if d_product is None:
            return
        d_rows, weight, x = d_product.flatten(1), tensors[self.weight], tensors[self.x]
        if wanted[self.x]:
            d_x, matrix = gradients[self.x], weight.flatten(0, 2)
            gradients[self.x] = d_rows @ matrix if d_x is None else d_x.addmm_(d_rows, matrix)
        if wanted[self.weight]:
            _add(gradients, self.weight, (d_rows.t() @ x).view_as(weight))
        if self.bias is not None and wanted[self.bias]:
            _add(gradients, self.bias, d_rows.sum(0).view(weight.shape[:3]))


def _add(gradients: list[Tensor | None], number: int, more: Tensor) -> None:
    known = gradients[number]
    gradients[number] = more if known is None else known + more
