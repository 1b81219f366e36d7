"""Relational attention on the GPU by Triton: the launches of its kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmgraph.ops import triton_kernels
from mmgraph.ops.fused_attention import Operand, Projected, Spec, Task

# How many edges a program reads at once.
_EDGES = 16


def forward(spec: Spec, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the outputs, and of each task the logits [E, H] with the log of their sums [N, H]."""
    call = _Call(spec, tensors)
    outputs = [call.like.new_empty(shape) for shape in spec.outputs]
    saved, begun = [], set()
    for task in spec.tasks:
        edges, result = task.edges, (task.output, task.slab)
        logits = call.like.new_empty(edges.num_edges, spec.heads)
        log_sum = call.like.new_empty(edges.num_target, spec.heads)
        if edges.num_target:
            pointer, columns = edges.target_rows
            triton_kernels.forward[edges.num_target, spec.heads](
                pointer, columns, call.tensor(task.shift), call.tensor(task.bias), call.tensor(task.vector),
                *call.rows(task.source), *call.rows(task.target),
                *call.rows(task.values), logits, log_sum, outputs[task.output][task.slab],
                spec.heads * spec.width, **call.score, **call.sizes, SHIFT=task.shift is not None,
                BIAS=task.bias is not None, ADD=result in begun,
            )  # fmt: skip
        begun.add(result)
        saved += [logits, log_sum]
    return outputs, saved


def backward(
    spec: Spec,
    tensors: Sequence[Tensor],
    saved: Sequence[Tensor],
    gradients: Sequence[Tensor],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """Return the gradient of each tensor that one is wanted of."""
    call, found = _Call(spec, tensors), _Gradients(tensors)
    for task, logits, log_sum in zip(spec.tasks, saved[::2], saved[1::2], strict=True):
        _backward_task(call, found, task, logits, log_sum, gradients[task.output][task.slab])
    return [found.tensors.get(number) if want else None for number, want in enumerate(wanted)]


def _backward_task(
    call: _Call, found: _Gradients, task: Task, logits: Tensor, log_sum: Tensor, gradient: Tensor
) -> None:
    spec, edges = call.spec, task.edges
    d_attention, d_logits = torch.empty_like(logits), torch.empty_like(logits)
    # Only gat's score goes through LeakyReLU as a whole.
    d_score = torch.empty_like(logits) if spec.score == "gat" else d_logits
    pointer, columns, edge = edges.source_rows
    if edges.num_source:
        add, d_values = found.rows(task.values)
        triton_kernels.backward_values[edges.num_source, spec.heads](
            pointer, columns, edge, *call.rows(task.values), gradient, spec.heads * spec.width, logits,
            log_sum, d_attention, d_values, **call.sizes, ADD=add,
        )  # fmt: skip
    parts = edges.num_target if task.vector is not None else 0
    d_vector = call.like.new_empty(parts, spec.heads, spec.width)
    if edges.num_target:
        add, d_target = found.rows(task.target)
        triton_kernels.backward_target[edges.num_target, spec.heads](
            *edges.target_rows, call.tensor(task.bias), call.tensor(task.vector),
            *call.rows(task.source), *call.rows(task.target), logits, log_sum, d_attention, d_logits, d_score,
            d_target, d_vector, **call.score, **call.sizes, BIAS=task.bias is not None, ADD=add,
        )  # fmt: skip
    if edges.num_source:
        add, d_source = found.rows(task.source)
        triton_kernels.backward_source[edges.num_source, spec.heads](
            pointer, columns, edge, call.tensor(task.vector),
            *call.rows(task.source), *call.rows(task.target), d_score, d_source, **call.score, **call.sizes,
            ADD=add,
        )  # fmt: skip
    if task.shift is not None:
        found.add(task.shift, d_logits.sum(1))
    if task.bias is not None:
        found.add(task.bias, d_score)
    if task.vector is not None:
        found.add(task.vector, d_vector.sum(0))


class _Call:
    """The tensors of one call as the kernels read them."""

    def __init__(self, spec: Spec, tensors: Sequence[Tensor]) -> None:
        self.spec, self.tensors = spec, tensors
        self.like = tensors[spec.tasks[0].target.tensor]
        # Known when compiled, so that in float64 they are not those of float32.
        self.score: dict[str, Any] = {
            "SCORE": triton_kernels.SCORE_NUMBERS[spec.score],
            "SLOPE": spec.negative_slope,
            "SCALE": 1 / math.sqrt(spec.width),
        }
        block = 1 << (spec.width - 1).bit_length()
        self.sizes: dict[str, Any] = {
            "HEADS": spec.heads,
            "WIDTH": spec.width,
            "BLOCK": block,
            "EDGES": _EDGES,
        }

    def tensor(self, number: int | None) -> Tensor:
        """Return a tensor, or for None one that is never read."""
        return self.like if number is None else self.tensors[number]

    def rows(self, operand: Operand | Projected | None) -> tuple[Tensor, int]:
        """Return the operand's tensor from its slot on, and how far apart its rows are."""
        assert isinstance(operand, Operand), "projections are multiplied out before"
        return _rows(self.tensors[operand.tensor], operand)


class _Gradients:
    """The gradients that have been begun."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.given, self.tensors = tensors, dict[int, Tensor]()
        self._begun = set[tuple[int, int]]()

    def rows(self, operand: Operand | Projected | None) -> tuple[bool, Tensor]:
        """Return whether there is something to add to, and the gradient's tensor from its slot on."""
        assert isinstance(operand, Operand), "projections are multiplied out before"
        number, place = operand.tensor, (operand.tensor, operand.slot)
        if number not in self.tensors:
            self.tensors[number] = torch.zeros_like(self.given[number])
        add = place in self._begun
        self._begun.add(place)
        return add, _rows(self.tensors[number], operand)[0]

    def add(self, number: int, gradient: Tensor) -> None:
        """Add to the gradient of a tensor as a whole."""
        known = self.tensors.get(number)
        self.tensors[number] = gradient if known is None else known + gradient


def _rows(tensor: Tensor, operand: Operand) -> tuple[Tensor, int]:
    size = tensor.shape[1:].numel() // operand.num_slots
    return tensor.view(-1)[operand.slot * size :], operand.num_slots * size
