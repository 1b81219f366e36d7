"""The sum of neighbours' rows, without weights: the least that message passing has to do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch

from mmgraph.numba_vectors import add_product, clear_row, kernel, lanes_of, load, store
from mmgraph.ops.numba_kernels import Rows, _ask_for_row, _at
from mmgraph.worker_threads import balanced_rows

_POOL = ThreadPoolExecutor()


@kernel
def _rows(
    begin: int, end: int, pointer: Any, columns: Any, values: Any, out: Any, channels: int, lanes: Any
) -> None:
    for i in range(begin, end):
        clear_row(out, i * channels, channels, lanes)
        for e in range(pointer[i], pointer[i + 1]):
            _ask_for_row(values, columns, e, channels)
            first = _at(values, columns[e])
            for c in range(0, channels, len(lanes)):
                total = load(out, i * channels + c, lanes)
                store(
                    out,
                    i * channels + c,
                    add_product(total, values.flat.dtype.type(1), load(values.flat, first + c, lanes)),
                )


def gather_sum(
    pointer: np.ndarray, columns: np.ndarray, values: np.ndarray, out: np.ndarray, channels: int
) -> None:
    """Write the sum of each node's neighbours' rows to ``out``, flat [N x channels]."""
    threads = torch.get_num_threads()
    cuts = balanced_rows([pointer], threads)
    work = partial(
        _rows,
        pointer=pointer,
        columns=columns,
        values=Rows(values, 0, channels),
        out=out,
        channels=channels,
        lanes=lanes_of(channels),
    )
    list(_POOL.map(work, cuts[:-1], cuts[1:]))
