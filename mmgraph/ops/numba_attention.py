"""Relational attention on the CPU by numba: which rows of which relation a thread works on.

Each pass goes over all relations. A thread owns rows of whatever the pass writes, so that nothing is locked
and the bits do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from mmgraph.ops import numba_kernels
from mmgraph.ops.fused_attention import Spec
from mmgraph.ops.huge_pages import empty
from mmgraph.ops.numba_operands import Call, Gradients, flat, projected
from mmgraph.ops.numba_pass import Pass

# In how many parts the gradient of a vector is summed up: fixed, so that threads do not change the bits.
_VECTOR_PARTS = 16


def forward(spec: Spec, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the outputs; the attention [E, H] of each task, slabs, and shares that vectors have made."""
    call = Call(spec, tensors)
    outputs = [empty(shape, call.dtype) for shape in spec.outputs]
    attention = [empty([task.edges.num_edges, spec.heads], call.dtype) for task in spec.tasks]
    kernel = getattr(numba_kernels, f"forward_{spec.score}")
    begun = set()
    for batch in call.batches:
        for number in batch:
            call.multiply(spec.tasks[number])
        work = Pass(spec, batch)
        for number in batch:
            task = spec.tasks[number]
            pointer, columns = task.edges.target_arrays
            result = (task.output, task.slab)
            arguments = (
                pointer, columns, call.array(task.shift), call.array(task.bias), call.array(task.vector),
                call.slope, *call.shape, call.rows(task.source), call.rows(task.target),
                call.rows(task.values), flat(attention[number]), call.output_rows(task, outputs),
            )  # fmt: skip
            work.add(task.output, pointer, kernel, result in begun, *arguments)
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
    attention, made = saved[: len(spec.tasks)], saved[len(spec.tasks) :]
    call = Call(spec, tensors, made)
    found = Gradients(call, wanted)
    for batch in call.batches:
        found.slabs.begin(operand for number in batch for operand in projected(spec.tasks[number]))
        d_attention = {number: empty(attention[number].shape, call.dtype) for number in batch}
        _backward_values(call, found, gradients, attention, d_attention)
        parts = _backward_targets(call, found, attention, d_attention)
        if any(call.wants(spec.tasks[number].source, wanted) for number in batch):
            _backward_sources(call, found, d_attention)
        found.slabs.finish()
        found.forget(operand for number in batch for operand in projected(spec.tasks[number]))
        for number in batch:
            task = spec.tasks[number]
            if task.bias is not None:
                found.add(task.bias, d_attention[number])
            if task.vector is not None:
                found.add(task.vector, parts[number].sum(0).view_as(tensors[task.vector]))
    for number, gradient in found.slabs.gradients.items():
        found.add(number, gradient)
    return [found.tensors.get(number) if want else None for number, want in enumerate(wanted)]


def _backward_values(
    call: Call,
    found: Gradients,
    gradients: Sequence[Tensor],
    attention: Sequence[Tensor],
    d_attention: Mapping[int, Tensor],
) -> None:
    spec, work = call.spec, Pass(call.spec, d_attention)
    for number, d_weights in d_attention.items():
        task = spec.tasks[number]
        pointer, columns, edge = task.edges.source_arrays
        add, d_values = found.rows(task.values)
        arguments = (
            pointer, columns, edge, *call.shape, call.rows(task.values),
            call.output_rows(task, gradients), flat(attention[number]), flat(d_weights), d_values,
        )  # fmt: skip
        work.add(call.owner(task.values), pointer, numba_kernels.backward_values, add, *arguments)
    work.run()


def _backward_targets(
    call: Call, found: Gradients, attention: Sequence[Tensor], d_attention: Mapping[int, Tensor]
) -> dict[int, Tensor]:
    """Return for each task the gradient of its vector in parts, [parts, C]."""
    spec = call.spec
    parts = _VECTOR_PARTS if spec.score == "gatv2" else None
    work = Pass(spec, d_attention, parts)
    kernel = getattr(numba_kernels, f"backward_target_{spec.score}")
    d_vectors = {}
    for number, d_weights in d_attention.items():
        task = spec.tasks[number]
        pointer, columns = task.edges.target_arrays
        add, d_target = found.rows(task.target)
        d_vectors[number] = call.like.new_zeros(parts or 0, spec.heads * spec.width)
        d_shift = call.empty if task.shift is None else flat(found.zeros(task.shift))
        arguments = (
            pointer, columns, call.array(task.bias), call.array(task.vector), call.slope, *call.shape,
            call.rows(task.source), call.rows(task.target), flat(attention[number]),
            flat(d_weights), d_shift, d_target,
        )  # fmt: skip
        places = [flat(part) for part in d_vectors[number]] if parts else None
        work.add(call.owner(task.target), pointer, kernel, add, *arguments, places=places or [call.empty])
    work.run()
    return d_vectors


def _backward_sources(call: Call, found: Gradients, d_attention: Mapping[int, Tensor]) -> None:
    spec, work = call.spec, Pass(call.spec, d_attention)
    kernel = getattr(numba_kernels, f"backward_source_{spec.score}")
    for number, d_weights in d_attention.items():
        task = spec.tasks[number]
        pointer, columns, edge = task.edges.source_arrays
        add, d_source = found.rows(task.source)
        arguments = (
            pointer, columns, edge, call.array(task.vector), call.slope, *call.shape,
            call.rows(task.source), call.rows(task.target), flat(d_weights), d_source,
        )  # fmt: skip
        work.add(call.owner(task.source), pointer, kernel, add, *arguments)
    work.run()
