"""Items of several rows: in memory, in the cache, and as the libraries of the models have them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmgraph.encoders import (
    AudioTransformer,
    FeatureCache,
    Frames,
    HashedNGrams,
    ImageTransformer,
    Ragged,
    TextTransformer,
    encode,
    encode_new,
)
from mmgraph.encoders.shelf import Shelf
from mmgraph.errors import ConfigError, DataError
from mmgraph.testing import check_encoder

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

WORDS = ["red", "green", "small", "large", "circle", "square"]
TEXTS = ["red circle", "small green square on a large red circle", "red", "red circle"]
KEYS = [bytes([number]) * 16 for number in range(40)]


def test_rows_know_their_item_and_their_place():
    parts = [np.full((length, 2), length) for length in (3, 1, 2)]
    ragged = Ragged.of(parts)
    assert ragged.item.tolist() == [0, 0, 0, 1, 2, 2]
    assert ragged.position.tolist() == [0, 1, 2, 0, 0, 1]
    assert [part.tolist() for part in ragged] == [part.tolist() for part in parts]


@pytest.mark.parametrize("cached", [False, True])
def test_an_item_of_no_row_is_an_error(cached, raw, tmp_path, monkeypatch):
    def words(self, some, progress):
        return Ragged.of([np.ones((text.count("e"), 2)) for text in some.values])

    monkeypatch.setattr(HashedNGrams, "describe", words)
    monkeypatch.setattr(HashedNGrams, "several", True)
    encoder = HashedNGrams(buckets=16)
    encoder.fit(np.ones((2, 32), np.float32))
    with pytest.raises(DataError, match="HashedNGrams: got no row for 'not'; wanted at least one"):
        encode(encoder, raw("text", ["one", "not"]), cache=FeatureCache(tmp_path) if cached else None)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_shelf_keeps_as_many_rows_as_each_item_has(tmp_path):
    shelf = Shelf(tmp_path)
    for number, key in enumerate(KEYS):
        shelf.add([key], Ragged.of([np.full((1 + number % 3, 2), number, np.float16)]))
    shelf.tidy()
    assert len(list(tmp_path.iterdir())) == 1
    shelf.add([b"another" + bytes(9)], Ragged.of([np.full((2, 2), 40, np.float16)]))
    keys = [*KEYS, b"another" + bytes(9)]
    order = np.random.default_rng(0).permutation(41)
    found = shelf.read().of([keys[n] for n in order], "here")
    assert [rows.tolist() for rows in found] == [[[n, n]] * (2 if n == 40 else 1 + n % 3) for n in order]
    assert found.values.dtype == np.float16


@pytest.fixture(scope="module")
def bert(tiny_models, tmp_path_factory):
    return tiny_models.text_model("bert", WORDS, tmp_path_factory.mktemp("bert"))


def test_tokens_are_those_of_the_library(bert, raw, quiet):
    model = transformers.AutoModel.from_pretrained(bert).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    described = TextTransformer(model=str(bert), pooling="none").describe(raw("text", TEXTS), quiet)
    assert described.lengths.tolist() == [4, 10, 3, 4]
    for text, ours in zip(TEXTS, described, strict=True):
        with torch.no_grad():
            wanted = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
        np.testing.assert_allclose(ours, wanted, atol=1e-5)


def test_the_mean_over_tokens_is_what_mean_pooling_gives(bert, raw, quiet):
    described = TextTransformer(model=str(bert), pooling="none").describe(raw("text", TEXTS), quiet)
    pooled = TextTransformer(model=str(bert), pooling="mean").describe(raw("text", TEXTS), quiet)
    np.testing.assert_allclose([rows.mean(axis=0) for rows in described], pooled, atol=1e-5)


def test_the_cache_and_half_precision_change_what_they_should(bert, raw, quiet, tmp_path):
    encoder = TextTransformer(model=str(bert), pooling="none")
    items = raw("text", TEXTS)
    encoder.fit(encoder.describe(items, quiet).values)
    cache = FeatureCache(tmp_path)
    plain, first, again = (encode_new(encoder, items, cache=kept) for kept in (None, cache, cache))
    assert cache.described == 0
    assert cache.distinct == 3
    assert plain.features.tobytes() == first.features.tobytes() == again.features.tobytes()
    assert plain.item.tolist() == again.item.tolist() == [0] * 4 + [1] * 10 + [2] * 3 + [3] * 4
    assert encode(encoder, items).shape == (21, 16)
    half = encode_new(encoder, items, storage="float16", cache=FeatureCache(tmp_path))
    np.testing.assert_allclose(half.features, plain.features, atol=5e-3)
    assert not np.array_equal(half.features, plain.features)


def test_patches_are_those_of_the_library(tiny_models, tmp_path, image_file, raw, quiet):
    folder = tiny_models.image_model("vit", tmp_path / "vit")
    rng = np.random.default_rng(0)
    files = [image_file(f"{n}.png", rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for n in range(2)]
    described = ImageTransformer(model=str(folder), pooling="none").describe(raw("image", files), quiet)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    pictures = [Image.open(file).convert("RGB") for file in files]
    with torch.no_grad():
        states = model(**processor(images=pictures, return_tensors="pt")).last_hidden_state
    assert described.lengths.tolist() == [16, 16]
    np.testing.assert_allclose(described.values.reshape(2, 16, 16), states[:, 1:].numpy(), atol=1e-5)


def test_parts_of_a_sound_are_means_of_the_librarys_states(
    tiny_models, tmp_path, sound_file, tone, raw, quiet
):
    pytest.importorskip("librosa")
    folder, samples = tiny_models.audio_model("wav2vec2", tmp_path / "w"), tone(440).astype(np.float32)
    path = sound_file("a.wav", samples, subtype="FLOAT")
    prepare = transformers.AutoFeatureExtractor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states = model(**prepare(samples, sampling_rate=16_000, return_tensors="pt")).last_hidden_state[0]
    described = AudioTransformer(model=str(folder), parts=2).describe(raw("audio", [path]), quiet)
    middle = len(states) // 2
    wanted = torch.stack([states[:middle].mean(dim=0), states[middle:].mean(dim=0)]).numpy()
    np.testing.assert_allclose(described.values, wanted, atol=1e-5)
    short = AudioTransformer(model=str(folder), parts=60).describe(
        raw("audio", [sound_file("b.wav", np.zeros(100))]), quiet
    )
    assert short.lengths.tolist() == [60]
    assert np.isfinite(short.values).all()


def test_frames_are_those_that_stand_side_by_side(video, raw, quiet):
    rng = np.random.default_rng(0)
    clip = video("a.mp4", list(rng.integers(0, 256, (6, 6, 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)))
    clips = raw("video", [clip])
    beside, apart = (Frames(frames=3, parts=3, sequence=several) for several in (False, True))
    described = apart.describe(clips, quiet)
    assert described.lengths.tolist() == [3]
    assert np.array_equal(described.values, beside.describe(clips, quiet)[0])
    apart.fit(described.values)
    assert encode(apart, clips).shape == (3, apart.channels)


def test_the_contract_is_about_encoders_that_pool(bert):
    with pytest.raises(
        ConfigError, match="text_transformer: got an encoder that describes an item by several"
    ):
        check_encoder("text_transformer", parameters={"model": str(bert), "pooling": "none"})


@pytest.mark.parametrize(("says", "lengths"), [(False, [2, 1]), (True, None), (True, [2, 1, 1])])
def test_an_encoder_that_does_not_do_what_it_says_is_refused(says, lengths, raw):
    class Odd(HashedNGrams):
        cached = False

        @property
        def several(self):
            return says

        def describe(self, raw, progress):
            if lengths is None:
                return np.ones((len(raw), 2), np.float32)
            return Ragged.of([np.ones((length, 2), np.float32) for length in lengths])

    wanted = f"{'several rows' if says else 'one row'} for each of 2 items"
    with pytest.raises(DataError, match=rf"Odd: got (several|one) row.*; wanted {wanted}\. Mend"):
        encode(Odd(), raw("text", ["one", "two"]))
