"""The sum of neighbours' rows, without weights: the least that message passing has to do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch
from numba import njit

from mmgraph.ops.numba_kernels import Rows, _ask_for_row, _row
from mmgraph.worker_threads import balanced_rows

_POOL = ThreadPoolExecutor()


@njit(nogil=True, fastmath=True)
def _rows(begin: int, end: int, pointer: Any, columns: Any, values: Any, out: Any, channels: int) -> None:
    for i in range(begin, end):
        total = out[i * channels : (i + 1) * channels]
        for c in range(channels):
            total[c] = 0
        for e in range(pointer[i], pointer[i + 1]):
            _ask_for_row(values, columns, e, channels)
            value = _row(values, columns[e], channels)
            for c in range(channels):
                total[c] += value[c]


def gather_sum(
    pointer: np.ndarray, columns: np.ndarray, values: np.ndarray, out: np.ndarray, channels: int
) -> None:
    """Write the sum of each node's neighbours' rows to ``out``, flat [N x channels]."""
    threads = torch.get_num_threads()
    cuts = balanced_rows([pointer], threads)
    work = partial(
        _rows, pointer=pointer, columns=columns, values=Rows(values, 0, channels), out=out, channels=channels
    )
    list(_POOL.map(work, cuts[:-1], cuts[1:]))
