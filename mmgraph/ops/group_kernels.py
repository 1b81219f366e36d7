"""The loops of attention within small groups on the CPU, compiled at first use and kept on disk.

A kernel works on the groups ``begin`` to ``end`` and writes to the rows of their members alone: whoever runs
which groups, the bits are the same. Arrays are flat. Attention is computed anew in the backward pass, which
for a few tokens costs less than keeping it.

Both take the same room for the attention on the tokens of a group, and for its gradient.

Shapes: H heads, D width of a head, L tokens of a group.
"""
# ruff: noqa: ARG001

from __future__ import annotations

import math

import numpy as np

from mmgraph.numba_vectors import add_row, clear_row, dot_rows, prefetch
from mmgraph.numba_vectors import kernel as _kernel

_LINE = 64


@_kernel
def _attend(query, asking, memory, tokens, low, high, step, start, scale, width, lanes, share):  # type: ignore[no-untyped-def]
    """Write the attention of one head of a query on the tokens ``low`` to ``high`` into ``share``."""
    top, total = -np.inf, query.dtype.type(0)
    for j in range(low, high):
        share[j - low] = scale * dot_rows(query, asking, memory, tokens[j] * step + start, width, lanes)
        top = max(top, share[j - low])
    for j in range(high - low):
        share[j] = math.exp(share[j] - query.dtype.type(top))
        total += share[j]
    for j in range(high - low):
        share[j] /= total


@_kernel
def _ask_for_group(group, end, pointer, members, rows, step):  # type: ignore[no-untyped-def]
    """Ask for the rows of the next group's members, which lie anywhere."""
    if group + 1 < end:
        for p in range(pointer[group + 1], pointer[group + 2]):
            for position in range(members[p] * step, (members[p] + 1) * step, _LINE // rows.itemsize):
                prefetch(rows, position)


@_kernel
def forward(  # type: ignore[no-untyped-def]
    begin, end, query_pointer, queries, token_pointer, tokens, pair_pointer,
    heads, width, lanes, query_step, query_head_step, step, value_start, head_step, scale,
    query, memory, keep, out, share, d_share,
):  # fmt: skip
    """Write what each query gathers from the tokens of its group."""
    for group in range(begin, end):
        low, high = token_pointer[group], token_pointer[group + 1]
        pair = pair_pointer[group]
        _ask_for_group(group, end, token_pointer, tokens, memory, step)
        for asking in range(query_pointer[group], query_pointer[group + 1]):
            for h in range(heads):
                start, q = h * head_step, queries[asking] * query_step + h * query_head_step
                _attend(query, q, memory, tokens, low, high, step, start, scale, width, lanes, share)
                clear_row(out, q, width, lanes)
                for j in range(high - low):
                    if keep.size:
                        share[j] *= keep[(pair + j) * heads + h]
                    value = tokens[low + j] * step + value_start + start
                    add_row(out, q, share[j], memory, value, width, lanes)
            pair += high - low


@_kernel
def backward(  # type: ignore[no-untyped-def]
    begin, end, query_pointer, queries, token_pointer, tokens, pair_pointer,
    heads, width, lanes, query_step, query_head_step, step, value_start, head_step, scale,
    query, memory, keep, d_out, d_query, d_memory, share, d_share,
):  # fmt: skip
    """Write the gradients of the queries and of the tokens, from that of the output."""
    for group in range(begin, end):
        low, high = token_pointer[group], token_pointer[group + 1]
        pair = pair_pointer[group]
        _ask_for_group(group, end, token_pointer, tokens, memory, step)
        for p in range(low, high):
            clear_row(d_memory, tokens[p] * step, step, lanes)
        for asking in range(query_pointer[group], query_pointer[group + 1]):
            for h in range(heads):
                start, q = h * head_step, queries[asking] * query_step + h * query_head_step
                _attend(query, q, memory, tokens, low, high, step, start, scale, width, lanes, share)
                mean = query.dtype.type(0)
                for j in range(high - low):
                    value = tokens[low + j] * step + value_start + start
                    factor = keep[(pair + j) * heads + h] if keep.size else query.dtype.type(1)
                    d_share[j] = factor * dot_rows(d_out, q, memory, value, width, lanes)
                    add_row(d_memory, value, factor * share[j], d_out, q, width, lanes)
                    mean += share[j] * d_share[j]
                clear_row(d_query, q, width, lanes)
                for j in range(high - low):
                    d_logit, key = scale * share[j] * (d_share[j] - mean), tokens[low + j] * step + start
                    add_row(d_query, q, d_logit, memory, key, width, lanes)
                    add_row(d_memory, key, d_logit, query, q, width, lanes)
            pair += high - low
