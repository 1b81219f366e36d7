"""Large arrays on the CPU in huge pages, where the system has them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_HUGE = 1 << 22
"""From so many bytes on, numpy asks for huge pages."""

_LINE = 64
"""Bytes of a cache line, at whose beginning torch's own tensors begin as well."""


def empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return a tensor whose numbers are not set.

    numpy asks Linux for huge pages for an array of 4 MB or more, torch does not. With pages of 4 kB, a step
    spends more time on getting its pages than on its sums, and each row of a large tensor that is read out of
    order waits for the address of its page. Where a tensor begins in its cache line is always the same: the
    last bits of a matrix product can depend on it.

    Args:
        shape: The shape.
        dtype: float32 or float64.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < _HUGE:
        return torch.empty(tuple(shape), dtype=dtype, device="cpu")
    room = torch.from_numpy(np.empty(size + _LINE, dtype=np.uint8))
    first = -room.data_ptr() % _LINE
    return room[first : first + size].view(dtype).view(tuple(shape))
