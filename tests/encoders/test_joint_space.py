"""What both sides of any joint space have in common."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.encoders import ClapAudio, ClapText, ClipImage, ClipText, XClipText, XClipVideo
from mmgraph.encoders.build import encoder_name
from mmgraph.errors import DataError

PAIRS = [(ClipText, ClipImage), (ClapText, ClapAudio), (XClipText, XClipVideo)]


@pytest.mark.parametrize("pair", PAIRS)
def test_both_sides_name_the_same_model(pair):
    text, other = (side() for side in pair)
    assert text.model == other.model
    assert (text.sides, text.fitting) == (other.sides, other.fitting)
    assert text.kind == "text"
    assert other.kind != "text"


@pytest.mark.parametrize("pair", PAIRS)
def test_vectors_keep_their_direction_and_get_one_length(pair):
    described = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.1]], np.float32)
    for side in pair:
        encoder = side()
        encoder.fit(described[1:])
        wanted = np.sqrt(3) * np.array([[0.6, 0.8, 0], [0, 0, 1]])
        np.testing.assert_allclose(encoder.transform(described), wanted, rtol=1e-6)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_model_that_is_not_here_names_what_works_without(pair, raw, quiet, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for side in pair:
        encoder = side(model="some/where")
        place = f"encoder {encoder_name(encoder)}: .*hf download some/where .*take encoder: "
        with pytest.raises(DataError, match=place):
            encoder.describe(raw(side.kind, ["any"]), quiet)
