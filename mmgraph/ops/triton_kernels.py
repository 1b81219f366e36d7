"""The loops of relational attention on the GPU, or in Triton's interpreter.

One program works on one row of one relation for one head, and writes to what that row owns alone: no
atomics. The logits [E, H] and the log of the sum of their exponentials [N, H] are kept; attention is
exp(logit - log sum).

Shapes: E edges, H heads, D width of a head. The row of node n in an operand begins at ``n * step`` from the
pointer, which already stands at the relation's slot. Score: 0 gat, 1 gatv2, 2 dot.
"""
# ruff: noqa: N803

from __future__ import annotations

import triton
import triton.language as tl

SCORE_NUMBERS = {"gat": 0, "gatv2": 1, "dot": 2}


@triton.jit  # type: ignore[untyped-decorator]
def forward(  # type: ignore[no-untyped-def]
    pointer, columns, shift, bias, vector,
    source, source_step, target, target_step, values, values_step, logits, log_sum, out, out_step,
    SCORE: tl.constexpr, SLOPE: tl.constexpr, SCALE: tl.constexpr,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr,
    SHIFT: tl.constexpr, BIAS: tl.constexpr, ADD: tl.constexpr, EDGES: tl.constexpr,
):  # fmt: skip
    """Attend by a softmax that is rescaled as it goes."""
    i, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    d = tl.arange(0, BLOCK)
    inside = d < WIDTH
    dtype = values.dtype.element_ty
    low, high = tl.load(pointer + i).to(tl.int64), tl.load(pointer + i + 1).to(tl.int64)
    if SCORE == 0:
        t = tl.load(target + i * target_step + h)
    else:
        t = tl.load(target + i * target_step + h * WIDTH + d, mask=inside, other=0.0)
    if SCORE == 1:
        a = tl.load(vector + h * WIDTH + d, mask=inside, other=0.0)
    top = tl.full((), float("-inf"), dtype)
    total = tl.full((), 0.0, dtype)
    result = tl.zeros((BLOCK,), dtype)
    for first in range(low, high, EDGES):
        e = first + tl.arange(0, EDGES)
        real = e < high
        j = tl.load(columns + e, mask=real, other=0).to(tl.int64)
        both = real[:, None] & inside[None, :]
        wide = h * WIDTH + d[None, :]
        if SCORE == 0:
            x = tl.load(source + j * source_step + h, mask=real, other=0.0) + t
            if BIAS:
                x += tl.load(bias + e * HEADS + h, mask=real, other=0.0)
            x = tl.where(x > 0, x, x * SLOPE)
        else:
            s = tl.load(source + j[:, None] * source_step + wide, mask=both, other=0.0)
            if SCORE == 1:
                u = s + t[None, :]
                x = tl.sum(tl.where(u > 0, u, u * SLOPE) * a[None, :], 1)
            else:
                x = tl.sum(s * t[None, :], 1) * SCALE
            if BIAS:
                x += tl.load(bias + e * HEADS + h, mask=real, other=0.0)
        if SHIFT:
            x += tl.load(shift + e, mask=real, other=0.0)
        tl.store(logits + e * HEADS + h, x.to(dtype), mask=real)
        x = tl.where(real, x, float("-inf")).to(dtype)
        higher = tl.maximum(top, tl.max(x, 0))
        # As long as every edge is dropped all is -inf, from which nothing may be taken off.
        base = tl.where(higher == float("-inf"), 0.0, higher).to(dtype)
        share, rescale = tl.exp(x - base), tl.exp(top - base)
        v = tl.load(values + j[:, None] * values_step + wide, mask=both, other=0.0)
        result = result * rescale + tl.sum(share[:, None] * v, 0)
        total = total * rescale + tl.sum(share, 0)
        top = higher
    some = total > 0
    result = tl.where(some, result / tl.where(some, total, 1.0), 0.0).to(dtype)
    # +inf where nothing is kept, so that exp(logit - log sum) is 0.
    last = tl.where(some, top + tl.log(tl.where(some, total, 1.0)), float("inf")).to(dtype)
    tl.store(log_sum + i * HEADS + h, last)
    place = out + i * out_step + h * WIDTH + d
    if ADD:
        result += tl.load(place, mask=inside, other=0.0)
    tl.store(place, result, mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def backward_values(  # type: ignore[no-untyped-def]
    pointer, columns, edge, values, values_step, gradient, gradient_step, logits, log_sum,
    d_attention, d_values,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr, ADD: tl.constexpr, EDGES: tl.constexpr,
):  # fmt: skip
    """Read the gradient of each target once: for the values' gradient, and for the attention's."""
    j, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    d = tl.arange(0, BLOCK)
    inside = d < WIDTH
    dtype = values.dtype.element_ty
    low, high = tl.load(pointer + j).to(tl.int64), tl.load(pointer + j + 1).to(tl.int64)
    place = j * values_step + h * WIDTH + d
    v = tl.load(values + place, mask=inside, other=0.0)
    result = tl.zeros((BLOCK,), dtype)
    for first in range(low, high, EDGES):
        p = first + tl.arange(0, EDGES)
        real = p < high
        i = tl.load(columns + p, mask=real, other=0).to(tl.int64)
        e = tl.load(edge + p, mask=real, other=0).to(tl.int64)
        logit = tl.load(logits + e * HEADS + h, mask=real, other=float("-inf"))
        share = tl.exp(logit - tl.load(log_sum + i * HEADS + h, mask=real, other=0.0))
        g = tl.load(
            gradient + i[:, None] * gradient_step + h * WIDTH + d[None, :],
            mask=real[:, None] & inside[None, :],
            other=0.0,
        )
        result += tl.sum(share[:, None] * g, 0)
        tl.store(d_attention + e * HEADS + h, tl.sum(g * v[None, :], 1), mask=real)
    if ADD:
        result += tl.load(d_values + place, mask=inside, other=0.0)
    tl.store(d_values + place, result, mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def backward_target(  # type: ignore[no-untyped-def]
    pointer, columns, bias, vector, source, source_step, target, target_step, logits, log_sum,
    d_attention, d_logits, d_score, d_target, d_vector,
    SCORE: tl.constexpr, SLOPE: tl.constexpr, SCALE: tl.constexpr,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr,
    BIAS: tl.constexpr, ADD: tl.constexpr, EDGES: tl.constexpr,
):  # fmt: skip
    """Make the gradients of the logits, of the scores before LeakyReLU, of the targets and of the vector."""
    i, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    d = tl.arange(0, BLOCK)
    inside = d < WIDTH
    dtype = logits.dtype.element_ty
    low, high = tl.load(pointer + i).to(tl.int64), tl.load(pointer + i + 1).to(tl.int64)
    last = tl.load(log_sum + i * HEADS + h)
    total = tl.full((), 0.0, dtype)
    for first in range(low, high, EDGES):
        e = first + tl.arange(0, EDGES)
        real = e < high
        share = tl.exp(tl.load(logits + e * HEADS + h, mask=real, other=float("-inf")) - last)
        total += tl.sum(share * tl.load(d_attention + e * HEADS + h, mask=real, other=0.0), 0)
    if SCORE == 0:
        place = i * target_step + h + tl.zeros((1,), tl.int64)
        owned = place >= 0
        result = tl.zeros((1,), dtype)
    else:
        place = i * target_step + h * WIDTH + d
        owned = inside
        result = tl.zeros((BLOCK,), dtype)
    t = tl.load(target + place, mask=owned, other=0.0)
    if SCORE == 1:
        a = tl.load(vector + h * WIDTH + d, mask=inside, other=0.0)
        result_a = tl.zeros((BLOCK,), dtype)
    for first in range(low, high, EDGES):
        e = first + tl.arange(0, EDGES)
        real = e < high
        j = tl.load(columns + e, mask=real, other=0).to(tl.int64)
        share = tl.exp(tl.load(logits + e * HEADS + h, mask=real, other=float("-inf")) - last)
        x = share * (tl.load(d_attention + e * HEADS + h, mask=real, other=0.0) - total)
        tl.store(d_logits + e * HEADS + h, x, mask=real)
        if SCORE == 0:
            u = tl.load(source + j * source_step + h, mask=real, other=0.0) + tl.sum(t, 0)
            if BIAS:
                u += tl.load(bias + e * HEADS + h, mask=real, other=0.0)
            x = tl.where(u > 0, x, x * SLOPE)
            tl.store(d_score + e * HEADS + h, x, mask=real)
            result += tl.sum(x, 0)
        else:
            s = tl.load(
                source + j[:, None] * source_step + h * WIDTH + d[None, :],
                mask=real[:, None] & inside[None, :],
                other=0.0,
            )
            if SCORE == 1:
                u = s + t[None, :]
                result += tl.sum(x[:, None] * tl.where(u > 0, a[None, :], a[None, :] * SLOPE), 0)
                result_a += tl.sum(x[:, None] * tl.where(u > 0, u, u * SLOPE), 0)
            else:
                result += tl.sum(x[:, None] * s, 0) * SCALE
    if SCORE == 1:
        tl.store(d_vector + (i * HEADS + h) * WIDTH + d, result_a, mask=inside)
    if ADD:
        result += tl.load(d_target + place, mask=owned, other=0.0)
    tl.store(d_target + place, result.to(dtype), mask=owned)


@triton.jit  # type: ignore[untyped-decorator]
def backward_source(  # type: ignore[no-untyped-def]
    pointer, columns, edge, vector, source, source_step, target, target_step, d_score, d_source,
    SCORE: tl.constexpr, SLOPE: tl.constexpr, SCALE: tl.constexpr,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr,
    ADD: tl.constexpr, EDGES: tl.constexpr,
):  # fmt: skip
    """Sum up the gradients of the sources."""
    j, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    d = tl.arange(0, BLOCK)
    inside = d < WIDTH
    dtype = d_score.dtype.element_ty
    low, high = tl.load(pointer + j).to(tl.int64), tl.load(pointer + j + 1).to(tl.int64)
    if SCORE == 0:
        place = j * source_step + h + tl.zeros((1,), tl.int64)
        owned = place >= 0
        result = tl.zeros((1,), dtype)
    else:
        place = j * source_step + h * WIDTH + d
        owned = inside
        result = tl.zeros((BLOCK,), dtype)
    if SCORE == 1:
        s = tl.load(source + place, mask=owned, other=0.0)
        a = tl.load(vector + h * WIDTH + d, mask=inside, other=0.0)
    for first in range(low, high, EDGES):
        p = first + tl.arange(0, EDGES)
        real = p < high
        i = tl.load(columns + p, mask=real, other=0).to(tl.int64)
        e = tl.load(edge + p, mask=real, other=0).to(tl.int64)
        x = tl.load(d_score + e * HEADS + h, mask=real, other=0.0)
        if SCORE == 0:
            result += tl.sum(x, 0)
        else:
            t = tl.load(
                target + i[:, None] * target_step + h * WIDTH + d[None, :],
                mask=real[:, None] & inside[None, :],
                other=0.0,
            )
            if SCORE == 1:
                u = s[None, :] + t
                result += tl.sum(x[:, None] * tl.where(u > 0, a[None, :], a[None, :] * SLOPE), 0)
            else:
                result += tl.sum(x[:, None] * t, 0) * SCALE
    if ADD:
        result += tl.load(d_source + place, mask=owned, other=0.0)
    tl.store(d_source + place, result.to(dtype), mask=owned)
