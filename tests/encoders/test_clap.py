"""The joint space of CLAP of small layers, against the library's own documented use."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.encoders import ClapAudio, ClapText
from mmgraph.errors import ConfigError

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")
pytest.importorskip("librosa")

WORDS = ["dog", "bark", "rain", "on", "a", "roof"]
TEXTS = ["dog bark", "rain on a roof", "a dog on a roof"]
RATE = 8000


@pytest.fixture(scope="module", params=[False, True], ids=["unfused", "fused"])
def folder(request, tiny_models, tmp_path_factory):
    return tiny_models.sound_and_text_model(WORDS, tmp_path_factory.mktemp("clap"), fusion=request.param)


@pytest.fixture
def sounds(tone):
    """Sounds of half a second, of a second, and of two."""
    rng = np.random.default_rng(0)
    lengths = {0.5: 440, 1.0: 880, 2.0: 330}
    return [
        (tone(pitch, rate=RATE, seconds=length) + 0.05 * rng.standard_normal(round(RATE * length))).astype(
            np.float32
        )
        for length, pitch in lengths.items()
    ]


@pytest.fixture
def files(sound_file, sounds):
    return [sound_file(f"{n}.wav", sound, RATE, subtype="FLOAT") for n, sound in enumerate(sounds)]


def test_texts_are_those_of_the_library(folder, raw, quiet):
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding=True, return_tensors="pt", return_token_type_ids=False
    )
    with torch.no_grad():
        wanted = model.get_text_features(**tokens).pooler_output
    described = ClapText(model=str(folder)).describe(raw("text", TEXTS), quiet)
    np.testing.assert_allclose(described, wanted.numpy(), atol=1e-5)
    assert len(np.unique(described.round(3), axis=0)) == 3


def test_sounds_are_those_of_the_library(folder, files, sounds, raw, quiet):
    model = transformers.AutoModel.from_pretrained(folder).eval()
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folder)
    wanted = []
    for sound in sounds:
        np.random.seed(0)
        inputs = prepare(sound, sampling_rate=RATE, return_tensors="pt")
        with torch.no_grad():
            wanted.append(model.get_audio_features(**inputs).pooler_output[0].numpy())
    described = ClapAudio(model=str(folder)).describe(raw("audio", files), quiet)
    np.testing.assert_allclose(described, wanted, atol=1e-5)
    assert len(np.unique(described.round(3), axis=0)) == 3


def test_chance_of_others_is_left_alone_and_changes_nothing(folder, files, raw, quiet):
    encoder = ClapAudio(model=str(folder))
    np.random.seed(3)
    wanted = np.random.random(2)[1]
    np.random.seed(3)
    np.random.random()
    first = encoder.describe(raw("audio", files), quiet)
    assert np.random.random() == wanted
    assert np.array_equal(encoder.describe(raw("audio", files[::-1]), quiet)[::-1], first)


def test_a_text_longer_than_the_model_reads_is_cut(folder, raw, quiet):
    long = " ".join(["dog bark rain"] * 100)
    assert np.isfinite(ClapText(model=str(folder)).describe(raw("text", [long]), quiet)).all()


def test_a_model_of_sounds_alone_is_refused(tiny_models, tmp_path, files, raw, quiet):
    folder = tiny_models.audio_model("wav2vec2", tmp_path / "wav2vec2")
    wanted = r"clap_audio: model: got a model of the type 'wav2vec2', without a joint space of text and audio"
    with pytest.raises(ConfigError, match=wanted):
        ClapAudio(model=str(folder)).describe(raw("audio", files), quiet)
