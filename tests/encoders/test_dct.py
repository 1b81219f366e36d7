from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.fft import idctn

from mmgraph.encoders import DCT


def test_the_waves_give_the_brightness_back(raw, image_file, gradient, quiet):
    encoder = DCT(waves=64, colour=False)
    described = encoder.describe(raw("image", [image_file("a.png", gradient)]), quiet)
    picture = Image.fromarray(gradient).resize((64, 64), Image.Resampling.BILINEAR)
    brightness = np.asarray(picture) @ np.array([0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(idctn(described.reshape(64, 64) * 64, norm="ortho"), brightness, atol=1e-5)


def test_differences_of_colour_are_jpegs(raw, image_file, quiet):
    pixels = np.full((64, 64, 3), [200, 40, 90], dtype=np.uint8)
    described = DCT(waves=4).describe(raw("image", [image_file("a.png", pixels)]), quiet)[0]
    ycbcr = Image.fromarray(pixels).convert("YCbCr").getpixel((0, 0))
    first = described[[0, 16, 20]] * 255 + [0, 128, 128]
    np.testing.assert_allclose(first, ycbcr, atol=1)
    assert np.abs(np.delete(described, [0, 16, 20])).max() < 1e-6


def test_a_smaller_copy_hardly_differs(raw, image_file, quiet):
    waves = np.sin(np.arange(200)[:, None] / 20) * np.cos(np.arange(200) / 30)
    picture = Image.fromarray(((waves + 1) * 127).astype(np.uint8)).convert("RGB")
    files = [image_file("a.png", picture), image_file("b.jpg", picture.resize((90, 90)), quality=60)]
    one, other = DCT().describe(raw("image", files), quiet)
    assert np.linalg.norm(one - other) < 0.03 * np.linalg.norm(one)
