"""Arrays in the folder of a graph come back as they were."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from mmgraph.errors import GraphError
from mmgraph.graph.edge_files import load_array, write_array


@pytest.mark.parametrize(
    "array", [np.array(7), np.array(0.5, np.float32), np.eye(3)[:, ::2], np.empty((0, 4))]
)
def test_shape_type_and_numbers_stay(array: np.ndarray, tmp_path: Path) -> None:
    write_array(array, tmp_path / "fitted" / "x.npy")
    found = load_array(tmp_path, "fitted/x.npy")
    assert found.shape == array.shape
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_a_file_that_there_is_no_room_for_is_not_called_damaged(tmp_path: Path) -> None:
    # A file with a hole: it takes no disk.
    np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.int8, shape=(1 << 30,))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 28), hard))
    try:
        with pytest.raises(GraphError, match=r"x.npy: has 1,073.7 MB, and the process may not .*ulimit -v"):
            load_array(tmp_path, "x.npy")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert len(load_array(tmp_path, "x.npy")) == 1 << 30
