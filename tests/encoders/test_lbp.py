from __future__ import annotations

import numpy as np
import pytest
from skimage.feature import local_binary_pattern

from mmgraph.encoders import LBP
from mmgraph.errors import ConfigError


def test_it_holds_the_shares_of_scikit_images_patterns(raw, image_file, quiet):
    grey = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    encoder = LBP(size=32, cells=1, colour=False)
    described = encoder.describe(raw("image", [image_file("a.png", np.stack([grey] * 3, axis=2))]), quiet)
    for points, radius, part in ((8, 1, described[0, :10]), (16, 2, described[0, 10:])):
        patterns = local_binary_pattern(grey, points, radius, method="uniform")
        expected = np.bincount(patterns.astype(int).ravel(), minlength=points + 2) / 32**2
        np.testing.assert_allclose(part**2, expected, atol=1e-6)


def test_cells_are_told_apart(raw, image_file, quiet):
    grey = np.full((32, 32, 3), 90, dtype=np.uint8)
    grey[:16, 16:] = np.random.default_rng(0).integers(0, 256, (16, 16, 1))
    described = LBP(size=32, cells=2, colour=False).describe(raw("image", [image_file("a.png", grey)]), quiet)
    cells = described[0, :40].reshape(4, 10)
    flat = np.abs(cells - cells[2]).max(axis=1) < 0.5
    assert flat.tolist() == [True, False, True, True]


def test_textures_count_and_not_light(raw, image_file, quiet):
    rng = np.random.default_rng(0)
    stripes = np.tile(np.repeat([40, 120], 2), (32, 8))[:, :32]
    noise = rng.integers(40, 121, (32, 32))
    pictures = [np.stack([p] * 3, axis=2).astype(np.uint8) for p in (stripes, stripes + 90, noise, stripes.T)]
    items = raw("image", [image_file(f"{i}.png", p) for i, p in enumerate(pictures)])
    described = LBP(size=32, cells=1, colour=False).describe(items, quiet)
    distance = np.linalg.norm(described - described[0], axis=1)
    # Flat parts and edges of the picture leave a little.
    assert distance[[1, 3]].max() < distance[2] / 3


def test_widths_add_up(raw, image_file, gradient, quiet):
    for encoder in (LBP(), LBP(cells=8, colour=False), LBP(size=16, cells=2)):
        described = encoder.describe(raw("image", [image_file("a.png", gradient)]), quiet)
        assert described.shape == (1, sum(encoder.widths))


def test_wrong_parameters_are_refused():
    with pytest.raises(ConfigError, match="cells: got 3; wanted one of 1, 2, 4 or 8"):
        LBP(cells=3)
