"""Videos by VideoMAE and TimeSformer of two small layers, against the library's own documented use."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.data.video_file import read_frames
from mmgraph.encoders import VideoTransformer
from mmgraph.errors import ConfigError, DataError

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder_of(tiny_models, tmp_path_factory):
    return {
        name: tiny_models.video_model(name, tmp_path_factory.mktemp(name))
        for name in ("videomae", "timesformer")
    }


@pytest.fixture
def clips(video):
    rng = np.random.default_rng(0)
    return [
        video(
            f"{n}.mp4",
            list(rng.integers(0, 256, (length, 6, 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)),
        )
        for n, length in enumerate((7, 3))
    ]


@pytest.mark.parametrize(
    ("architecture", "pooling"), [("videomae", "mean"), ("timesformer", "mean"), ("timesformer", "first")]
)
def test_states_are_those_of_the_library(architecture, pooling, folder_of, clips, raw, quiet):
    folder = folder_of[architecture]
    prepare = transformers.AutoImageProcessor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    videos = [list(read_frames(clip, number=4, seconds=60)) for clip in clips]
    with torch.no_grad():
        states = model(**prepare(videos, return_tensors="pt")).last_hidden_state
    wanted = states.mean(dim=1) if pooling == "mean" else states[:, 0]
    described = VideoTransformer(model=str(folder), pooling=pooling).describe(raw("video", clips), quiet)
    np.testing.assert_allclose(described, wanted.numpy(), atol=1e-5)
    assert np.abs(described[0] - described[1]).max() > 1e-3


def test_the_order_of_frames_counts(folder_of, video, raw, quiet):
    frames = list(
        np.linspace(0, 255, 8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 48, 64, 3), np.uint8)
    )
    there, back = video("there.mp4", frames), video("back.mp4", frames[::-1])
    encoder = VideoTransformer(model=str(folder_of["videomae"]))
    one, other = encoder.describe(raw("video", [there, back]), quiet)
    assert np.abs(one - other).max() > 1e-3


def test_a_pooling_or_a_model_that_does_not_fit_is_refused(
    folder_of, tiny_models, tmp_path, clips, raw, quiet
):
    with pytest.raises(ConfigError, match=r"video_transformer: pooling: got first.*Take mean"):
        VideoTransformer(model=str(folder_of["videomae"]), pooling="first").describe(
            raw("video", clips), quiet
        )
    images = tiny_models.image_model("vit", tmp_path / "vit")
    with pytest.raises(
        ConfigError, match=r"model of the type 'vit', without states of videos.*encoder frames"
    ):
        VideoTransformer(model=str(images)).describe(raw("video", clips), quiet)


def test_a_broken_file_is_named(folder_of, clips, raw, quiet, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clips[0].read_bytes()[:200])
    with pytest.raises(DataError, match=r"broken\.mp4"):
        VideoTransformer(model=str(folder_of["videomae"])).describe(raw("video", [clips[0], broken]), quiet)
