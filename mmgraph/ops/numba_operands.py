"""The operands of relational attention on the CPU as the kernels read them, and the gradients they get."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmgraph.numba_vectors import lanes_of
from mmgraph.ops.fused_attention import Operand, Projected, Spec, Task
from mmgraph.ops.huge_pages import empty
from mmgraph.ops.numba_kernels import Rows
from mmgraph.ops.slabs import SlabGradients, begin_at_zero, multiply_slab, slab_size

# How many bytes of slabs are worked on together: the more, the less often threads wait for each other.
_CACHED = 64 << 20


def flat(tensor: Tensor) -> Any:
    """Return a tensor's numbers as numpy has them."""
    return tensor.detach().view(-1).numpy()


def projected(task: Task) -> list[Projected]:
    """Return those of a task's operands that are projected, each once."""
    operands = dict.fromkeys((task.values, task.source))
    return [operand for operand in operands if isinstance(operand, Projected)]


class Call:
    """The tensors of one call as the kernels read them."""

    def __init__(self, spec: Spec, tensors: Sequence[Tensor], made: Sequence[Tensor] = ()) -> None:
        self.spec, self.tensors = spec, tensors
        self.like = tensors[spec.tasks[0].target.tensor]
        self.dtype = self.like.dtype
        self.arrays = [flat(tensor) for tensor in tensors]
        self.slope = flat(self.like.new_tensor([spec.negative_slope]))
        self.empty = self.slope[:0]
        self.shape = (spec.heads, spec.width, lanes_of(spec.width), lanes_of(spec.heads))
        operands = dict.fromkeys(operand for task in spec.tasks for operand in projected(task))
        self.owners = {operand: -1 - number for number, operand in enumerate(operands)}
        # In the order in which they are made.
        self.slabs = dict(zip(operands, made, strict=False))

    @cached_property
    def batches(self) -> list[list[int]]:
        """The numbers of the tasks in batches whose slabs fit the cache together, or of one task."""
        batches: list[list[int]] = []
        room = 0
        for number in range(len(self.spec.tasks)):
            size = self.slab_numbers([number])
            room -= size
            if not batches or room < 0:
                batches.append([])
                room = _CACHED // self.like.itemsize - size
            batches[-1].append(number)
        return batches

    def slab_numbers(self, batch: Iterable[int]) -> int:
        """Return how many numbers the slabs of these tasks have."""
        operands = {operand for number in batch for operand in projected(self.spec.tasks[number])}
        return sum(math.prod(slab_size(operand, self.tensors)) for operand in operands)

    def multiply(self, task: Task) -> None:
        """Multiply out what the task needs."""
        for operand in projected(task):
            if operand not in self.slabs:
                self.slabs[operand] = multiply_slab(operand, self.tensors)

    def owner(self, operand: Operand | Projected) -> int:
        """Return a number for what a pass writes to when it writes to an operand's rows."""
        return self.owners[operand] if isinstance(operand, Projected) else operand.tensor

    def wants(self, operand: Operand | Projected, wanted: Sequence[bool]) -> bool:
        """Return whether a gradient is wanted of anything that an operand is made of."""
        if not isinstance(operand, Projected):
            return wanted[operand.tensor]
        parts = [(part.x, part.weight, part.bias) for part in operand.parts]
        return any(wanted[number] for part in parts for number in part if number is not None)

    def array(self, number: int | None) -> Any:
        """Return a tensor's numbers; none for None."""
        return self.empty if number is None else self.arrays[number]

    def rows(self, operand: Operand | Projected, array: Any | None = None) -> Rows:
        """Return the operand's rows in its own tensor, or in an array of the same shape."""
        if isinstance(operand, Projected):
            numbers = flat(self.slabs[operand]) if array is None else array
            return Rows(numbers, 0, self.spec.heads * self.spec.width)
        shape = self.tensors[operand.tensor].shape
        size = shape[1:].numel() // operand.num_slots
        numbers = self.arrays[operand.tensor] if array is None else array
        return Rows(numbers, operand.slot * size, operand.num_slots * size)

    def output_rows(self, task: Task, outputs: Sequence[Tensor]) -> Rows:
        """Return the rows of a task's slab of its output."""
        _, num_target, heads, width = self.spec.outputs[task.output]
        return Rows(flat(outputs[task.output]), task.slab * num_target * heads * width, heads * width)


class Gradients:
    """The gradients that have been begun."""

    def __init__(self, call: Call, wanted: Sequence[bool]) -> None:
        self.call, self.tensors = call, dict[int, Tensor]()
        self.slabs = SlabGradients(call.tensors, wanted)
        self._begun = set[tuple[int, int] | Projected]()
        operands = [o for task in call.spec.tasks for o in (task.values, task.source, task.target)]
        self._covered = {(o.tensor, o.slot) for o in operands if isinstance(o, Operand)}

    def rows(self, operand: Operand | Projected) -> tuple[bool, Rows]:
        """Return where an operand's gradient belongs, and whether there is something to add it to."""
        place = operand if isinstance(operand, Projected) else (operand.tensor, operand.slot)
        add = place in self._begun
        self._begun.add(place)
        if isinstance(operand, Projected):
            return add, self.call.rows(operand, flat(self.slabs.slab(operand)))
        number = operand.tensor
        if number not in self.tensors:
            whole = all((number, slot) in self._covered for slot in range(operand.num_slots))
            like = self.call.tensors[number]
            self.tensors[number] = empty(like.shape, like.dtype) if whole else torch.zeros_like(like)
        return add, self.call.rows(operand, flat(self.tensors[number]))

    def forget(self, operands: Iterable[Projected]) -> None:
        """Begin with these anew: what was found is in the gradients of what they are made of."""
        self._begun.difference_update(operands)

    def zeros(self, number: int) -> Tensor:
        """Return where a gradient is summed up, at first 0."""
        return begin_at_zero(self.tensors, number, self.call.tensors[number])

    def add(self, number: int, gradient: Tensor) -> None:
        """Add to the gradient of a tensor as a whole."""
        self.tensors[number] = self.tensors[number] + gradient if number in self.tensors else gradient
