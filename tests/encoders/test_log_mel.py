from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from mmgraph.encoders.encode import encode_modality
from mmgraph.encoders.log_mel import LogMel
from mmgraph.errors import ConfigError, DataError, MissingDependencyError

pytest.importorskip("librosa")


@pytest.fixture
def bands(raw, sound_file, quiet):
    """Return a function that gives the mean decibels of each band of a sound."""

    def describe(samples: np.ndarray, **parameters) -> np.ndarray:
        encoder = LogMel(**parameters)
        return encoder.describe(raw("audio", [sound_file("a.wav", samples)]), quiet)[0, : encoder.bands]

    return describe


def test_the_first_part_is_librosas_mean_log_mel(bands):
    import librosa

    samples = np.random.default_rng(0).normal(0, 0.1, size=8000).astype(np.float32)
    mel = librosa.feature.melspectrogram(y=samples, sr=16_000, n_fft=512, hop_length=160, n_mels=64)
    expected = librosa.power_to_db(mel, top_db=None).mean(axis=1)
    np.testing.assert_allclose(bands(samples), expected, atol=0.01)


def test_a_higher_tone_sounds_in_a_higher_band(bands, tone):
    loudest = [bands(tone(hertz)).argmax() for hertz in (200, 800, 3000)]
    assert loudest == sorted(set(loudest))


def test_the_order_of_sounds_matters(raw, sound_file, tone, quiet):
    rising = np.concatenate([tone(300), tone(2000)])
    paths = [sound_file("a.wav", rising), sound_file("b.wav", rising[::-1].copy())]
    described = LogMel().describe(raw("audio", paths), quiet)
    course = slice(-200, None)
    assert np.abs(described[0, course] - described[1, course]).max() > 50
    # But for the order the two are the same sound.
    np.testing.assert_allclose(described[0, :64], described[1, :64], atol=1.5)


def test_silence_at_the_ends_changes_little(raw, sound_file, tone, quiet):
    word = np.concatenate([tone(300), tone(2000)])
    silence = np.zeros(8_000)
    paths = [sound_file("a.wav", word), sound_file("b.wav", np.concatenate([silence, word, silence]))]
    kept, trimmed = (
        LogMel(trim=trim).describe(raw("audio", paths), quiet)[:, -200:] for trim in (None, 30.0)
    )
    apart = [np.abs(rows[0] - rows[1]).max() for rows in (kept, trimmed)]
    assert apart[1] < 0.3 * apart[0]


def test_parts_are_the_statistics_of_equal_runs_of_frames(raw, sound_file, tone, quiet):
    import librosa

    samples = np.concatenate([tone(300), tone(2000), tone(700)]).astype(np.float32)
    item = raw("audio", [sound_file("a.wav", samples, subtype="FLOAT")])
    described = LogMel(parts=3, trim=None).describe(item, quiet)
    assert described.lengths.tolist() == [3]
    mel = librosa.feature.melspectrogram(y=samples, sr=16_000, n_fft=512, hop_length=160, n_mels=64)
    decibels = librosa.power_to_db(mel, top_db=60)
    cuts = [0, 50, 100, 151]
    assert decibels.shape[1] == cuts[-1]
    for row, start, end in zip(described.values, cuts[:-1], cuts[1:], strict=True):
        np.testing.assert_allclose(row[:64], decibels[:, start:end].mean(axis=1), atol=0.01)
    assert described.values[:, :64].argmax(axis=1).tolist() == [
        LogMel(trim=None).describe(raw("audio", [sound_file("b.wav", tone(hertz))]), quiet)[0, :64].argmax()
        for hertz in (300, 2000, 700)
    ]


@pytest.mark.parametrize("length", [1, 100, 5_000])
def test_a_sound_of_fewer_frames_than_parts_has_a_node_for_each(length, raw, sound_file, quiet):
    described = LogMel(parts=60).describe(raw("audio", [sound_file("a.wav", np.zeros(length))]), quiet)
    assert described.lengths.tolist() == [60]
    assert np.isfinite(described.values).all()


def test_each_part_is_a_node_with_a_position(make_dataset, sound_file, tone):
    files = [sound_file(f"{hertz}.wav", tone(hertz)).name for hertz in (200, 400, 800, 1600)]
    modality = {"kind": "audio", "column": "sound", "encoder": {"name": "log_mel", "parts": 20}}
    encoded = encode_modality(make_dataset(modality, {"sound": files}, num_training=2), "item", "seen")
    assert encoded.position.tolist() == [*range(20)] * 4
    assert encoded.item.tolist() == np.repeat(range(4), 20).tolist()
    assert encoded.features.shape == (80, encoded.encoder.channels)


def test_what_sounds_had_before_they_could_have_parts_is_still_found():
    assert "parts" not in LogMel().description_parameters()
    assert LogMel(parts=2).description_parameters()["parts"] == 2


@pytest.mark.parametrize("length", [1, 100, 5_000])
def test_short_and_silent_sounds_have_finite_descriptions(length, raw, sound_file, quiet):
    described = LogMel().describe(raw("audio", [sound_file("a.wav", np.zeros(length))]), quiet)
    assert np.isfinite(described).all()


@pytest.mark.parametrize(
    "parameters", [{"sample_rate": 4_000, "bands": 20}, {"sample_rate": 96_000}, {"bands": 256}]
)
def test_any_resolution_can_be_fitted(parameters, raw, sound_file, tone, quiet):
    encoder = LogMel(**parameters, components=2)
    items = raw("audio", [sound_file(f"{hertz}.wav", tone(hertz)) for hertz in (100, 300, 900, 1800)])
    described = encoder.describe(items, quiet)
    encoder.fit(described)
    assert encoder.transform(described).shape == (4, 2)


def test_a_picture_among_the_sounds_is_reported_with_its_row(
    raw, sound_file, tone, image_file, gradient, quiet
):
    picture = image_file("picture.png", gradient)
    with pytest.raises(DataError, match="cannot be read as audio") as caught:
        LogMel().describe(raw("audio", [sound_file("a.wav", tone(440)), picture]), quiet)
    assert caught.value.faults[0].where == f"{picture}"


def test_without_librosa_describing_says_how_to_install_it(raw, monkeypatch, tmp_path, quiet):
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mmgraph\[audio\]'"):
        LogMel().describe(raw("audio", [tmp_path / "a.wav"]), quiet)


def test_librosa_is_loaded_only_when_sounds_are_described():
    code = "import sys, mmgraph.encoders; sys.exit('librosa' in sys.modules or 'soundfile' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_misspelt_parameter_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"Did you mean 'sample_rate'\?"):
        LogMel.from_config({"samplerate": 8000}, where="a.yaml")
