"""The loops of relational attention on the CPU, compiled at first use and kept on disk.

A kernel works on the rows ``begin`` to ``end`` of one relation and writes to these rows alone, edge after
edge in the order of the plan: whoever runs which rows, the bits are the same. The kernels of one step take
the same arguments, whatever the score has use for. All stand in one file because numba's cache notices a
change in a kernel's own file only.

Shapes: E edges, H heads, D width of a head, C = H x D. Arrays are flat. The row of node n in an operand
begins at ``start + n * step``, so that the operands of several relations can share one array. A head is read
in vectors of as many numbers as ``lanes`` has, which divide D; of numbers that each head has one of, as many
as ``beside`` has, which divide H, are read together.
"""
# ruff: noqa: ARG001

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mmgraph.numba_vectors import add as plus
from mmgraph.numba_vectors import (
    add_product,
    add_row,
    choose,
    clear_row,
    divide,
    dot,
    dot_rows,
    exp,
    larger,
    load,
    multiply,
    prefetch,
    spread,
    store,
    subtract,
    zeros,
)
from mmgraph.numba_vectors import kernel as _kernel

# How many edges ahead a row is asked for, and how many are worked on together: far enough for memory to
# answer, near enough to stay in the cache.
_AHEAD = 16
_LINE = 64
_SINGLE = 4
# No logit is less in float32 and in float64, but for those of edges that are dropped.
_LOWEST, _LOWEST_DOUBLE = -3.4e38, -1.7e308


class Rows(NamedTuple):
    """One relation's share of an operand: the row of node n begins at ``start + n * step``."""

    flat: Any
    start: int
    step: int


@_kernel
def _at(rows, node):  # type: ignore[no-untyped-def]
    """Return where the row of a node begins."""
    return rows.start + np.int64(node) * rows.step


@_kernel
def _ask_for_row(rows, columns, edge, channels):  # type: ignore[no-untyped-def]
    ahead = edge + _AHEAD
    if ahead < columns.size:
        first = _at(rows, columns[ahead])
        for position in range(first, first + channels, _LINE // rows.flat.itemsize):
            prefetch(rows.flat, position)


@_kernel
def _ask_for_edge(edge, position, heads, attention):  # type: ignore[no-untyped-def]
    if position + _AHEAD < edge.size:
        prefetch(attention, np.int64(edge[position + _AHEAD]) * heads)


@_kernel
def _soften(low, high, heads, beside, shift, attention):  # type: ignore[no-untyped-def]
    """Turn the logits of one target's edges, in place, into attention."""
    one = spread(attention, 1, beside)
    for h in range(0, heads, len(beside)):
        # Where no edge is kept all logits are -inf, and exp(-inf - top) is the 0 that is wanted.
        lowest = _LOWEST if attention.itemsize == _SINGLE else _LOWEST_DOUBLE
        top, total = spread(attention, lowest, beside), zeros(attention, beside)
        for e in range(low, high):
            x = load(attention, e * heads + h, beside)
            if shift.size:
                x = plus(x, spread(attention, shift[e], beside))
                store(attention, e * heads + h, x)
            top = larger(top, x)
        for e in range(low, high):
            share = exp(subtract(load(attention, e * heads + h, beside), top))
            store(attention, e * heads + h, share)
            total = plus(total, share)
        scale = choose(total, divide(one, total), total)
        for e in range(low, high):
            store(attention, e * heads + h, multiply(load(attention, e * heads + h, beside), scale))


@_kernel
def _gather(add, low, high, columns, heads, width, lanes, values, attention, out, first):  # type: ignore[no-untyped-def]
    """Write the weighted sum of one target's sources to the row that begins at ``first``, or add it."""
    if not add:
        clear_row(out, first, heads * width, lanes)
    for e in range(low, high):
        _ask_for_row(values, columns, e, heads * width)
        value = _at(values, columns[e])
        for h in range(heads):
            share = attention[e * heads + h]
            for c in range(h * width, (h + 1) * width, len(lanes)):
                total = add_product(load(out, first + c, lanes), share, load(values.flat, value + c, lanes))
                store(out, first + c, total)


@_kernel
def forward_gat(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, shift, bias, vector, slope, heads, width, lanes, beside,
    source, target, values, attention, out,
):  # fmt: skip
    """Attend by LeakyReLU(s_j + t_i + bias)."""
    below = spread(attention, slope[0], beside)
    for i in range(begin, end):
        low, high, target_i = np.int64(pointer[i]), np.int64(pointer[i + 1]), _at(target, i)
        for e in range(low, high):
            _ask_for_row(source, columns, e, heads)
            source_j = _at(source, columns[e])
            for h in range(0, heads, len(beside)):
                x = plus(load(source.flat, source_j + h, beside), load(target.flat, target_i + h, beside))
                if bias.size:
                    x = plus(x, load(bias, e * heads + h, beside))
                store(attention, e * heads + h, choose(x, x, multiply(x, below)))
        _soften(low, high, heads, beside, shift, attention)
        _gather(add, low, high, columns, heads, width, lanes, values, attention, out.flat, _at(out, i))


@_kernel
def forward_gatv2(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, shift, bias, vector, slope, heads, width, lanes, beside,
    source, target, values, attention, out,
):  # fmt: skip
    """Attend by a . LeakyReLU(s_j + t_i) + bias."""
    below = slope[0]
    for i in range(begin, end):
        low, high, target_i = np.int64(pointer[i]), np.int64(pointer[i + 1]), _at(target, i)
        for e in range(low, high):
            _ask_for_row(source, columns, e, heads * width)
            source_j = _at(source, columns[e])
            for h in range(heads):
                x = bias[e * heads + h] if bias.size else slope.dtype.type(0)
                for d in range(h * width, (h + 1) * width):
                    u = source.flat[source_j + d] + target.flat[target_i + d]
                    x += vector[d] * (u if u > 0 else below * u)
                attention[e * heads + h] = x
        _soften(low, high, heads, beside, shift, attention)
        _gather(add, low, high, columns, heads, width, lanes, values, attention, out.flat, _at(out, i))


@_kernel
def forward_dot(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, shift, bias, vector, slope, heads, width, lanes, beside,
    source, target, values, attention, out,
):  # fmt: skip
    """Attend by k_j . q_i / sqrt(D) + bias."""
    scale = slope.dtype.type(1 / math.sqrt(width))
    for i in range(begin, end):
        low, high, target_i = np.int64(pointer[i]), np.int64(pointer[i + 1]), _at(target, i)
        for e in range(low, high):
            _ask_for_row(source, columns, e, heads * width)
            source_j = _at(source, columns[e])
            for h in range(heads):
                x = dot_rows(
                    source.flat, source_j + h * width, target.flat, target_i + h * width, width, lanes
                )
                x *= scale
                if bias.size:
                    x += bias[e * heads + h]
                attention[e * heads + h] = x
        _soften(low, high, heads, beside, shift, attention)
        _gather(add, low, high, columns, heads, width, lanes, values, attention, out.flat, _at(out, i))


@_kernel
def backward_values(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, edge, heads, width, lanes, beside, values, gradient,
    attention, d_attention, d_values,
):  # fmt: skip
    """Read the gradient of each target once: for the values' gradient, and for the attention's."""
    for j in range(begin, end):
        value_j, d_value_j = _at(values, j), _at(d_values, j)
        if not add:
            clear_row(d_values.flat, d_value_j, heads * width, lanes)
        for p in range(pointer[j], pointer[j + 1]):
            _ask_for_row(gradient, columns, p, heads * width)
            _ask_for_edge(edge, p, heads, attention)
            _ask_for_edge(edge, p, heads, d_attention)
            gradient_i, first = _at(gradient, columns[p]), np.int64(edge[p]) * heads
            for h in range(heads):
                share, d_share = attention[first + h], attention.dtype.type(0)
                for c in range(h * width, (h + 1) * width, len(lanes)):
                    row = load(gradient.flat, gradient_i + c, lanes)
                    d_share += dot(load(values.flat, value_j + c, lanes), row)
                    total = add_product(load(d_values.flat, d_value_j + c, lanes), share, row)
                    store(d_values.flat, d_value_j + c, total)
                d_attention[first + h] = d_share


@_kernel
def _to_logits(low, high, heads, beside, attention, d_attention, d_shift):  # type: ignore[no-untyped-def]
    """Turn the gradient of one target's attention, in place, into that of its logits."""
    for h in range(0, heads, len(beside)):
        total = zeros(attention, beside)
        for at in range(low * heads + h, high * heads, heads):
            total = plus(total, multiply(load(attention, at, beside), load(d_attention, at, beside)))
        for at in range(low * heads + h, high * heads, heads):
            d_logit = subtract(load(d_attention, at, beside), total)
            store(d_attention, at, multiply(load(attention, at, beside), d_logit))
    if d_shift.size:
        for e in range(low, high):
            for at in range(e * heads, (e + 1) * heads):
                d_shift[e] += d_attention[at]


@_kernel
def backward_target_gat(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, bias, vector, slope, heads, width, lanes, beside,
    source, target, attention, d_attention, d_shift, d_target, d_vector,
):  # fmt: skip
    """Leave the gradient of s_j + t_i + bias in ``d_attention``; sum it up for the targets."""
    below = spread(attention, slope[0], beside)
    for i in range(begin, end):
        target_i, d_target_i = _at(target, i), _at(d_target, i)
        low, high = np.int64(pointer[i]), np.int64(pointer[i + 1])
        for e in range(low, high):
            _ask_for_row(source, columns, e, heads)
        _to_logits(low, high, heads, beside, attention, d_attention, d_shift)
        for h in range(0, heads, len(beside)):
            target_h = load(target.flat, target_i + h, beside)
            d_h = load(d_target.flat, d_target_i + h, beside) if add else zeros(attention, beside)
            for e in range(low, high):
                x, at = plus(load(source.flat, _at(source, columns[e]) + h, beside), target_h), e * heads + h
                if bias.size:
                    x = plus(x, load(bias, at, beside))
                d_logit = load(d_attention, at, beside)
                d_logit = choose(x, d_logit, multiply(d_logit, below))
                store(d_attention, at, d_logit)
                d_h = plus(d_h, d_logit)
            store(d_target.flat, d_target_i + h, d_h)


@_kernel
def backward_target_gatv2(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, bias, vector, slope, heads, width, lanes, beside,
    source, target, attention, d_attention, d_shift, d_target, d_vector,
):  # fmt: skip
    """Leave the gradient of the logits in ``d_attention``; sum up those of the targets and of a."""
    for i in range(begin, end):
        target_i, d_target_i = _at(target, i), _at(d_target, i)
        low, high = np.int64(pointer[i]), np.int64(pointer[i + 1])
        if not add:
            clear_row(d_target.flat, d_target_i, heads * width, lanes)
        _to_logits(low, high, heads, beside, attention, d_attention, d_shift)
        for e in range(low, high):
            _ask_for_row(source, columns, e, heads * width)
            source_j = _at(source, columns[e])
            for h in range(heads):
                d_logit = d_attention[e * heads + h]
                for d in range(h * width, (h + 1) * width):
                    u = source.flat[source_j + d] + target.flat[target_i + d]
                    factor = slope.dtype.type(1) if u > 0 else slope[0]
                    d_target.flat[d_target_i + d] += d_logit * vector[d] * factor
                    d_vector[d] += d_logit * factor * u


@_kernel
def backward_target_dot(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, bias, vector, slope, heads, width, lanes, beside,
    source, target, attention, d_attention, d_shift, d_target, d_vector,
):  # fmt: skip
    """Leave the gradient of the logits in ``d_attention``; sum up those of the queries."""
    scale = slope.dtype.type(1 / math.sqrt(width))
    for i in range(begin, end):
        d_target_i, low, high = _at(d_target, i), np.int64(pointer[i]), np.int64(pointer[i + 1])
        if not add:
            clear_row(d_target.flat, d_target_i, heads * width, lanes)
        _to_logits(low, high, heads, beside, attention, d_attention, d_shift)
        for e in range(low, high):
            _ask_for_row(source, columns, e, heads * width)
            source_j = _at(source, columns[e])
            for h in range(heads):
                d_logit, start = scale * d_attention[e * heads + h], h * width
                add_row(
                    d_target.flat, d_target_i + start, d_logit, source.flat, source_j + start, width, lanes
                )


@_kernel
def backward_source_gat(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, edge, vector, slope, heads, width, lanes, beside,
    source, target, d_attention, d_source,
):  # fmt: skip
    """Sum up the gradients of the sources' logits."""
    for j in range(begin, end):
        d_source_j = _at(d_source, j)
        if not add:
            clear_row(d_source.flat, d_source_j, heads, beside)
        for p in range(pointer[j], pointer[j + 1]):
            _ask_for_edge(edge, p, heads, d_attention)
            for h in range(heads):
                d_source.flat[d_source_j + h] += d_attention[np.int64(edge[p]) * heads + h]


@_kernel
def backward_source_gatv2(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, edge, vector, slope, heads, width, lanes, beside,
    source, target, d_attention, d_source,
):  # fmt: skip
    """Sum up the gradients of the sources' vectors."""
    for j in range(begin, end):
        source_j, d_source_j = _at(source, j), _at(d_source, j)
        if not add:
            clear_row(d_source.flat, d_source_j, heads * width, lanes)
        for p in range(pointer[j], pointer[j + 1]):
            _ask_for_row(target, columns, p, heads * width)
            target_i, first = _at(target, columns[p]), np.int64(edge[p]) * heads
            for h in range(heads):
                d_logit = d_attention[first + h]
                for d in range(h * width, (h + 1) * width):
                    u = source.flat[source_j + d] + target.flat[target_i + d]
                    factor = slope.dtype.type(1) if u > 0 else slope[0]
                    d_source.flat[d_source_j + d] += d_logit * vector[d] * factor


@_kernel
def backward_source_dot(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, edge, vector, slope, heads, width, lanes, beside,
    source, target, d_attention, d_source,
):  # fmt: skip
    """Sum up the gradients of the keys."""
    scale = slope.dtype.type(1 / math.sqrt(width))
    for j in range(begin, end):
        d_source_j = _at(d_source, j)
        if not add:
            clear_row(d_source.flat, d_source_j, heads * width, lanes)
        for p in range(pointer[j], pointer[j + 1]):
            _ask_for_row(target, columns, p, heads * width)
            target_i, first = _at(target, columns[p]), np.int64(edge[p]) * heads
            for h in range(heads):
                d_logit, start = scale * d_attention[first + h], h * width
                add_row(
                    d_source.flat, d_source_j + start, d_logit, target.flat, target_i + start, width, lanes
                )
