"""Frames: an image encoder on a video is the image encoder on its frames."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmgraph.data.choice import Choice
from mmgraph.data.video_file import read_frames
from mmgraph.encoders import HOG, FeatureCache, Frames, build_encoder
from mmgraph.encoders.cache import maker_key
from mmgraph.errors import ConfigError, DataError, UnknownNameError

pytest.importorskip("av", reason="the extra mmgraph[video] is not installed")


@pytest.fixture
def clip(video):
    """A video of 12 frames of noise."""
    rng = np.random.default_rng(0)
    return video(
        "a.mp4", list(rng.integers(0, 256, (12, 4, 6, 3), np.uint8).repeat(8, axis=1).repeat(8, axis=2))
    )


@pytest.fixture
def of_pictures(tmp_path, raw, quiet):
    """Return a function that describes frames as files of pictures by themselves."""

    def describe(encoder, path, number):
        files = []
        for at, frame in enumerate(read_frames(path, number=number, seconds=60)):
            files.append(tmp_path / f"frame-{at}.png")
            Image.fromarray(frame).save(files[-1])
        return encoder.describe(raw("image", files), quiet)

    return describe


@pytest.mark.parametrize("parts", [1, 3, 10])
def test_it_is_the_mean_of_what_the_encoder_makes_of_each_frame(parts, clip, of_pictures, raw, quiet):
    found = Frames(frames=10, parts=parts).describe(raw("video", [clip]), quiet)[0]
    frames = of_pictures(HOG(), clip, 10)
    expected = [part.mean(axis=0) for part in np.array_split(frames, parts)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_model_of_the_hub_sees_frames_as_the_library_does(clip, tiny_models, tmp_path, raw, quiet):
    transformers = pytest.importorskip("transformers")
    import torch

    model = tiny_models.image_model("vit", tmp_path / "vit")
    choice = {"name": "image_transformer", "model": str(model), "pooling": "first"}
    found = Frames(encoder=choice, frames=3).describe(raw("video", [clip]), quiet)[0, 0]
    pictures = [Image.fromarray(frame) for frame in read_frames(clip, number=3, seconds=60)]
    pixels = transformers.AutoImageProcessor.from_pretrained(model)(images=pictures, return_tensors="pt")
    with torch.inference_mode():
        states = transformers.AutoModel.from_pretrained(model).eval()(**pixels).last_hidden_state
    np.testing.assert_allclose(found, states[:, 0].mean(dim=0).numpy(), atol=1e-5)


def test_parts_stand_side_by_side_and_keep_the_order(video, raw, quiet):
    light, dark = np.full((32, 32, 3), 200, np.uint8), np.zeros((32, 32, 3), np.uint8)
    paths = [video("a.mp4", [light] * 4 + [dark] * 4), video("b.mp4", [dark] * 4 + [light] * 4)]
    whole, halves = Frames(frames=8), Frames(frames=8, parts=2)
    items = raw("video", paths)
    one, other = whole.describe(items, quiet)
    np.testing.assert_allclose(one, other, atol=1e-2)
    described = halves.describe(items, quiet)
    np.testing.assert_allclose(described[0], described[1][::-1], atol=1e-2)
    halves.fit(described)
    vectors = halves.transform(described)
    assert vectors.shape == (2, halves.channels)
    assert halves.channels == 2 * halves.fitted.channels
    assert np.abs(vectors[0] - vectors[1]).max() > 0.5


def test_more_parts_than_frames_are_refused():
    with pytest.raises(ConfigError, match="got 9 parts of 8 frames"):
        Frames(parts=9)


@pytest.mark.parametrize(
    ("encoder", "error", "problem"),
    [
        ("tfidf", ConfigError, r"a\.yaml: encoder\.encoder: the encoder 'tfidf' reads text"),
        ("hogg", UnknownNameError, r"a\.yaml: encoder\.encoder.*hogg"),
        ({"name": "hog", "cell": 3}, ConfigError, r"a\.yaml: encoder\.encoder\.cell"),
        ("frames", ConfigError, "reads video; the modality is image"),
    ],
)
def test_what_is_wrong_with_the_encoder_of_images_is_told_with_its_place(encoder, error, problem):
    choice = Choice.model_validate({"name": "frames", "encoder": encoder})
    with pytest.raises(error, match=problem):
        build_encoder(choice, "video", where="a.yaml: encoder")


def test_the_cache_tells_encoders_of_images_apart_but_not_their_projections(raw, clip):
    def key(**encoder):
        return maker_key(Frames(encoder={"name": "hog", **encoder}), "frames", raw("video", [clip]))

    assert key() == key(components=7)
    assert key() != key(cells=2)


def test_broken_videos_are_reported_together_and_the_others_kept(clip, tmp_path, raw, quiet):
    for name in ("b.mp4", "c.mp4"):
        (tmp_path / name).write_text("hello")
    items, cache = (
        raw("video", [tmp_path / "b.mp4", clip, tmp_path / "c.mp4"]),
        FeatureCache(tmp_path / "kept"),
    )
    encoder = Frames(frames=2)
    with pytest.raises(DataError, match="2 of 3 video files cannot be used") as caught:
        cache.description(
            encoder, "frames", items, lambda some: encoder.describe(some, quiet), progress=quiet
        )
    assert caught.value.faults[0].where == f"{tmp_path / 'b.mp4'}"
    cache.description(
        encoder, "frames", raw("video", [clip]), lambda some: encoder.describe(some, quiet), progress=quiet
    )
    assert cache.described == 0


def test_nothing_is_left_on_disk(clip, raw, quiet, tmp_path, monkeypatch):
    import tempfile

    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    Frames(frames=10).describe(raw("video", [clip]), quiet)
    assert not list((tmp_path / "tmp").iterdir())
