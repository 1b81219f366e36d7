from __future__ import annotations

import time

import numpy as np
import pytest
from PIL import Image
from skimage.feature import hog

from mmgraph.encoders.hog import HOG
from mmgraph.errors import ConfigError, DataError


@pytest.fixture
def files(image_file):
    rng = np.random.default_rng(0)
    return [image_file(f"{i}.png", rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)) for i in range(12)]


def test_the_first_part_is_scikit_images_hog(raw, image_file, gradient, quiet):
    described = HOG(size=48, cells=4).describe(raw("image", [image_file("a.png", gradient)]), quiet)
    picture = np.asarray(Image.fromarray(gradient).resize((48, 48), Image.Resampling.BILINEAR))
    grey = picture.astype(np.float32) @ np.float32([0.299, 0.587, 0.114]) / 255
    expected = hog(grey, orientations=9, pixels_per_cell=(12, 12), cells_per_block=(2, 2))
    np.testing.assert_allclose(described[0, : len(expected)], expected, atol=1e-5)


def test_the_other_parts_are_thumbnail_palette_and_colour_grid(raw, image_file, quiet):
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[:, 24:] = [255, 0, 0]
    described = HOG().describe(raw("image", [image_file("a.png", pixels)]), quiet)[0]
    thumbnail, palette, grid = np.split(described[324:], [256, 256 + 64])
    np.testing.assert_allclose(
        thumbnail.reshape(16, 16), np.tile([0.0] * 12 + [0.299] * 4, (16, 1)), atol=1e-6
    )
    assert np.flatnonzero(palette).tolist() == [0, 48]
    np.testing.assert_allclose(palette[[0, 48]] ** 2, [0.75, 0.25], atol=1e-6)
    np.testing.assert_allclose(grid.reshape(4, 4, 3)[:, 3], [[1, 0, 0]] * 4, atol=1e-6)
    assert not grid.reshape(4, 4, 3)[:, :3].any()


def test_colour_counts_only_if_asked_for(raw, image_file, quiet):
    red = np.full((32, 32, 3), [200, 0, 0], dtype=np.uint8)
    # The same brightness in blue.
    blue = np.full((32, 32, 3), [0, 0, 0], dtype=np.uint8) + np.uint8([72, 52, 69])
    pair = raw("image", [image_file("red.png", red), image_file("blue.png", blue)])
    grey = HOG(colour=False).describe(pair, quiet)
    np.testing.assert_allclose(grey[0], grey[1], atol=0.02)
    coloured = HOG(colour=True).describe(pair, quiet)
    assert np.abs(coloured[0] - coloured[1]).max() > 0.5


@pytest.mark.parametrize(
    ("size", "cells", "colour"),
    [(16, 2, True), (16, 8, False), (32, 4, False), (48, 8, True), (256, 4, True)],
)
def test_any_size_can_be_fitted(size, cells, colour, raw, files, quiet):
    encoder = HOG(size=size, cells=cells, colour=colour, components=5)
    described = encoder.describe(raw("image", files), quiet)
    encoder.fit(described)
    assert encoder.transform(described).shape == (12, 5)
    assert described.dtype == np.float32


def test_it_keeps_no_more_components_than_there_are_training_rows(raw, files, quiet):
    encoder = HOG(components=128)
    encoder.fit(encoder.describe(raw("image", files[:5]), quiet))
    assert encoder.channels == 4


def test_like_images_lie_nearer_than_unlike_ones(raw, image_file, quiet):
    rng = np.random.default_rng(0)
    stripes = np.tile(np.repeat([0, 200], 4), (32, 4)).astype(np.uint8)
    pictures = [np.clip(p + rng.integers(0, 40, p.shape), 0, 255) for p in [stripes, stripes.T] * 6]
    items = raw("image", [image_file(f"{i}.png", p.astype(np.uint8)) for i, p in enumerate(pictures)])
    encoder = HOG(components=4)
    described = encoder.describe(items, quiet)
    encoder.fit(described)
    features = encoder.transform(described)
    distance = np.linalg.norm(features[:, None] - features[None], axis=2)
    assert distance[::2, ::2].max() < distance[::2, 1::2].min()


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"sise": 32}, r"HOG: sise: is a key that is not known here\. Did you mean 'size'\?"),
        ({"size": 20}, "HOG: size: got 20"),
        ({"size": 8}, "wanted a multiple of 16"),
        ({"size": "big"}, "got 'big'; wanted an integer"),
        ({"cells": 5}, "HOG: cells: got 5; wanted one of 2, 4 or 8"),
        ({"components": 0}, "wanted a number of at least 1"),
        ({"colour": "teal"}, "wanted true or false"),
    ],
)
def test_wrong_parameters_are_refused(parameters, problem):
    with pytest.raises(ConfigError, match=problem):
        HOG.from_config(parameters, where="HOG")


def test_wrong_parameters_are_refused_in_python_and_all_at_once():
    with pytest.raises(ConfigError, match="2 faults") as caught:
        HOG(size=0, components=-1)
    assert [fault.where for fault in caught.value.faults] == ["HOG: components", "HOG: size"]


def test_images_that_cannot_be_read_are_reported_together(raw, files, quiet, tmp_path):
    for i in (3, 7):
        files[i].write_bytes(files[i].read_bytes()[:100])
    with pytest.raises(DataError, match="2 of 12 image files cannot be used") as caught:
        HOG().describe(raw("image", files), quiet)
    assert "3.png" in str(caught.value)
    assert "7.png" in str(caught.value)


@pytest.mark.slow
def test_an_image_takes_about_a_millisecond(raw, image_file, gradient, quiet):
    items = raw("image", [image_file("a.png", gradient)] * 500)
    start = time.process_time()
    HOG().describe(items, quiet)
    # About 0.8 ms on one core; the bound leaves room for slow machines.
    assert time.process_time() - start < 2.5
