"""Products of all rows with all columns in single precision, by the library that is quick on the processor.

torch multiplies matrices by MKL, which takes slow paths on the processors of others than its maker: on an AMD
EPYC of 2024 oneDNN, which torch has as well, takes 56 % of its time. On Intel's both take as long.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

_CPUINFO = Path("/proc/cpuinfo")
# Below so many multiplications its set-up takes longer than what oneDNN saves.
_WORTH_A_SETUP = 1 << 24
# It copies both; more than 64 MB of either are left to MKL, which does not.
_MOST_COPIED = 1 << 24


def products(
    rows: NDArray[np.float32], columns: NDArray[np.float32], room: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the product of each row's vector with each column's, float32 [B, J].

    Args:
        rows: [B, D].
        columns: [J, D].
        room: Where they may be written, of B x J numbers or more; memory of one's own costs its pages each
            time. oneDNN, which takes its own, does not use it.
    """
    left, right = torch.from_numpy(rows), torch.from_numpy(columns)
    with _single_precision():
        large = max(rows.size, columns.size) > _MOST_COPIED
        if not large and len(rows) * columns.size >= _WORTH_A_SETUP and _onednn_is_quicker():
            with torch.inference_mode():
                found = torch.ops.aten.mkldnn_linear(left.to_mkldnn(), right.to_mkldnn(), None).to_dense()
            result: NDArray[np.float32] = found.numpy()
            return result
        out = None
        if room is not None:
            out = torch.from_numpy(room[: len(rows) * len(columns)]).view(len(rows), len(columns))
        result = torch.mm(left, right.T, out=out).numpy()
    return result


@functools.cache
def _onednn_is_quicker() -> bool:
    """Return whether torch has oneDNN, and the processor is one that MKL has no quick paths for."""
    there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not there or not _CPUINFO.is_file():
        return False
    makers = [line for line in _CPUINFO.read_text().splitlines() if line.startswith("vendor_id")]
    return bool(makers) and not any("GenuineIntel" in maker for maker in makers)


@contextlib.contextmanager
def _single_precision() -> Iterator[None]:
    """Let products be of single precision even where somebody has allowed less for training."""
    allowed = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(allowed)
