from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from mmgraph.encoders import HOG, FeatureCache, Standardise, TfIdf, encode, encode_modality
from mmgraph.errors import ConfigError, DataError, MissingDependencyError, UnknownNameError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

TEXTS = ["latin small a", "latin small b", "greek capital c", "arrow left", "arrow right", "digit one"]


@pytest.fixture
def texts(make_dataset):
    """Return a function that makes a dataset of texts with these keys beside the modality's."""

    def make(encoder=None, table=TEXTS, num_training=4):
        modality = {"kind": "text", "column": "text"} | ({"encoder": encoder} if encoder else {})
        return make_dataset(modality, {"text": table}, num_training=num_training)

    return make


@pytest.fixture
def pictures(make_dataset, image_file):
    """Return a function that makes a dataset of six pictures, and their paths."""

    def make(encoder="hog", num_training=4):
        rng = np.random.default_rng(0)
        paths = [image_file(f"{i}.png", rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for i in range(6)]
        modality = {"kind": "image", "column": "file", "encoder": encoder}
        names = [path.name for path in paths]
        return make_dataset(modality, {"file": names}, num_training=num_training), paths

    return make


def test_the_default_encoder_of_the_kind_is_taken(texts):
    encoded = encode_modality(texts(), "item", "seen")
    assert isinstance(encoded.encoder, TfIdf)
    assert encoded.features.shape == (6, encoded.encoder.channels)


def test_parameters_come_from_the_dataset(texts):
    encoder = encode_modality(texts({"name": "tfidf", "components": 2}), "item", "seen").encoder
    assert encoder.channels == 2


def test_entities_without_the_modality_have_no_row(texts):
    table = ["a b", None, "c d", "", "e f", "g h"]
    dataset = texts(table=table)
    encoded = encode_modality(dataset, "item", "seen")
    assert len(encoded.features) == 4
    # Of the four training rows only those that have text are seen.
    assert set(encoded.encoder.fitted.terms[0].vocabulary) == {"a", "b", "c", "d", "a b", "c d"}


def test_a_modality_without_any_training_entity_is_refused(texts):
    dataset = texts(table=[None, None, None, None, "e f", "g h"])
    with pytest.raises(DataError, match="none of the 2 entities that have this modality") as caught:
        encode_modality(dataset, "item", "seen")
    assert caught.value.faults[0].where == f"{dataset.file}: entities.item.modalities.seen"


def test_new_items_are_encoded_as_old_ones(texts, raw):
    encoded = encode_modality(texts(), "item", "seen")
    again = encode(encoded.encoder, raw("text", TEXTS))
    np.testing.assert_array_equal(again, encoded.features)


def test_new_items_of_another_kind_are_refused(texts, raw):
    encoder = encode_modality(texts(), "item", "seen").encoder
    with pytest.raises(ConfigError, match="got items of the kind 'features'; wanted 'text'"):
        encode(encoder, raw("features", np.zeros((2, 2), dtype=np.float32)))


def test_descriptions_are_computed_once(pictures, tmp_path, monkeypatch):
    dataset, _ = pictures()
    cache = FeatureCache(tmp_path / "cache")
    first = encode_modality(dataset, "item", "seen", cache=cache)
    monkeypatch.setattr(HOG, "describe", None)
    second = encode_modality(dataset, "item", "seen", cache=cache)
    assert second.features.tobytes() == first.features.tobytes()


def test_another_projection_uses_the_same_descriptions(pictures, tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path / "cache")
    encode_modality(pictures()[0], "item", "seen", cache=cache)
    monkeypatch.setattr(HOG, "describe", None)
    fewer = encode_modality(pictures({"name": "hog", "components": 2})[0], "item", "seen", cache=cache)
    assert fewer.features.shape == (6, 2)


def test_a_picture_that_changed_is_described_anew(pictures, image_file, tmp_path):
    dataset, paths = pictures()
    cache = FeatureCache(tmp_path / "cache")
    before = encode_modality(dataset, "item", "seen", cache=cache)
    image_file(paths[0].name, np.zeros((32, 32, 3), dtype=np.uint8))
    after = encode_modality(dataset, "item", "seen", cache=cache)
    assert not np.array_equal(before.features, after.features)
    assert (cache.described, cache.distinct) == (1, 6)
    assert encode_modality(dataset, "item", "seen").features.tobytes() == after.features.tobytes()


def test_cheap_descriptions_are_not_kept(texts, tmp_path):
    encode_modality(texts(), "item", "seen", cache=FeatureCache(tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_the_work_is_told(pictures, capsys):
    encode_modality(pictures()[0], "item", "seen", progress=Progress())
    assert "6/6" in capsys.readouterr().err


class TestPlantedFaults:
    """Each gives one error that says where, what and what to do."""

    @pytest.mark.parametrize("keep", [0, 50, 200])
    def test_truncated_image(self, keep, pictures):
        dataset, paths = pictures()
        paths[2].write_bytes(paths[2].read_bytes()[:keep])
        with pytest.raises(DataError) as caught:
            encode_modality(dataset, "item", "seen")
        (fault,) = caught.value.faults
        third = dataset.entity_ids("item")[2]
        assert (
            fault.where == f"{dataset.file}: entities.item.modalities.seen: {paths[2]}, row 3 (id {third!r})"
        )
        assert ("image" if keep else "is empty, it has 0 bytes") in fault.problem
        assert fault.fix
        assert caught.value.exit_code == 2

    def test_file_that_is_no_image(self, pictures):
        dataset, paths = pictures()
        paths[5].write_text("<svg></svg>")
        with pytest.raises(DataError, match=r"5\.png, row 6 \(id '.+'\): is none of the image formats"):
            encode_modality(dataset, "item", "seen")

    def test_beside_broken_images_all_others_are_kept(self, pictures, tmp_path):
        dataset, paths = pictures()
        content = paths[0].read_bytes()
        paths[0].write_bytes(b"")
        paths[3].write_bytes(b"x")
        cache = FeatureCache(tmp_path / "cache")
        with pytest.raises(
            DataError,
            match=r"0\.png, row 1 .* \(2 of 6 image files .*3\.png, row 4 ",
        ):
            encode_modality(dataset, "item", "seen", cache=cache)
        paths[0].write_bytes(content)
        paths[3].write_bytes(content)
        encode_modality(dataset, "item", "seen", cache=cache)
        assert cache.described == 1, "they are the same picture"

    def test_file_that_is_no_sound(self, make_dataset, image_file, gradient):
        pytest.importorskip("librosa")
        name = image_file("picture.png", gradient).name
        dataset = make_dataset({"kind": "audio", "column": "file"}, {"file": [name] * 3}, num_training=1)
        with pytest.raises(DataError, match="3 of 3 audio files cannot be used"):
            encode_modality(dataset, "item", "seen")

    def test_sound_without_the_extra(self, make_dataset, image_file, gradient, monkeypatch):
        monkeypatch.setitem(sys.modules, "librosa", None)
        name = image_file("picture.png", gradient).name
        dataset = make_dataset({"kind": "audio", "column": "file"}, {"file": [name] * 3}, num_training=1)
        with pytest.raises(MissingDependencyError, match=r"pip install 'mmgraph\[audio\]'"):
            encode_modality(dataset, "item", "seen")

    @pytest.mark.parametrize(("kind", "library"), [("audio", "librosa"), ("video", "av")])
    def test_library_that_is_not_installed_is_told_whatever_is_cached(
        self, kind, library, make_dataset, image_file, gradient, monkeypatch, tmp_path
    ):
        def version(name):
            if name == library:
                raise PackageNotFoundError(name)
            return "1"

        monkeypatch.setattr("mmgraph.encoders.encoder.version", version)
        monkeypatch.setitem(sys.modules, library, None)
        name = image_file("picture.png", gradient).name
        dataset = make_dataset({"kind": kind, "column": "file"}, {"file": [name] * 3}, num_training=1)
        with pytest.raises(MissingDependencyError, match=rf"pip install 'mmgraph\[{kind}\]'"):
            encode_modality(dataset, "item", "seen", cache=FeatureCache(tmp_path / "cache"))

    def test_encoder_of_another_kind(self, texts):
        with pytest.raises(ConfigError, match="the encoder 'hog' reads image; the modality is text"):
            encode_modality(texts("hog"), "item", "seen")

    def test_misspelt_encoder(self, texts):
        with pytest.raises(UnknownNameError, match=r"there is no encoder 'tfdif'\. Did you mean 'tfidf'\?"):
            encode_modality(texts("tfdif"), "item", "seen")

    def test_misspelt_parameter(self, texts):
        with pytest.raises(ConfigError, match=r"encoder\.wrods: is a key.*Did you mean 'words'\?"):
            encode_modality(texts({"name": "tfidf", "wrods": 2}), "item", "seen")

    def test_parameter_out_of_range(self, texts):
        with pytest.raises(ConfigError, match=r"encoder\.words: got 99; wanted a number of at most 5"):
            encode_modality(texts({"name": "tfidf", "words": 99}), "item", "seen")

    def test_texts_without_a_word(self, texts):
        dataset = texts({"name": "tfidf", "characters": 0}, table=["...", "?", "!", "--", "a", "b"])
        with pytest.raises(DataError, match=r"modalities\.seen: tfidf: none of the 4 training texts"):
            encode_modality(dataset, "item", "seen")

    def test_misspelt_modality(self, texts):
        with pytest.raises(ConfigError, match=r"no modality 'sene'.*Did you mean 'seen'\?"):
            encode_modality(texts(), "item", "sene")


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        (np.zeros((2, 3)), "got float64 features"),
        (np.zeros((3, 3), dtype=np.float32), "of shape .3, 3.; wanted float32 .2, 3."),
        (np.zeros((2, 4), dtype=np.float32), "of shape .2, 4."),
        (np.array([[0, 0, 0], [0, np.inf, 0]], dtype=np.float32), "not finite for 1 of 2 items.*item 2"),
    ],
)
def test_an_encoder_that_gives_something_else_is_found_out(features, problem, raw, monkeypatch):
    @dataclass(kw_only=True, eq=False)
    class Careless(Standardise):
        def transform(self, described):
            return features

    encoder = Careless()
    rows = np.zeros((2, 3), dtype=np.float32)
    encoder.fit(rows)
    with pytest.raises(DataError, match=problem):
        encode(encoder, raw("features", rows))


def test_a_users_own_encoder_is_cached_under_its_own_name(raw, monkeypatch, tmp_path, image_file, gradient):
    @dataclass(kw_only=True, eq=False)
    class Darker(HOG):
        def describe(self, raw, progress):
            return super().describe(raw, progress) / 2

    monkeypatch.setitem(ENCODERS._things, "darker", Darker)
    items = raw("image", [image_file("a.png", gradient), image_file("b.png", gradient[::-1])])
    cache = FeatureCache(tmp_path)
    kept = []
    for encoder in (HOG(), Darker()):
        encoder.fit(encoder.describe(items, Progress(quiet=True)))
        encode(encoder, items, cache=cache)
        kept.append(len(list(tmp_path.rglob("*.safetensors"))))
    assert kept == [1, 2]
