from __future__ import annotations

import numpy as np
import pytest
from skimage.feature import hog

from mmgraph.encoders.oriented_gradients import ORIENTATIONS, oriented_gradients


@pytest.mark.parametrize(("size", "cells"), [(16, 2), (32, 4), (32, 8), (48, 4)])
def test_they_are_scikit_images(size, cells):
    rng = np.random.default_rng(0)
    pictures = rng.random((5, size, size), dtype=np.float32)
    pictures[3] = 0.5
    pictures[4] = np.indices((size, size)).sum(axis=0) > size
    cell = size // cells
    expected = [
        hog(picture, orientations=ORIENTATIONS, pixels_per_cell=(cell, cell), cells_per_block=(2, 2))
        for picture in pictures
    ]
    np.testing.assert_allclose(oriented_gradients(pictures, cells), expected, atol=1e-5)


def test_a_picture_is_described_alike_in_any_company():
    pictures = np.random.default_rng(0).random((70, 32, 32), dtype=np.float32)
    together = oriented_gradients(pictures, 4)
    alone = np.concatenate([oriented_gradients(picture[None], 4) for picture in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-6)
