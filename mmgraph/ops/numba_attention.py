"""Relational attention on the CPU by numba: which rows of which relation a thread works on.

Each pass goes over all relations. A thread owns rows of whatever the pass writes, so that nothing is locked
and the bits do not depend on the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mmgraph.ops import numba_kernels
from mmgraph.ops.fused_attention import Operand, Projected, Spec, Task
from mmgraph.ops.huge_pages import empty
from mmgraph.ops.numba_kernels import Rows
from mmgraph.ops.slabs import SlabGradients, multiply_slab, slab_size
from mmgraph.ops.worker_threads import balanced_rows, run_together, useful_threads

_Array = Any

_Job = Callable[[int, int, int], None]
"""One relation's kernel, called with the number of a part and its first and last row."""

# In how many parts the gradient of a vector is summed up: fixed, so that threads do not change the bits.
_VECTOR_PARTS = 16

# How many bytes of slabs are worked on together: as much as a cache holds beside what is read with it.
_CACHED = 16 << 20


def forward(spec: Spec, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the outputs; the attention [E, H] of each task, and the slabs of projected operands."""
    call = _Call(spec, tensors)
    outputs = [empty(shape, call.dtype) for shape in spec.outputs]
    attention = [empty([task.edges.num_edges, spec.heads], call.dtype) for task in spec.tasks]
    kernel = getattr(numba_kernels, f"forward_{spec.score}")
    begun = set()
    for batch in call.batches():
        work = _Pass(spec, batch)
        for number in batch:
            task = spec.tasks[number]
            call.multiply(task)
            pointer, columns = (index.numpy() for index in task.edges.target_rows)
            result = (task.output, task.slab)
            arguments = (
                pointer, columns, call.array(task.shift), call.array(task.bias), call.array(task.vector),
                call.slope, spec.heads, spec.width, call.rows(task.source), call.rows(task.target),
                call.rows(task.values), _flat(attention[number]), call.output_rows(task, outputs),
            )  # fmt: skip
            work.add(task.output, pointer, _job(kernel, result in begun, arguments))
            begun.add(result)
        work.run()
    return outputs, [*attention, *call.slabs.values()]


def backward(
    spec: Spec,
    tensors: Sequence[Tensor],
    saved: Sequence[Tensor],
    gradients: Sequence[Tensor],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """Return the gradient of each tensor that one is wanted of."""
    attention, slabs = saved[: len(spec.tasks)], saved[len(spec.tasks) :]
    call = _Call(spec, tensors, slabs)
    found = _Gradients(call, wanted)
    for batch in call.batches():
        found.slabs.begin(operand for number in batch for operand in projected(spec.tasks[number]))
        d_attention = {number: torch.empty_like(attention[number]) for number in batch}
        _backward_values(call, found, gradients, attention, d_attention)
        parts = _backward_targets(call, found, attention, d_attention)
        if any(call.wants(spec.tasks[number].source, wanted) for number in batch):
            _backward_sources(call, found, d_attention)
        found.slabs.finish()
        for number in batch:
            task = spec.tasks[number]
            if task.bias is not None:
                found.add(task.bias, d_attention[number])
            if task.vector is not None:
                found.add(task.vector, parts[number].sum(0).view_as(tensors[task.vector]))
    return [found.get(number) if want else None for number, want in enumerate(wanted)]


def _backward_values(
    call: _Call,
    found: _Gradients,
    gradients: Sequence[Tensor],
    attention: Sequence[Tensor],
    d_attention: Mapping[int, Tensor],
) -> None:
    spec, work = call.spec, _Pass(call.spec, d_attention)
    for number, d_weights in d_attention.items():
        task = spec.tasks[number]
        pointer, columns, edge = (index.numpy() for index in task.edges.source_rows)
        add, d_values = found.rows(task.values)
        arguments = (
            pointer, columns, edge, spec.heads, spec.width, call.rows(task.values),
            call.output_rows(task, gradients), _flat(attention[number]), _flat(d_weights), d_values,
        )  # fmt: skip
        work.add(call.owner(task.values), pointer, _job(numba_kernels.backward_values, add, arguments))
    work.run()


def _backward_targets(
    call: _Call, found: _Gradients, attention: Sequence[Tensor], d_attention: Mapping[int, Tensor]
) -> dict[int, Tensor]:
    """Return for each task the gradient of its vector in parts, [parts, C]."""
    spec = call.spec
    parts = _VECTOR_PARTS if spec.score == "gatv2" else None
    work = _Pass(spec, d_attention, parts)
    kernel = getattr(numba_kernels, f"backward_target_{spec.score}")
    d_vectors = {}
    for number, d_weights in d_attention.items():
        task = spec.tasks[number]
        pointer, columns = (index.numpy() for index in task.edges.target_rows)
        add, d_target = found.rows(task.target)
        d_vectors[number] = call.like.new_zeros(parts or 0, spec.heads * spec.width)
        d_shift = call.empty if task.shift is None else _flat(found.zeros(task.shift))
        arguments = (
            pointer, columns, call.array(task.bias), call.array(task.vector), call.slope, spec.heads,
            spec.width, call.rows(task.source), call.rows(task.target), _flat(attention[number]),
            _flat(d_weights), d_shift, d_target,
        )  # fmt: skip
        places = [_flat(part) for part in d_vectors[number]] if parts else None
        work.add(call.owner(task.target), pointer, _job(kernel, add, arguments, places or [call.empty]))
    work.run()
    return d_vectors


def _backward_sources(call: _Call, found: _Gradients, d_attention: Mapping[int, Tensor]) -> None:
    spec, work = call.spec, _Pass(call.spec, d_attention)
    kernel = getattr(numba_kernels, f"backward_source_{spec.score}")
    for number, d_weights in d_attention.items():
        task = spec.tasks[number]
        pointer, columns, edge = (index.numpy() for index in task.edges.source_rows)
        add, d_source = found.rows(task.source)
        arguments = (
            pointer, columns, edge, call.array(task.vector), call.slope, spec.heads, spec.width,
            call.rows(task.source), call.rows(task.target), _flat(d_weights), d_source,
        )  # fmt: skip
        work.add(call.owner(task.source), pointer, _job(kernel, add, arguments))
    work.run()


def _flat(tensor: Tensor) -> _Array:
    return tensor.detach().view(-1).numpy()


def _job(kernel: Any, add: bool, arguments: tuple[Any, ...], places: Sequence[Any] | None = None) -> _Job:
    """Return the kernel with all but its rows; of ``places``, if any, each part gets its own."""
    if places is None:
        return lambda _, begin, end: kernel(begin, end, add, *arguments)
    last = len(places) - 1
    return lambda part, begin, end: kernel(begin, end, add, *arguments, places[min(part, last)])


def projected(task: Task) -> list[Projected]:
    """Return those of a task's operands that are projected, each once."""
    operands = dict.fromkeys((task.values, task.source))
    return [operand for operand in operands if isinstance(operand, Projected)]


class _Call:
    """The tensors of one call as the kernels read them."""

    def __init__(self, spec: Spec, tensors: Sequence[Tensor], slabs: Sequence[Tensor] = ()) -> None:
        self.spec, self.tensors = spec, tensors
        self.like = tensors[spec.tasks[0].target.tensor]
        self.dtype = self.like.dtype
        self.arrays = [_flat(tensor) for tensor in tensors]
        self.slope = _flat(self.like.new_tensor([spec.negative_slope]))
        self.empty = self.slope[:0]
        operands = dict.fromkeys(operand for task in spec.tasks for operand in projected(task))
        self.owners = {operand: -1 - number for number, operand in enumerate(operands)}
        self.slabs = dict(zip(operands, slabs, strict=True)) if slabs else {}

    def batches(self) -> list[list[int]]:
        """Return the numbers of the tasks in batches whose slabs fit the cache together, or of one task."""
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
        if isinstance(operand, Operand):
            return wanted[operand.tensor]
        parts = [(part.x, part.weight, part.bias) for part in operand.parts]
        return any(wanted[number] for part in parts for number in part if number is not None)

    def array(self, number: int | None) -> _Array:
        """Return a tensor's numbers; none for None."""
        return self.empty if number is None else self.arrays[number]

    def rows(self, operand: Operand | Projected, array: _Array | None = None) -> Rows:
        """Return the operand's rows in its own tensor, or in an array of the same shape."""
        if isinstance(operand, Projected):
            flat = _flat(self.slabs[operand]) if array is None else array
            return Rows(flat, 0, self.spec.heads * self.spec.width)
        shape = self.tensors[operand.tensor].shape
        size = shape[1:].numel() // operand.num_slots
        flat = self.arrays[operand.tensor] if array is None else array
        return Rows(flat, operand.slot * size, operand.num_slots * size)

    def output_rows(self, task: Task, outputs: Sequence[Tensor]) -> Rows:
        """Return the rows of a task's slab of its output."""
        _, num_target, heads, width = self.spec.outputs[task.output]
        return Rows(_flat(outputs[task.output]), task.slab * num_target * heads * width, heads * width)


class _Gradients:
    """The gradients that have been begun."""

    def __init__(self, call: _Call, wanted: Sequence[bool]) -> None:
        self.call, self.tensors = call, dict[int, Tensor]()
        room = max(call.slab_numbers(batch) for batch in call.batches())
        self.slabs = SlabGradients(call.tensors, wanted, room)
        self._begun = set[tuple[int, int] | Projected]()
        operands = [o for task in call.spec.tasks for o in (task.values, task.source, task.target)]
        self._covered = {(o.tensor, o.slot) for o in operands if isinstance(o, Operand)}

    def rows(self, operand: Operand | Projected) -> tuple[bool, Rows]:
        """Return where an operand's gradient belongs, and whether there is something to add it to."""
        place = operand if isinstance(operand, Projected) else (operand.tensor, operand.slot)
        add = place in self._begun
        self._begun.add(place)
        if isinstance(operand, Projected):
            return add, self.call.rows(operand, _flat(self.slabs.slab(operand)))
        number = operand.tensor
        if number not in self.tensors:
            whole = all((number, slot) in self._covered for slot in range(operand.num_slots))
            like = self.call.tensors[number]
            self.tensors[number] = empty(like.shape, like.dtype) if whole else torch.zeros_like(like)
        return add, self.call.rows(operand, _flat(self.tensors[number]))

    def get(self, number: int) -> Tensor | None:
        """Return the gradient of a tensor; None if nothing has come together."""
        own, slabs = self.tensors.get(number), self.slabs.gradients.get(number)
        return own + slabs if own is not None and slabs is not None else slabs if own is None else own

    def zeros(self, number: int) -> Tensor:
        """Return where a gradient is summed up, at first 0."""
        return self.tensors.setdefault(number, torch.zeros_like(self.call.tensors[number]))

    def add(self, number: int, gradient: Tensor) -> None:
        """Add to the gradient of a tensor as a whole."""
        self.tensors[number] = self.tensors[number] + gradient if number in self.tensors else gradient


class _Pass:
    """The jobs of all relations, of which those that write to the same tensor cut its rows alike.

    Args:
        spec: The call.
        batch: The numbers of the tasks.
        parts: Into how many parts rows are cut; as many as there are threads if None.
    """

    def __init__(self, spec: Spec, batch: Iterable[int], parts: int | None = None) -> None:
        numbers = sum(spec.tasks[number].edges.num_edges for number in batch) * spec.heads * spec.width
        self._threads = useful_threads(numbers, torch.get_num_threads())
        self._parts = parts or self._threads
        self._groups: dict[int, list[tuple[_Array, _Job]]] = {}

    def add(self, owner: int, pointer: _Array, job: _Job) -> None:
        """Plan a job that writes to the rows that ``pointer`` counts the edges of, of this owner."""
        self._groups.setdefault(owner, []).append((pointer, job))

    def run(self) -> None:
        """Do all jobs, those of one owner in the order in which they came."""
        cut = [
            (balanced_rows([pointer for pointer, _ in jobs], self._parts), [job for _, job in jobs])
            for jobs in self._groups.values()
        ]

        def work(thread: int) -> None:
            first, last = (self._parts * t // self._threads for t in (thread, thread + 1))
            for rows, jobs in cut:
                for part in range(first, last):
                    for job in jobs:
                        job(part, rows[part], rows[part + 1])

        run_together([partial(work, thread) for thread in range(self._threads)])
