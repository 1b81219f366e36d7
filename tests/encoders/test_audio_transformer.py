"""Sounds by models of the transformers library: equal to the library's own use."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.encoders import AudioTransformer
from mmgraph.errors import ConfigError, DataError

transformers = pytest.importorskip("transformers")
pytest.importorskip("librosa")


@pytest.fixture
def model(tiny_models, tmp_path):
    return lambda architecture: tiny_models.audio_model(architecture, tmp_path / architecture)


def states_by_the_library(folder, samples: np.ndarray):
    import torch

    prepare = transformers.AutoFeatureExtractor.from_pretrained(folder)
    inputs = prepare(samples, sampling_rate=16_000, return_tensors="pt")
    network = transformers.AutoModel.from_pretrained(folder).eval()
    if network.config.is_encoder_decoder:
        network = network.get_encoder()
    with torch.inference_mode():
        return network(**inputs).last_hidden_state[0].numpy()


def described(folder, path, raw, quiet, **parameters) -> np.ndarray:
    return AudioTransformer(model=str(folder), **parameters).describe(raw("audio", [path]), quiet)[0]


def test_wav2vec2_is_the_mean_of_the_librarys_states(model, sound_file, tone, raw, quiet):
    folder, samples = model("wav2vec2"), tone(440).astype(np.float32)
    path = sound_file("a.wav", samples, subtype="FLOAT")
    expected = states_by_the_library(folder, samples).mean(axis=0)
    np.testing.assert_allclose(described(folder, path, raw, quiet), expected, atol=1e-5)


def test_whisper_is_the_mean_over_the_sound_and_not_over_what_is_padded(model, sound_file, tone, raw, quiet):
    folder, samples = model("whisper"), tone(440, seconds=0.5).astype(np.float32)
    path = sound_file("a.wav", samples, subtype="FLOAT")
    states = states_by_the_library(folder, samples)
    assert len(states) == 50
    found = described(folder, path, raw, quiet)
    np.testing.assert_allclose(found, states[:25].mean(axis=0), atol=1e-5)
    assert np.abs(found - states.mean(axis=0)).max() > 1e-3


def test_another_rate_and_several_channels_are_brought_to_the_models(model, sound_file, tone, raw, quiet):
    folder = model("wav2vec2")
    stereo = np.stack([tone(440, rate=44_100)] * 2, axis=1)
    one = described(folder, sound_file("a.wav", stereo, 44_100), raw, quiet)
    other = described(folder, sound_file("b.wav", tone(440)), raw, quiet)
    different = described(folder, sound_file("c.wav", tone(2000)), raw, quiet)
    assert np.abs(one - other).max() < 0.1 * np.abs(different - other).max()


@pytest.mark.parametrize("architecture", ["wav2vec2", "whisper"])
@pytest.mark.parametrize("length", [1, 100])
def test_short_sounds_have_finite_vectors(architecture, length, model, sound_file, raw, quiet):
    path = sound_file("a.wav", np.zeros(length))
    assert np.isfinite(described(model(architecture), path, raw, quiet)).all()


def test_only_the_beginning_counts(model, sound_file, tone, raw, quiet):
    folder, beginning = model("wav2vec2"), tone(440)
    one = sound_file("a.wav", beginning)
    two = sound_file("b.wav", np.concatenate([beginning, tone(2000)]))
    np.testing.assert_allclose(
        described(folder, two, raw, quiet, seconds=0.5), described(folder, one, raw, quiet), atol=1e-6
    )


def test_a_model_of_images_is_refused(tiny_models, tmp_path, sound_file, tone, raw, quiet):
    folder = tiny_models.image_model("vit", tmp_path / "vit")
    with pytest.raises((ConfigError, DataError), match="audio_transformer"):
        described(folder, sound_file("a.wav", tone(440)), raw, quiet)


def test_a_model_that_is_not_here_names_what_works_without(raw, quiet, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"hf download some/where .*encoder: log_mel"):
        AudioTransformer(model="some/where").describe(raw("audio", [tmp_path / "a.wav"]), quiet)
