"""Arrays in the folder of a graph come back as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
