"""Dropout on the CPU whose mask is counted and not kept: a hash of the place says whether a value stays."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from mmgraph.ops.huge_pages import empty
from mmgraph.split_mix import STEP, mix
from mmgraph.worker_threads import run_together, useful_threads

_kernel = njit(nogil=True, cache=True, error_model="numpy")

_SHARES = 1 << 32

# A place is counted in 32 bits, so that a processor hashes as many places at once as it adds numbers.
_BLOCK = 1 << 30

# The multipliers of C. Wellons's lowbias32, https://nullprogram.com/blog/2018/07/31/, between two of which
# the second half of the seed goes in; and the golden ratio, which keeps neighbours apart.
_U32 = np.uint32
_STEP, _FIRST, _SECOND = _U32(0x9E3779B9), _U32(0x7FEB352D), _U32(0x846CA68B)
_S15, _S16 = _U32(15), _U32(16)


def counted_dropout(x: Tensor, p: float) -> Tensor:
    """Return x with each value dropped with probability p, and the others scaled up to the same mean.

    Which are dropped follows from one number of torch's generator. Nothing of the size of x is kept for the
    gradient, where a mask is as large as x. The share is p to within 2 ** -33, and the scale is that of the
    share.

    Args:
        x: float32 or float64 of any shape, on the CPU.
        p: Above 0 and below 1.

    Returns:
        A contiguous tensor like x.

    Example:
        >>> import torch
        >>> out = counted_dropout(torch.ones(1000), 0.5)
        >>> out.unique()
        tensor([0., 2.])
    """
    seed = int(torch.randint(1 << 62, ()))
    # One of all is the least that stays, so that the scale is finite.
    threshold = min(round(p * _SHARES), _SHARES - 1)
    result: Tensor = _CountedDropout.apply(x, seed, threshold)  # type: ignore[no-untyped-call]
    return result


class _CountedDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, seed: int, threshold: int) -> Tensor:
        ctx.seed, ctx.threshold = seed, threshold
        values = x.detach().contiguous()
        result = empty(values.shape, values.dtype)
        read, write = values.view(-1).numpy(), result.view(-1).numpy()
        scale = read.dtype.type(_SHARES / (_SHARES - threshold))
        run_together(
            [
                partial(_drop, read, write, begin, end, *_halves(seed, block), _U32(threshold), scale)
                for block, begin, end in _cut(read.size)
            ]
        )
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _CountedDropout.apply(gradient, ctx.seed, ctx.threshold), None, None  # type: ignore[no-untyped-call]


def _cut(size: int) -> list[tuple[int, int, int]]:
    """Return what each thread does of a block, and of which one it is: its number, begin and end."""
    parts = useful_threads(2 * size)
    cuts = {size * part // parts for part in range(parts + 1)} | set(range(0, size, _BLOCK))
    return [(begin // _BLOCK, begin, end) for begin, end in pairwise(sorted(cuts))]


def _halves(seed: int, block: int) -> tuple[Any, Any]:
    bits = int(mix(np.uint64((seed + int(STEP) * block) % 2**64)))
    return _U32(bits & 0xFFFFFFFF), _U32(bits >> 32)


@_kernel
def _drop(x, out, begin, end, low, high, threshold, scale):  # type: ignore[no-untyped-def]
    zero = scale * 0
    # Of slices, whose places count from 0: numba asks of any other number whether it counts from the end.
    some, result = x[begin:end], out[begin:end]
    for place in range(some.size):
        # Each step back in 32 bits: numba would go on in 64, which halves how many are done at once.
        bits = _U32(_U32(begin + place) * _STEP + low)
        bits = _U32((bits ^ (bits >> _S16)) * _FIRST)
        bits = _U32((bits ^ (bits >> _S15) ^ high) * _SECOND)
        bits = _U32(bits ^ (bits >> _S16))
        result[place] = some[place] * (scale if bits >= threshold else zero)
