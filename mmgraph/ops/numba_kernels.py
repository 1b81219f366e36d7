"""The loops of relational attention on the CPU, compiled at first use and kept on disk.

A kernel works on the rows ``begin`` to ``end`` of one relation and writes to these rows alone, edge after
edge in the order of the plan: whoever runs which rows, the bits are the same. The kernels of one step take
the same arguments, whatever the score has use for. All stand in one file because numba's cache notices a
change in a kernel's own file only.

Shapes: E edges, H heads, D width of a head, C = H x D. Arrays are flat. The row of node n in an operand
begins at ``start + n * step``, so that the operands of several relations can share one array.
"""
# ruff: noqa: ARG001

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# Sums may be reordered and multiplications fused, but infinities mean what they say: they mark dropped edges.
_FASTMATH = {"reassoc", "contract", "nsz", "arcp", "afn"}
# How many edges ahead a row is asked for: far enough for memory to answer, near enough to stay in the cache.
_AHEAD = 8
_LINE = 64

_kernel = njit(nogil=True, cache=True, fastmath=_FASTMATH, error_model="numpy")


class Rows(NamedTuple):
    """One relation's share of an operand: the row of node n begins at ``start + n * step``."""

    flat: Any
    start: int
    step: int


def _make_prefetch(_context: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line that holds ``array[index]``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
        builder.call(function, [address, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, index), generate


_prefetch: Any = intrinsic(_make_prefetch)


@_kernel
def _ask_for_row(rows, columns, edge, channels):  # type: ignore[no-untyped-def]
    ahead = edge + _AHEAD
    if ahead < columns.size:
        first = rows.start + np.int64(columns[ahead]) * rows.step
        for position in range(first, first + channels, _LINE // rows.flat.itemsize):
            _prefetch(rows.flat, position)


@_kernel
def _row(rows, node, size):  # type: ignore[no-untyped-def]
    first = rows.start + np.int64(node) * rows.step
    return rows.flat[first : first + size]


@_kernel
def _clear(row):  # type: ignore[no-untyped-def]
    for c in range(row.size):
        row[c] = 0


@_kernel
def _finish_row(low, high, columns, shift, heads, width, values, attention, out, top, total):  # type: ignore[no-untyped-def]
    """Turn the logits of one target's edges into attention, and add the sum it weighs to ``out``."""
    for h in range(heads):
        top[h] = -np.inf
        total[h] = 0
    for e in range(low, high):
        logit = attention[e * heads : (e + 1) * heads]
        if shift.size:
            for h in range(heads):
                logit[h] += shift[e]
        for h in range(heads):
            top[h] = max(top[h], logit[h])
    for h in range(heads):
        # Where no edge is kept all logits are -inf, and exp(-inf - 0) is the 0 that is wanted.
        top[h] = top[h] if top[h] > -np.inf else 0
    for e in range(low, high):
        share = attention[e * heads : (e + 1) * heads]
        for h in range(heads):
            share[h] = math.exp(share[h] - top[h])
            total[h] += share[h]
    for h in range(heads):
        total[h] = 1 / total[h] if total[h] > 0 else 0
    for e in range(low, high):
        _ask_for_row(values, columns, e, heads * width)
        value = _row(values, columns[e], heads * width)
        for h in range(heads):
            share_h = attention[e * heads + h] * total[h]
            attention[e * heads + h] = share_h
            value_h, out_h = value[h * width : (h + 1) * width], out[h * width : (h + 1) * width]
            for d in range(width):
                out_h[d] += share_h * value_h[d]


@_kernel
def forward_gat(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, shift, bias, vector, slope, heads, width,
    source, target, values, attention, out,
):  # fmt: skip
    """Attend by LeakyReLU(s_j + t_i + bias)."""
    top, total = np.empty(heads, slope.dtype), np.empty(heads, slope.dtype)
    for i in range(begin, end):
        out_i, target_i = _row(out, i, heads * width), _row(target, i, heads)
        if not add:
            _clear(out_i)
        for e in range(pointer[i], pointer[i + 1]):
            source_j, logit = _row(source, columns[e], heads), attention[e * heads : (e + 1) * heads]
            for h in range(heads):
                x = source_j[h] + target_i[h]
                if bias.size:
                    x += bias[e * heads + h]
                logit[h] = x if x > 0 else slope[0] * x
        _finish_row(
            pointer[i], pointer[i + 1], columns, shift, heads, width, values, attention, out_i, top, total
        )


@_kernel
def forward_gatv2(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, shift, bias, vector, slope, heads, width,
    source, target, values, attention, out,
):  # fmt: skip
    """Attend by a . LeakyReLU(s_j + t_i) + bias."""
    top, total = np.empty(heads, slope.dtype), np.empty(heads, slope.dtype)
    for i in range(begin, end):
        out_i, target_i = _row(out, i, heads * width), _row(target, i, heads * width)
        if not add:
            _clear(out_i)
        for e in range(pointer[i], pointer[i + 1]):
            _ask_for_row(source, columns, e, heads * width)
            source_j = _row(source, columns[e], heads * width)
            for h in range(heads):
                x = bias[e * heads + h] if bias.size else slope.dtype.type(0)
                s_h, t_h = source_j[h * width : (h + 1) * width], target_i[h * width : (h + 1) * width]
                a_h = vector[h * width : (h + 1) * width]
                for d in range(width):
                    u = s_h[d] + t_h[d]
                    x += a_h[d] * (u if u > 0 else slope[0] * u)
                attention[e * heads + h] = x
        _finish_row(
            pointer[i], pointer[i + 1], columns, shift, heads, width, values, attention, out_i, top, total
        )


@_kernel
def forward_dot(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, shift, bias, vector, slope, heads, width,
    source, target, values, attention, out,
):  # fmt: skip
    """Attend by k_j . q_i / sqrt(D) + bias."""
    top, total = np.empty(heads, slope.dtype), np.empty(heads, slope.dtype)
    scale = slope.dtype.type(1 / math.sqrt(width))
    for i in range(begin, end):
        out_i, target_i = _row(out, i, heads * width), _row(target, i, heads * width)
        if not add:
            _clear(out_i)
        for e in range(pointer[i], pointer[i + 1]):
            _ask_for_row(source, columns, e, heads * width)
            source_j = _row(source, columns[e], heads * width)
            for h in range(heads):
                x = slope.dtype.type(0)
                k_h, q_h = source_j[h * width : (h + 1) * width], target_i[h * width : (h + 1) * width]
                for d in range(width):
                    x += k_h[d] * q_h[d]
                x *= scale
                if bias.size:
                    x += bias[e * heads + h]
                attention[e * heads + h] = x
        _finish_row(
            pointer[i], pointer[i + 1], columns, shift, heads, width, values, attention, out_i, top, total
        )


@_kernel
def backward_values(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, edge, heads, width, values, gradient, attention, d_attention, d_values
):  # fmt: skip
    """Read the gradient of each target once: for the values' gradient, and for the attention's."""
    for j in range(begin, end):
        value, d_value = _row(values, j, heads * width), _row(d_values, j, heads * width)
        if not add:
            _clear(d_value)
        for p in range(pointer[j], pointer[j + 1]):
            _ask_for_row(gradient, columns, p, heads * width)
            if p + _AHEAD < edge.size:
                _prefetch(attention, np.int64(edge[p + _AHEAD]) * heads)
                _prefetch(d_attention, np.int64(edge[p + _AHEAD]) * heads)
            gradient_i, first = _row(gradient, columns[p], heads * width), np.int64(edge[p]) * heads
            for h in range(heads):
                share, total = attention[first + h], values.flat.dtype.type(0)
                g_h = gradient_i[h * width : (h + 1) * width]
                v_h, d_h = value[h * width : (h + 1) * width], d_value[h * width : (h + 1) * width]
                for d in range(width):
                    d_h[d] += share * g_h[d]
                    total += g_h[d] * v_h[d]
                d_attention[first + h] = total


@_kernel
def _to_logits(low, high, heads, attention, d_attention, d_shift, total):  # type: ignore[no-untyped-def]
    """Turn the gradient of one target's attention, in place, into that of its logits."""
    _clear(total)
    for e in range(low, high):
        for h in range(heads):
            total[h] += attention[e * heads + h] * d_attention[e * heads + h]
    for e in range(low, high):
        for h in range(heads):
            at = e * heads + h
            d_attention[at] = attention[at] * (d_attention[at] - total[h])
            if d_shift.size:
                d_shift[e] += d_attention[at]


@_kernel
def backward_target_gat(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, bias, vector, slope, heads, width,
    source, target, attention, d_attention, d_shift, d_target, d_vector,
):  # fmt: skip
    """Leave the gradient of s_j + t_i + bias in ``d_attention``; sum it up for the targets."""
    below = slope[0]
    for i in range(begin, end):
        target_i, d_target_i = target.start + i * target.step, d_target.start + i * d_target.step
        low, high = np.int64(pointer[i]) * heads, np.int64(pointer[i + 1]) * heads
        # Head by head: slices of as few numbers as there are heads cost more than what is done with them.
        for h in range(heads):
            total = d_h = slope.dtype.type(0)
            for at in range(low + h, high, heads):
                total += attention[at] * d_attention[at]
            e, t_h = pointer[i], target.flat[target_i + h]
            for at in range(low + h, high, heads):
                d_logit = attention[at] * (d_attention[at] - total)
                if d_shift.size:
                    d_shift[e] += d_logit
                x = source.flat[source.start + np.int64(columns[e]) * source.step + h] + t_h
                if bias.size:
                    x += bias[at]
                d_logit = d_logit if x > 0 else below * d_logit
                d_attention[at] = d_logit
                d_h += d_logit
                e += 1
            d_target.flat[d_target_i + h] = d_target.flat[d_target_i + h] + d_h if add else d_h


@_kernel
def backward_target_gatv2(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, bias, vector, slope, heads, width,
    source, target, attention, d_attention, d_shift, d_target, d_vector,
):  # fmt: skip
    """Leave the gradient of the logits in ``d_attention``; sum up those of the targets and of a."""
    total = np.empty(heads, slope.dtype)
    for i in range(begin, end):
        target_i, d_target_i = _row(target, i, heads * width), _row(d_target, i, heads * width)
        if not add:
            _clear(d_target_i)
        _to_logits(pointer[i], pointer[i + 1], heads, attention, d_attention, d_shift, total)
        for e in range(pointer[i], pointer[i + 1]):
            _ask_for_row(source, columns, e, heads * width)
            source_j = _row(source, columns[e], heads * width)
            for h in range(heads):
                part, d_logit = slice(h * width, (h + 1) * width), d_attention[e * heads + h]
                s_h, t_h, d_h = source_j[part], target_i[part], d_target_i[part]
                a_h, d_a_h = vector[part], d_vector[part]
                for d in range(width):
                    u = s_h[d] + t_h[d]
                    d_h[d] += d_logit * a_h[d] * (slope.dtype.type(1) if u > 0 else slope[0])
                    d_a_h[d] += d_logit * (u if u > 0 else slope[0] * u)


@_kernel
def backward_target_dot(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, bias, vector, slope, heads, width,
    source, target, attention, d_attention, d_shift, d_target, d_vector,
):  # fmt: skip
    """Leave the gradient of the logits in ``d_attention``; sum up those of the queries."""
    total = np.empty(heads, slope.dtype)
    scale = slope.dtype.type(1 / math.sqrt(width))
    for i in range(begin, end):
        d_target_i = _row(d_target, i, heads * width)
        if not add:
            _clear(d_target_i)
        _to_logits(pointer[i], pointer[i + 1], heads, attention, d_attention, d_shift, total)
        for e in range(pointer[i], pointer[i + 1]):
            _ask_for_row(source, columns, e, heads * width)
            source_j = _row(source, columns[e], heads * width)
            for h in range(heads):
                part, d_logit = slice(h * width, (h + 1) * width), scale * d_attention[e * heads + h]
                k_h, d_h = source_j[part], d_target_i[part]
                for d in range(width):
                    d_h[d] += d_logit * k_h[d]


@_kernel
def backward_source_gat(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, edge, vector, slope, heads, width,
    source, target, d_attention, d_source,
):  # fmt: skip
    """Sum up the gradients of the sources' logits."""
    for j in range(begin, end):
        d_source_j = _row(d_source, j, heads)
        if not add:
            _clear(d_source_j)
        for p in range(pointer[j], pointer[j + 1]):
            if p + _AHEAD < edge.size:
                _prefetch(d_attention, np.int64(edge[p + _AHEAD]) * heads)
            first = np.int64(edge[p]) * heads
            d_logit = d_attention[first : first + heads]
            for h in range(heads):
                d_source_j[h] += d_logit[h]


@_kernel
def vector_shares(begin, end, vector, heads, width, values, shares):  # type: ignore[no-untyped-def]
    """Write a . v_j, the sources' share of the score of ``gat``."""
    for j in range(begin, end):
        value, share = _row(values, j, heads * width), _row(shares, j, heads)
        for h in range(heads):
            total = values.flat.dtype.type(0)
            v_h, a_h = value[h * width : (h + 1) * width], vector[h * width : (h + 1) * width]
            for d in range(width):
                total += a_h[d] * v_h[d]
            share[h] = total


@_kernel
def backward_shares(  # type: ignore[no-untyped-def]
    begin, end, pointer, edge, vector, heads, width, values, d_attention, d_values, d_vector
):
    """Add to the gradients of the values, and of the vector, what the sources' shares mean for them."""
    total = np.empty(heads, vector.dtype)
    for j in range(begin, end):
        _clear(total)
        for p in range(pointer[j], pointer[j + 1]):
            if p + _AHEAD < edge.size:
                _prefetch(d_attention, np.int64(edge[p + _AHEAD]) * heads)
            first = np.int64(edge[p]) * heads
            for h in range(heads):
                total[h] += d_attention[first + h]
        value, d_value = _row(values, j, heads * width), _row(d_values, j, heads * width)
        for h in range(heads):
            part = slice(h * width, (h + 1) * width)
            v_h, d_h, a_h, d_a_h = value[part], d_value[part], vector[part], d_vector[part]
            for d in range(width):
                d_h[d] += total[h] * a_h[d]
                d_a_h[d] += total[h] * v_h[d]


@_kernel
def backward_source_gatv2(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, edge, vector, slope, heads, width,
    source, target, d_attention, d_source,
):  # fmt: skip
    """Sum up the gradients of the sources' vectors."""
    for j in range(begin, end):
        source_j, d_source_j = _row(source, j, heads * width), _row(d_source, j, heads * width)
        if not add:
            _clear(d_source_j)
        for p in range(pointer[j], pointer[j + 1]):
            _ask_for_row(target, columns, p, heads * width)
            target_i, first = _row(target, columns[p], heads * width), np.int64(edge[p]) * heads
            for h in range(heads):
                part, d_logit = slice(h * width, (h + 1) * width), d_attention[first + h]
                s_h, t_h, d_h, a_h = source_j[part], target_i[part], d_source_j[part], vector[part]
                for d in range(width):
                    d_h[d] += d_logit * a_h[d] * (slope.dtype.type(1) if s_h[d] + t_h[d] > 0 else slope[0])


@_kernel
def backward_source_dot(  # type: ignore[no-untyped-def]
    begin, end, add, pointer, columns, edge, vector, slope, heads, width,
    source, target, d_attention, d_source,
):  # fmt: skip
    """Sum up the gradients of the keys."""
    scale = slope.dtype.type(1 / math.sqrt(width))
    for j in range(begin, end):
        d_source_j = _row(d_source, j, heads * width)
        if not add:
            _clear(d_source_j)
        for p in range(pointer[j], pointer[j + 1]):
            _ask_for_row(target, columns, p, heads * width)
            target_i, first = _row(target, columns[p], heads * width), np.int64(edge[p]) * heads
            for h in range(heads):
                part, d_logit = slice(h * width, (h + 1) * width), scale * d_attention[first + h]
                q_h, d_h = target_i[part], d_source_j[part]
                for d in range(width):
                    d_h[d] += d_logit * q_h[d]
