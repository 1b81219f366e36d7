"""Large arrays on the CPU in huge pages, where the system has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}


def empty(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return a tensor whose numbers are not set.

    numpy asks Linux for huge pages for an array of 4 MB or more, torch does not. With pages of 4 kB, a step
    spends more time on getting its pages than on its sums, and each row of a large tensor that is read out of
    order waits for the address of its page.

    Args:
        shape: The shape.
        dtype: float32 or float64.
    """
    return torch.from_numpy(np.empty(shape, _NUMPY[dtype]))
