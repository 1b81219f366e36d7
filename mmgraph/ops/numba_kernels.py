"""The loops of relational attention on the CPU, compiled at first use and kept on disk.

A kernel works on the rows ``begin`` to ``end`` of one relation and writes to these rows alone, edge after
edge in the order of the plan: whoever runs which rows, the bits are the same. The kernels of one step take
the same arguments, whatever the score has use for. All stand in one file because numba's cache notices a
change in a kernel's own file only.

Shapes: E edges, H heads, D width of a head, C = H x D. Arrays are flat. The row of node n in an operand
begins at ``start + n * step``, so that the operands of several relations can share one array. A head is read
in vectors of as many numbers as ``lanes`` has, which divide D.
"""
# ruff: noqa: ARG001

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mmgraph.ops.numba_vectors import add_product, add_row, dot, dot_rows, load, prefetch, store, zeros
from mmgraph.ops.numba_vectors import kernel as _kernel

# How many edges ahead a row is asked for, and how many are worked on together: far enough for memory to
# answer, near enough to stay in the cache.
_AHEAD = 16
_LINE = 64


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
def _clear(flat, first, size):  # type: ignore[no-untyped-def]
    for position in range(first, first + size):
        flat[position] = 0


@_kernel
def _soften(low, high, heads, shift, attention):  # type: ignore[no-untyped-def]
    """Turn the logits of one target's edges, in place, into attention."""
    for h in range(heads):
        top, total = -np.inf, attention.dtype.type(0)
        for e in range(low, high):
            if shift.size:
                attention[e * heads + h] += shift[e]
            top = max(top, attention[e * heads + h])
        # Where no edge is kept all logits are -inf, and exp(-inf - 0) is the 0 that is wanted.
        top = attention.dtype.type(top if top > -np.inf else 0)
        for e in range(low, high):
            share = math.exp(attention[e * heads + h] - top)
            attention[e * heads + h] = share
            total += share
        scale = 1 / total if total > 0 else total
        for e in range(low, high):
            attention[e * heads + h] *= scale


@_kernel
def _gather(add, low, high, columns, heads, width, lanes, values, attention, out, first):  # type: ignore[no-untyped-def]
    """Write the weighted sum of one target's sources to the row that begins at ``first``, or add it."""
    for begin in range(low, high, _AHEAD):
        end = min(begin + _AHEAD, high)
        for e in range(begin, end):
            _ask_for_row(values, columns, e, heads * width)
        for h in range(heads):
            for c in range(h * width, (h + 1) * width, len(lanes)):
                total = load(out, first + c, lanes) if add or begin > low else zeros(out, lanes)
                for e in range(begin, end):
                    value = load(values.flat, _at(values, columns[e]) + c, lanes)
                    total = add_product(total, attention[e * heads + h], value)
                store(out, first + c, total)
    if low == high and not add:
        _clear(out, first, heads * width)


@_kernel
def forward_gat(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, shift, bias, vector, slope, heads, width, lanes,
    source, target, values, attention, out,
):  # fmt: skip
    """Attend by LeakyReLU(s_j + t_i + bias)."""
    below = slope[0]
    for i in range(begin, end):
        low, high, target_i = np.int64(pointer[i]), np.int64(pointer[i + 1]), _at(target, i)
        for e in range(low, high):
            _ask_for_row(source, columns, e, heads)
            source_j = _at(source, columns[e])
            for h in range(heads):
                x = source.flat[source_j + h] + target.flat[target_i + h]
                if bias.size:
                    x += bias[e * heads + h]
                attention[e * heads + h] = x if x > 0 else below * x
        _soften(low, high, heads, shift, attention)
        _gather(add, low, high, columns, heads, width, lanes, values, attention, out.flat, _at(out, i))


@_kernel
def forward_gatv2(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, shift, bias, vector, slope, heads, width, lanes,
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
        _soften(low, high, heads, shift, attention)
        _gather(add, low, high, columns, heads, width, lanes, values, attention, out.flat, _at(out, i))


@_kernel
def forward_dot(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, shift, bias, vector, slope, heads, width, lanes,
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
        _soften(low, high, heads, shift, attention)
        _gather(add, low, high, columns, heads, width, lanes, values, attention, out.flat, _at(out, i))


@_kernel
def backward_values(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, edge, heads, width, lanes, values, gradient, attention, d_attention,
    d_values,
):  # fmt: skip
    """Read the gradient of each target once: for the values' gradient, and for the attention's."""
    for j in range(begin, end):
        value_j, d_value_j = _at(values, j), _at(d_values, j)
        low, high = np.int64(pointer[j]), np.int64(pointer[j + 1])
        for first in range(low, high, _AHEAD):
            last = first + min(_AHEAD, int(high - first))
            for p in range(first, last):
                _ask_for_row(gradient, columns, p, heads * width)
                _ask_for_edge(edge, p, heads, attention)
                _ask_for_edge(edge, p, heads, d_attention)
            for h in range(heads):
                for c in range(h * width, (h + 1) * width, len(lanes)):
                    value = load(values.flat, value_j + c, lanes)
                    if add or first > low:
                        total = load(d_values.flat, d_value_j + c, lanes)
                    else:
                        total = zeros(values.flat, lanes)
                    for p in range(first, last):
                        at = np.int64(edge[p]) * heads + h
                        gradient_i = load(gradient.flat, _at(gradient, columns[p]) + c, lanes)
                        total = add_product(total, attention[at], gradient_i)
                        d_share = dot(value, gradient_i)
                        d_attention[at] = d_share if c == h * width else d_attention[at] + d_share
                    store(d_values.flat, d_value_j + c, total)
        if low == high and not add:
            _clear(d_values.flat, d_value_j, heads * width)


@_kernel
def _to_logits(low, high, heads, attention, d_attention, d_shift):  # type: ignore[no-untyped-def]
    """Turn the gradient of one target's attention, in place, into that of its logits."""
    for h in range(heads):
        total = attention.dtype.type(0)
        for at in range(low * heads + h, high * heads, heads):
            total += attention[at] * d_attention[at]
        for e in range(low, high):
            at = e * heads + h
            d_attention[at] = attention[at] * (d_attention[at] - total)
            if d_shift.size:
                d_shift[e] += d_attention[at]


@_kernel
def backward_target_gat(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, bias, vector, slope, heads, width, lanes,
    source, target, attention, d_attention, d_shift, d_target, d_vector,
):  # fmt: skip
    """Leave the gradient of s_j + t_i + bias in ``d_attention``; sum it up for the targets."""
    below = slope[0]
    for i in range(begin, end):
        target_i, d_target_i = _at(target, i), _at(d_target, i)
        low, high = np.int64(pointer[i]), np.int64(pointer[i + 1])
        for e in range(low, high):
            _ask_for_row(source, columns, e, heads)
        _to_logits(low, high, heads, attention, d_attention, d_shift)
        for h in range(heads):
            d_h, t_h = slope.dtype.type(0), target.flat[target_i + h]
            for e in range(low, high):
                x, at = source.flat[_at(source, columns[e]) + h] + t_h, e * heads + h
                if bias.size:
                    x += bias[at]
                d_logit = d_attention[at] if x > 0 else below * d_attention[at]
                d_attention[at] = d_logit
                d_h += d_logit
            d_target.flat[d_target_i + h] = d_target.flat[d_target_i + h] + d_h if add else d_h


@_kernel
def backward_target_gatv2(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, bias, vector, slope, heads, width, lanes,
    source, target, attention, d_attention, d_shift, d_target, d_vector,
):  # fmt: skip
    """Leave the gradient of the logits in ``d_attention``; sum up those of the targets and of a."""
    for i in range(begin, end):
        target_i, d_target_i = _at(target, i), _at(d_target, i)
        low, high = np.int64(pointer[i]), np.int64(pointer[i + 1])
        if not add:
            _clear(d_target.flat, d_target_i, heads * width)
        _to_logits(low, high, heads, attention, d_attention, d_shift)
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
    begin, end, add, pointer, columns, bias, vector, slope, heads, width, lanes,
    source, target, attention, d_attention, d_shift, d_target, d_vector,
):  # fmt: skip
    """Leave the gradient of the logits in ``d_attention``; sum up those of the queries."""
    scale = slope.dtype.type(1 / math.sqrt(width))
    for i in range(begin, end):
        d_target_i, low, high = _at(d_target, i), np.int64(pointer[i]), np.int64(pointer[i + 1])
        if not add:
            _clear(d_target.flat, d_target_i, heads * width)
        _to_logits(low, high, heads, attention, d_attention, d_shift)
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
    begin, end, add, pointer, columns, edge, vector, slope, heads, width, lanes,
    source, target, d_attention, d_source,
):  # fmt: skip
    """Sum up the gradients of the sources' logits."""
    for j in range(begin, end):
        d_source_j = _at(d_source, j)
        if not add:
            _clear(d_source.flat, d_source_j, heads)
        for p in range(pointer[j], pointer[j + 1]):
            _ask_for_edge(edge, p, heads, d_attention)
            for h in range(heads):
                d_source.flat[d_source_j + h] += d_attention[np.int64(edge[p]) * heads + h]


@_kernel
def vector_shares(begin, end, vector, heads, width, lanes, values, shares):  # type: ignore[no-untyped-def]
    """Write a . v_j, the sources' share of the score of ``gat``."""
    for j in range(begin, end):
        value_j, share_j = _at(values, j), _at(shares, j)
        for h in range(heads):
            start = h * width
            shares.flat[share_j + h] = dot_rows(values.flat, value_j + start, vector, start, width, lanes)


@_kernel
def backward_shares(  # type: ignore[no-untyped-def]
    begin, end, pointer, edge, vector, heads, width, lanes, values, d_attention, d_values, d_vector
):
    """Add to the gradients of the values, and of the vector, what the sources' shares mean for them."""
    for j in range(begin, end):
        value_j, d_value_j = _at(values, j), _at(d_values, j)
        for p in range(pointer[j], pointer[j + 1]):
            _ask_for_edge(edge, p, heads, d_attention)
        for h in range(heads):
            total, start = vector.dtype.type(0), h * width
            for p in range(pointer[j], pointer[j + 1]):
                total += d_attention[np.int64(edge[p]) * heads + h]
            add_row(d_values.flat, d_value_j + start, total, vector, start, width, lanes)
            add_row(d_vector, start, total, values.flat, value_j + start, width, lanes)


@_kernel
def backward_source_gatv2(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, edge, vector, slope, heads, width, lanes,
    source, target, d_attention, d_source,
):  # fmt: skip
    """Sum up the gradients of the sources' vectors."""
    for j in range(begin, end):
        source_j, d_source_j = _at(source, j), _at(d_source, j)
        if not add:
            _clear(d_source.flat, d_source_j, heads * width)
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
    begin, end, add, pointer, columns, edge, vector, slope, heads, width, lanes,
    source, target, d_attention, d_source,
):  # fmt: skip
    """Sum up the gradients of the keys."""
    scale = slope.dtype.type(1 / math.sqrt(width))
    for j in range(begin, end):
        d_source_j = _at(d_source, j)
        if not add:
            _clear(d_source.flat, d_source_j, heads * width)
        for p in range(pointer[j], pointer[j + 1]):
            _ask_for_row(target, columns, p, heads * width)
            target_i, first = _at(target, columns[p]), np.int64(edge[p]) * heads
            for h in range(heads):
                d_logit, start = scale * d_attention[first + h], h * width
                add_row(
                    d_source.flat, d_source_j + start, d_logit, target.flat, target_i + start, width, lanes
                )
