"""The joint space of X-CLIP of two small layers, against the library's own documented use."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.data.video_file import read_frames
from mmgraph.encoders import XClipText, XClipVideo
from mmgraph.errors import ConfigError

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

WORDS = ["ball", "rolls", "falls", "left", "right"]
TEXTS = ["ball rolls left", "ball falls"]


@pytest.fixture(scope="module")
def folder(tiny_models, tmp_path_factory):
    return tiny_models.video_and_text_model(WORDS, tmp_path_factory.mktemp("xclip"))


@pytest.fixture
def clips(video):
    rng = np.random.default_rng(0)
    return [
        video(f"{n}.mp4", list(rng.integers(0, 256, (7, 6, 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)))
        for n in range(2)
    ]


def test_both_sides_are_those_of_the_library(folder, clips, raw, quiet):
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding=True, return_tensors="pt", return_token_type_ids=False
    )
    prepare = transformers.AutoImageProcessor.from_pretrained(folder)
    videos = [list(read_frames(clip, number=4, seconds=60)) for clip in clips]
    with torch.no_grad():
        text = model.get_text_features(**tokens).pooler_output
        video = model.get_video_features(**prepare(videos, return_tensors="pt")).pooler_output
    described = XClipText(model=str(folder)).describe(raw("text", TEXTS), quiet)
    np.testing.assert_allclose(described, text.numpy(), atol=1e-5)
    seen = XClipVideo(model=str(folder)).describe(raw("video", clips), quiet)
    np.testing.assert_allclose(seen, video.numpy(), atol=1e-5)
    assert described.shape[1] == seen.shape[1] == 12
    assert np.abs(seen[0] - seen[1]).max() > 1e-3


def test_a_processor_of_images_does_as_well(folder, clips, raw, quiet, tiny_models, tmp_path):
    seen = XClipVideo(model=str(folder)).describe(raw("video", clips), quiet)
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tiny_models.processor("clip").save_pretrained(tmp_path)
    other = XClipVideo(model=str(tmp_path)).describe(raw("video", clips), quiet)
    assert other.shape == seen.shape
    assert np.isfinite(other).all()


def test_a_joint_space_of_text_and_images_is_refused(tiny_models, tmp_path, clips, raw, quiet):
    folder = tiny_models.joint_model("clip", WORDS, tmp_path / "clip")
    wanted = r"xclip_video: model: got a model of the type 'clip', without a joint space of text and video"
    with pytest.raises(ConfigError, match=wanted):
        XClipVideo(model=str(folder)).describe(raw("video", clips), quiet)
