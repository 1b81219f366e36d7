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

# One hash tells of so many values, each by 16 of its bits.
_LANES = 4
_SHARES = 1 << 16


def counted_dropout(x: Tensor, p: float) -> Tensor:
    """Return x with each value dropped with probability p, and the others scaled up to the same mean.

    Which are dropped follows from one number of torch's generator. Nothing of the size of x is kept for the
    gradient, where a mask is as large as x. The share is p to within 1 / 131072, and the scale is that of the
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
        parts = useful_threads(2 * read.size)
        cuts = [read.size * part // parts // _LANES * _LANES for part in range(parts)] + [read.size]
        scale = read.dtype.type(_SHARES / (_SHARES - threshold))
        run_together(
            [
                partial(_drop, read, write, begin, end, np.uint64(seed), np.uint64(threshold), scale)
                for begin, end in pairwise(cuts)
            ]
        )
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _CountedDropout.apply(gradient, ctx.seed, ctx.threshold), None, None  # type: ignore[no-untyped-call]


@_kernel
def _drop(x, out, begin, end, seed, threshold, scale):  # type: ignore[no-untyped-def]
    zero = scale * 0
    last = end - (end - begin) % _LANES
    for first in range(begin, last, _LANES):
        bits = mix(seed + STEP * np.uint64(first))
        for lane in range(_LANES):
            stays = (bits >> np.uint64(16 * lane)) & np.uint64(0xFFFF) >= threshold
            out[first + lane] = x[first + lane] * scale if stays else zero
    bits = mix(seed + STEP * np.uint64(last))
    for at in range(last, end):
        stays = (bits >> np.uint64(16 * (at - last))) & np.uint64(0xFFFF) >= threshold
        out[at] = x[at] * scale if stays else zero
