"""Relational attention on the CPU by numba: which rows of which relation a thread works on.

Each pass goes over all relations. A thread owns rows of whatever the pass writes, so that nothing is locked
and the bits do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mmgraph.ops import numba_kernels
from mmgraph.ops.fused_attention import Operand, Spec, Task
from mmgraph.ops.numba_kernels import Rows
from mmgraph.ops.worker_threads import balanced_rows, run_together, useful_threads

_Array = Any

_Job = Callable[[int, int, int], None]
"""One relation's kernel, called with the number of a part and its first and last row."""

# In how many parts the gradient of a vector is summed up: fixed, so that threads do not change the bits.
_VECTOR_PARTS = 16


def forward(spec: Spec, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the outputs, and the attention [E, H] of each task."""
    call, work = _Call(spec, tensors), _Pass(spec)
    outputs = [call.like.new_empty(shape) for shape in spec.outputs]
    attention = [call.like.new_empty(task.edges.num_edges, spec.heads) for task in spec.tasks]
    kernel = getattr(numba_kernels, f"forward_{spec.score}")
    begun = set()
    for task, weights in zip(spec.tasks, attention, strict=True):
        pointer, columns = (index.numpy() for index in task.edges.target_rows)
        result = (task.output, task.slab)
        arguments = (
            pointer, columns, call.array(task.shift), call.array(task.bias), call.array(task.vector),
            call.slope, spec.heads, spec.width, call.rows(task.source), call.rows(task.target),
            call.rows(task.values), _flat(weights), call.output_rows(task, outputs),
        )  # fmt: skip
        work.add(task.output, pointer, _job(kernel, result in begun, arguments))
        begun.add(result)
    work.run()
    return outputs, attention


def backward(
    spec: Spec,
    tensors: Sequence[Tensor],
    saved: Sequence[Tensor],
    gradients: Sequence[Tensor],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """Return the gradient of each tensor that one is wanted of."""
    call = _Call(spec, tensors)
    found = _Gradients(call)
    d_attention = [torch.empty_like(weights) for weights in saved]
    _backward_values(call, found, gradients, saved, d_attention)
    parts = _backward_targets(call, found, saved, d_attention)
    if any(wanted[task.source.tensor] for task in spec.tasks):
        _backward_sources(call, found, d_attention)
    for task, d_bias, d_vector in zip(spec.tasks, d_attention, parts, strict=True):
        if task.bias is not None:
            found.add(task.bias, d_bias)
        if task.vector is not None:
            found.add(task.vector, d_vector.sum(0).view_as(tensors[task.vector]))
    return [found.tensors.get(number) if want else None for number, want in enumerate(wanted)]


def _backward_values(
    call: _Call,
    found: _Gradients,
    gradients: Sequence[Tensor],
    attention: Sequence[Tensor],
    d_attention: Sequence[Tensor],
) -> None:
    spec, work = call.spec, _Pass(call.spec)
    for task, weights, d_weights in zip(spec.tasks, attention, d_attention, strict=True):
        pointer, columns, edge = (index.numpy() for index in task.edges.source_rows)
        add, d_values = found.rows(task.values)
        arguments = (
            pointer, columns, edge, spec.heads, spec.width, call.rows(task.values),
            call.output_rows(task, gradients), _flat(weights), _flat(d_weights), d_values,
        )  # fmt: skip
        work.add(task.values.tensor, pointer, _job(numba_kernels.backward_values, add, arguments))
    work.run()


def _backward_targets(
    call: _Call, found: _Gradients, attention: Sequence[Tensor], d_attention: Sequence[Tensor]
) -> list[Tensor]:
    """Return for each task the gradient of its vector in parts, [parts, C]."""
    spec = call.spec
    parts = _VECTOR_PARTS if spec.score == "gatv2" else None
    work = _Pass(spec, parts)
    kernel = getattr(numba_kernels, f"backward_target_{spec.score}")
    d_vectors = []
    for task, weights, d_weights in zip(spec.tasks, attention, d_attention, strict=True):
        pointer, columns = (index.numpy() for index in task.edges.target_rows)
        add, d_target = found.rows(task.target)
        d_vector = call.like.new_zeros(parts or 0, spec.heads * spec.width)
        d_shift = call.empty if task.shift is None else _flat(found.zeros(task.shift))
        arguments = (
            pointer, columns, call.array(task.bias), call.array(task.vector), call.slope, spec.heads,
            spec.width, call.rows(task.source), call.rows(task.target), _flat(weights), _flat(d_weights),
            d_shift, d_target,
        )  # fmt: skip
        places = [_flat(part) for part in d_vector] if parts else None
        work.add(task.target.tensor, pointer, _job(kernel, add, arguments, places or [call.empty]))
        d_vectors.append(d_vector)
    work.run()
    return d_vectors


def _backward_sources(call: _Call, found: _Gradients, d_attention: Sequence[Tensor]) -> None:
    spec, work = call.spec, _Pass(call.spec)
    kernel = getattr(numba_kernels, f"backward_source_{spec.score}")
    for task, d_weights in zip(spec.tasks, d_attention, strict=True):
        pointer, columns, edge = (index.numpy() for index in task.edges.source_rows)
        add, d_source = found.rows(task.source)
        arguments = (
            pointer, columns, edge, call.array(task.vector), call.slope, spec.heads, spec.width,
            call.rows(task.source), call.rows(task.target), _flat(d_weights), d_source,
        )  # fmt: skip
        work.add(task.source.tensor, pointer, _job(kernel, add, arguments))
    work.run()


def _flat(tensor: Tensor) -> _Array:
    return tensor.detach().view(-1).numpy()


def _job(kernel: Any, add: bool, arguments: tuple[Any, ...], places: Sequence[Any] | None = None) -> _Job:
    """Return the kernel with all but its rows; of ``places``, if any, each part gets its own."""
    if places is None:
        return lambda _, begin, end: kernel(begin, end, add, *arguments)
    last = len(places) - 1
    return lambda part, begin, end: kernel(begin, end, add, *arguments, places[min(part, last)])


class _Call:
    """The tensors of one call as the kernels read them."""

    def __init__(self, spec: Spec, tensors: Sequence[Tensor]) -> None:
        self.spec, self.tensors = spec, tensors
        self.like = tensors[spec.tasks[0].values.tensor]
        self.arrays = [_flat(tensor) for tensor in tensors]
        self.slope = _flat(self.like.new_tensor([spec.negative_slope]))
        self.empty = self.slope[:0]

    def array(self, number: int | None) -> _Array:
        """Return a tensor's numbers; none for None."""
        return self.empty if number is None else self.arrays[number]

    def rows(self, operand: Operand, array: _Array | None = None) -> Rows:
        """Return the operand's rows in its own tensor, or in an array of the same shape."""
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

    def __init__(self, call: _Call) -> None:
        self.call, self.tensors = call, dict[int, Tensor]()
        self._begun = set[tuple[int, int]]()
        operands = [o for task in call.spec.tasks for o in (task.values, task.source, task.target)]
        self._covered = {(operand.tensor, operand.slot) for operand in operands}

    def rows(self, operand: Operand) -> tuple[bool, Rows]:
        """Return where an operand's gradient belongs, and whether there is something to add it to."""
        number, place = operand.tensor, (operand.tensor, operand.slot)
        if number not in self.tensors:
            whole = all((number, slot) in self._covered for slot in range(operand.num_slots))
            make = torch.empty_like if whole else torch.zeros_like
            self.tensors[number] = make(self.call.tensors[number])
        add = place in self._begun
        self._begun.add(place)
        return add, self.call.rows(operand, _flat(self.tensors[number]))

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
        parts: Into how many parts rows are cut; as many as there are threads if None.
    """

    def __init__(self, spec: Spec, parts: int | None = None) -> None:
        numbers = sum(task.edges.num_edges for task in spec.tasks) * spec.heads * spec.width
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
