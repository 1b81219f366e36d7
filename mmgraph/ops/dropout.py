"""Dropout on the CPU whose mask is counted and not kept: a hash of the place says whether a value stays."""

from __future__ import annotations

from dataclasses import dataclass
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
    return CountedMask.draw(p).drop(x)


@dataclass(frozen=True)
class CountedMask:
    """Which values of a tensor are dropped, whether it is given whole or in parts.

    Args:
        seed: The number that it follows from.
        threshold: Of the hashes, which are below 2 ** 32, those below it drop their values.
    """

    seed: int
    threshold: int

    @classmethod
    def draw(cls, p: float) -> CountedMask:
        """Return a mask of torch's generator for the share p, above 0 and below 1."""
        # One of all is the least that stays, so that the scale is finite.
        return cls(int(torch.randint(1 << 62, ())), min(round(p * _SHARES), _SHARES - 1))

    def drop(self, x: Tensor, first: int = 0) -> Tensor:
        """Return x with its values dropped: see :func:`counted_dropout`.

        Args:
            x: The tensor, or consecutive rows of it.
            first: How many numbers stand before x in the tensor.
        """
        result: Tensor = _CountedDropout.apply(x, self, first)  # type: ignore[no-untyped-call]
        return result


class _CountedDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: CountedMask, first: int) -> Tensor:
        ctx.mask, ctx.first = mask, first
        values = x.detach().contiguous()
        result = empty(values.shape, values.dtype)
        read, write = values.view(-1).numpy(), result.view(-1).numpy()
        threshold, scale = _U32(mask.threshold), read.dtype.type(_SHARES / (_SHARES - mask.threshold))
        run_together(
            [
                partial(_drop, read[part], write[part], place, *_halves(mask.seed, block), threshold, scale)
                for block, place, part in _cut(first, read.size)
            ]
        )
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.mask.drop(gradient, ctx.first), None, None


def _cut(first: int, size: int) -> list[tuple[int, int, slice]]:
    """Return what each thread does: the number of a block, the place where it begins, and the values."""
    parts = useful_threads(2 * size)
    cuts = {size * part // parts for part in range(parts + 1)}
    cuts |= {block - first for block in range(-(-first // _BLOCK) * _BLOCK, first + size, _BLOCK)}
    return [
        ((first + begin) // _BLOCK, first + begin, slice(begin, end)) for begin, end in pairwise(sorted(cuts))
    ]


def _halves(seed: int, block: int) -> tuple[Any, Any]:
    bits = int(mix(np.uint64((seed + int(STEP) * block) % 2**64)))
    return _U32(bits & 0xFFFFFFFF), _U32(bits >> 32)


@_kernel
def _drop(x, out, first, low, high, threshold, scale):  # type: ignore[no-untyped-def]
    zero = scale * 0
    # Places count from 0: numba asks of any other number whether it counts from the end.
    for place in range(x.size):
        # Each step back in 32 bits: numba would go on in 64, which halves how many are done at once.
        bits = _U32(_U32(first + place) * _STEP + low)
        bits = _U32((bits ^ (bits >> _S16)) * _FIRST)
        bits = _U32((bits ^ (bits >> _S15) ^ high) * _SECOND)
        bits = _U32(bits ^ (bits >> _S16))
        out[place] = x[place] * (scale if bits >= threshold else zero)
