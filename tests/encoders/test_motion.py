"""Statistics of motion: each of them answers what it is there for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmgraph.encoders.motion import Motion

pytest.importorskip("av", reason="the extra mmgraph[video] is not installed")
DIRECTIONS, MEAN, ABOUT, PLACES, CHANGE = np.cumsum([0, *Motion().widths])[:5]


@pytest.fixture
def described(raw, video, quiet):
    """Return a function that describes a video of a picture that is turned, grown and moved step by step."""
    picture = np.zeros((96, 96), np.uint8)
    picture[32:64, 36:60] = 255
    picture[40:48, 36:52] = 0

    def describe(angle=0.0, right=0.0, down=0.0, size=1.0, frames=10) -> np.ndarray:
        steps = []
        for number in range(frames):
            image = Image.fromarray(picture).rotate(angle * number, translate=(right * number, down * number))
            side = round(96 * size**number)
            image = image.resize((side, side), Image.Resampling.BILINEAR)
            grown = Image.new("L", (96, 96))
            grown.paste(image, ((96 - side) // 2, (96 - side) // 2))
            steps.append(np.asarray(grown.convert("RGB")))
        return Motion(frames=frames).describe(raw("video", [video("a.mp4", steps)]), quiet)[0]

    return describe


@pytest.mark.parametrize(
    ("motion", "direction"), [((2, 0), 0), ((0, 2), 2), ((-2, 0), 4), ((0, -2), 6), ((1.5, 1.5), 1)]
)
def test_the_direction_is_in_the_histogram_and_the_mean(motion, direction, described):
    found = described(right=motion[0], down=motion[1])
    middle = found[DIRECTIONS + 8 : DIRECTIONS + 16]
    assert middle.argmax() == direction
    assert middle[direction] > 0.5 * middle.sum()
    down, right = found[MEAN + 2 : MEAN + 4]
    for mean, wanted in ((right, motion[0]), (down, motion[1])):
        assert np.sign(np.round(mean, 2)) == np.sign(wanted) or abs(mean) < 0.02


def test_growing_leads_outwards_and_turning_around(described):
    grows, shrinks = described(size=1.05), described(size=1 / 1.05)
    assert grows[ABOUT] > 0.05 > -0.05 > shrinks[ABOUT]
    clockwise, other = described(angle=-6.0), described(angle=6.0)
    assert clockwise[ABOUT + 1] > 0.1 > -0.1 > other[ABOUT + 1]


def test_what_stands_still_does_not_move(described):
    assert np.abs(described()[: MEAN + 6]).max() < 0.02


def test_the_order_of_motions_counts(raw, video, quiet):
    frames = [np.zeros((64, 64, 3), np.uint8) for _ in range(12)]
    for number, frame in enumerate(frames):
        frame[20:40, 2 * min(number, 6) + 10 : 2 * min(number, 6) + 30] = 255
    paths = [video("a.mp4", frames), video("b.mp4", frames[::-1])]
    moving, reversed_ = Motion(frames=12).describe(raw("video", paths), quiet)[:, CHANGE:]
    assert moving[0] > 5 * moving[2]
    assert reversed_[2] > 5 * reversed_[0]
