"""The states of all nodes of a type in a temporary file, of which memory holds the rows at hand alone."""

from __future__ import annotations

import os
import tempfile
import weakref

import numpy as np
import torch
from torch import Tensor

from mmgraph.errors import RunError
from mmgraph.sampling.file_rows import read_rows_of


class StateFile:
    """Room for states, [N, C] in float32, in a file without a name, which is gone with this object.

    Rows are written and read by the system: pages of a mapped file would count as the process's own memory.

    Args:
        rows: The number N of nodes.
        channels: The number C of values of a state.

    Raises:
        RunError: If there is no room on the disk.

    Example:
        >>> states = StateFile(4, 2)
        >>> states.put(torch.tensor([1, 2]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> states.take(torch.tensor([2, 1, 2])).tolist()
        [[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]
    """

    def __init__(self, rows: int, channels: int) -> None:
        self._shape = rows, channels
        self._row_bytes = channels * np.dtype(np.float32).itemsize
        size = rows * self._row_bytes
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
            weakref.finalize(self, self._file.close)
            # A file with holes would be too large for the disk only when they are filled.
            if size:
                os.posix_fallocate(self._file.fileno(), 0, size)
        except OSError as error:
            raise RunError(
                f"got no room for the states of {rows:,} nodes, {size / 1e6:,.1f} MB: {error.strerror}",
                where=os.environ.get("TMPDIR", tempfile.gettempdir()),
                fix="Free that folder for temporary files, or name another by the variable TMPDIR.",
            ) from None

    def put(self, index: Tensor, states: Tensor) -> None:
        """Write the states of some nodes.

        Args:
            index: Which nodes, int64 [B], in rising order.
            states: Their states, float32 [B, C], on the CPU.
        """
        rows, values = index.numpy(), states.numpy()
        # Runs of neighbouring rows go to the file together.
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1
        for first, last in zip((0, *breaks), (*breaks, len(rows)), strict=True):
            if first < last:
                self._write(memoryview(values[first:last].tobytes()), int(rows[first]) * self._row_bytes)

    def take(self, index: Tensor) -> Tensor:
        """Return the states of some nodes, float32 [B, C].

        Args:
            index: Which nodes, int64 [B].
        """
        result = np.empty((index.numel(), self._shape[1]), np.float32)
        whole = read_rows_of(self._file.fileno(), 0, index.numpy(), result)
        if whole < index.numel():
            raise RunError(f"the state of node {index[whole]} cannot be read", where=tempfile.gettempdir())
        return torch.from_numpy(result)

    def mapped(self) -> Tensor:
        """Return all states, [N, C], mapped into memory; the tensor keeps the file."""
        if not all(self._shape):
            return torch.empty(self._shape)
        return torch.from_numpy(np.memmap(self._file, np.float32, "r+", shape=self._shape))

    def _write(self, data: memoryview, offset: int) -> None:
        while data:
            done = os.pwrite(self._file.fileno(), data, offset)
            data, offset = data[done:], offset + done
