"""Optical flow: known motions of textures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mmgraph.encoders.optical_flow import optical_flow

INSIDE = slice(14, -14)


@pytest.fixture
def texture() -> np.ndarray:
    noise = np.random.default_rng(0).random((64, 64))
    smooth = ndimage.gaussian_filter(noise, 2.0)
    return (smooth - smooth.min()) / np.ptp(smooth)


@pytest.mark.parametrize("motion", [(0, 0), (0, 1), (-2, 0.5), (3, -4), (0.3, 0)])
def test_a_shift_is_found_everywhere(motion, texture):
    after = ndimage.shift(texture, motion, order=3, mode="nearest")
    flow = optical_flow(texture[None], after[None])[:, 0, INSIDE, INSIDE]
    np.testing.assert_allclose(flow[0], motion[0], atol=0.2)
    np.testing.assert_allclose(flow[1], motion[1], atol=0.2)


def test_it_agrees_with_scikit_images(texture):
    from skimage.registration import optical_flow_ilk

    after = ndimage.shift(texture, (1.5, -1), order=3, mode="nearest")
    ours = optical_flow(texture[None], after[None])[:, 0, INSIDE, INSIDE]
    theirs = optical_flow_ilk(texture, after)[:, INSIDE, INSIDE]
    assert np.abs(ours - theirs).mean() < 0.1


def test_pairs_do_not_see_each_other(texture):
    before = np.stack([texture, texture.T, texture])
    after = np.stack([np.roll(texture, 2, axis=0), texture, texture])
    together = optical_flow(before, after)
    for pair in range(3):
        alone = optical_flow(before[pair : pair + 1], after[pair : pair + 1])[:, 0]
        assert np.array_equal(together[:, pair], alone)


def test_where_there_is_nothing_to_see_nothing_moves():
    assert not optical_flow(np.zeros((1, 64, 64)), np.ones((1, 64, 64))).any()
