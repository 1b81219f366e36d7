"""The loops of attention within small groups on the CPU, compiled at first use and kept on disk.

A kernel works on the groups ``begin`` to ``end`` and writes to the rows of their members alone: whoever runs
which groups, the bits are the same. Arrays are flat. Attention is computed anew in the backward pass, which
for a few tokens costs less than keeping it.

Shapes: H heads, D width of a head, L tokens of a group.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# Sums may be reordered and multiplications fused.
_FASTMATH = {"reassoc", "contract", "nsz", "arcp", "afn"}

_kernel = njit(nogil=True, cache=True, fastmath=_FASTMATH, error_model="numpy")


@_kernel
def _dot(x, y):  # type: ignore[no-untyped-def]
    total = x[0] * y[0]
    for d in range(1, x.size):
        total += x[d] * y[d]
    return total


@_kernel
def _add(out, factor, x):  # type: ignore[no-untyped-def]
    for d in range(out.size):
        out[d] += factor * x[d]


@_kernel
def _part(flat, row, step, start, width):  # type: ignore[no-untyped-def]
    first = row * step + start
    return flat[first : first + width]


@_kernel
def _attend(query, memory, tokens, low, high, step, start, scale, share):  # type: ignore[no-untyped-def]
    """Write the attention of one head of a query on the tokens ``low`` to ``high`` into ``share``."""
    top = -np.inf
    for j in range(low, high):
        share[j - low] = scale * _dot(query, _part(memory, tokens[j], step, start, query.size))
        top = max(top, share[j - low])
    total = share[0] * 0
    for j in range(high - low):
        share[j] = math.exp(share[j] - top)
        total += share[j]
    for j in range(high - low):
        share[j] /= total


@_kernel
def forward(  # type: ignore[no-untyped-def]
    begin, end, query_pointer, queries, token_pointer, tokens, pair_pointer, most,
    heads, width, query_step, query_head_step, step, value_start, head_step, scale,
    query, memory, keep, out,
):  # fmt: skip
    """Write what each query gathers from the tokens of its group."""
    share = np.empty(most, query.dtype)
    for group in range(begin, end):
        low, high = token_pointer[group], token_pointer[group + 1]
        pair = pair_pointer[group]
        for asking in range(query_pointer[group], query_pointer[group + 1]):
            for h in range(heads):
                q = _part(query, queries[asking], query_step, h * query_head_step, width)
                _attend(q, memory, tokens, low, high, step, h * head_step, scale, share)
                o = _part(out, queries[asking], query_step, h * query_head_step, width)
                for d in range(width):
                    o[d] = 0
                for j in range(high - low):
                    if keep.size:
                        share[j] *= keep[(pair + j) * heads + h]
                    value = _part(memory, tokens[low + j], step, value_start + h * head_step, width)
                    _add(o, share[j], value)
            pair += high - low


@_kernel
def backward(  # type: ignore[no-untyped-def]
    begin, end, query_pointer, queries, token_pointer, tokens, pair_pointer, most,
    heads, width, query_step, query_head_step, step, value_start, head_step, scale,
    query, memory, keep, d_out, d_query, d_memory,
):  # fmt: skip
    """Write the gradients of the queries, and add those of the tokens, from that of the output."""
    share, d_share = np.empty(most, query.dtype), np.empty(most, query.dtype)
    for group in range(begin, end):
        low, high = token_pointer[group], token_pointer[group + 1]
        pair = pair_pointer[group]
        for asking in range(query_pointer[group], query_pointer[group + 1]):
            for h in range(heads):
                q = _part(query, queries[asking], query_step, h * query_head_step, width)
                d_q = _part(d_query, queries[asking], query_step, h * query_head_step, width)
                d_o = _part(d_out, queries[asking], query_step, h * query_head_step, width)
                _attend(q, memory, tokens, low, high, step, h * head_step, scale, share)
                mean = share[0] * 0
                for j in range(high - low):
                    value = _part(memory, tokens[low + j], step, value_start + h * head_step, width)
                    d_value = _part(d_memory, tokens[low + j], step, value_start + h * head_step, width)
                    factor = keep[(pair + j) * heads + h] if keep.size else share[j] * 0 + 1
                    d_share[j] = factor * _dot(d_o, value)
                    _add(d_value, factor * share[j], d_o)
                    mean += share[j] * d_share[j]
                for d in range(width):
                    d_q[d] = 0
                for j in range(high - low):
                    d_logit = scale * share[j] * (d_share[j] - mean)
                    _add(d_q, d_logit, _part(memory, tokens[low + j], step, h * head_step, width))
                    _add(_part(d_memory, tokens[low + j], step, h * head_step, width), d_logit, q)
            pair += high - low
