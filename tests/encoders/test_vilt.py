"""Pairs of text and image by ViLT of two small layers, against the library's own documented use."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from mmgraph.data.load import load_dataset
from mmgraph.data.pairs import Pair
from mmgraph.encoders import FeatureCache, Vilt, encode_modality
from mmgraph.encoders.extract import extract
from mmgraph.errors import ConfigError, DataError

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

WORDS = ["red", "green", "small", "large", "circle", "square"]
TEXTS = ["red circle", "small green square", "red " * 40]


@pytest.fixture(scope="module")
def folder(tiny_models, tmp_path_factory):
    return tiny_models.pair_model("vilt", WORDS, tmp_path_factory.mktemp("vilt"))


@pytest.fixture
def pairs(image_file):
    rng = np.random.default_rng(0)
    shapes = [(40, 50, 3), (32, 32, 3), (90, 33, 3)]
    files = [
        image_file(f"{n}.png", rng.integers(0, 256, shape, dtype=np.uint8)) for n, shape in enumerate(shapes)
    ]
    return [Pair(text, file) for text, file in zip(TEXTS, files, strict=True)]


@pytest.mark.parametrize("pooling", ["model", "mean"])
def test_states_are_those_of_the_library(folder, pairs, pooling, raw, quiet):
    processor = transformers.AutoProcessor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    described = Vilt(model=str(folder), pooling=pooling).describe(raw("pair", pairs), quiet)
    for pair, ours in zip(pairs, described, strict=True):
        picture = Image.open(pair.second).convert("RGB")
        inputs = processor(picture, pair.first, truncation=True, return_tensors="pt")
        with torch.no_grad():
            out = model(**inputs)
        wanted = out.pooler_output[0] if pooling == "model" else out.last_hidden_state[0].mean(dim=0)
        np.testing.assert_allclose(ours, wanted.numpy(), atol=1e-5)


def test_both_parts_count(folder, pairs, raw, quiet):
    (text, picture), (other_text, other_picture) = pairs[:2]
    mixed = [Pair(text, picture), Pair(other_text, picture), Pair(text, other_picture)]
    described = Vilt(model=str(folder)).describe(raw("pair", mixed), quiet)
    assert min(np.abs(described[0] - row).max() for row in described[1:]) > 1e-3


def test_without_weights_for_pooling_the_first_state_is_taken(folder, pairs, raw, quiet, tmp_path):
    bare = shutil.copytree(folder, tmp_path / "bare")
    weights = load_file(bare / "model.safetensors")
    kept = {name: array for name, array in weights.items() if not name.startswith("pooler.")}
    assert len(kept) < len(weights)
    save_file(kept, bare / "model.safetensors", metadata={"format": "pt"})
    processor = transformers.AutoProcessor.from_pretrained(bare)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = processor(Image.open(pairs[0].second), pairs[0].first, return_tensors="pt")
    with torch.no_grad():
        wanted = model(**inputs).last_hidden_state[0, 0].numpy()
    described = Vilt(model=str(bare)).describe(raw("pair", pairs[:1]), quiet)[0]
    np.testing.assert_allclose(described, wanted, atol=1e-5)


def test_a_broken_picture_and_another_model_are_named(folder, pairs, tiny_models, raw, quiet, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    broken = [pairs[0], Pair("red", tmp_path / "broken.png")]
    with pytest.raises(DataError, match=r"'red' with .*broken\.png"):
        Vilt(model=str(folder)).describe(raw("pair", broken), quiet)
    images = tiny_models.joint_model("clip", WORDS, tmp_path / "clip")
    with pytest.raises((ConfigError, DataError), match=r"encoder vilt.*(Take ViLT|model of pairs)"):
        Vilt(model=str(images)).describe(raw("pair", pairs), quiet)


def test_a_pair_is_encoded_once_whatever_it_stands_among(folder, pairs, make_dataset, tmp_path):
    table = {
        "text": [pair.first for pair in pairs],
        "picture": [pair.second.name for pair in pairs],
    }
    dataset = make_dataset({"kind": "text", "column": "text"}, table, num_training=1)
    encoder = f"{{name: vilt, model: {folder}}}"
    overrides = [
        "entities.item.modalities.picture={kind: image, column: picture}",
        f"entities.item.modalities.both={{kind: pair, inputs: [seen, picture], encoder: {encoder}}}",
    ]
    cache = FeatureCache(tmp_path / "cache")
    first = encode_modality(load_dataset(dataset.folder, overrides=overrides), "item", "both", cache=cache)
    assert cache.described == 3
    again = encode_modality(load_dataset(dataset.folder, overrides=overrides), "item", "both", cache=cache)
    assert cache.described == 0
    assert np.array_equal(first.features, again.features)
    Image.new("RGB", (40, 40), "red").save(pairs[0].second)
    encode_modality(load_dataset(dataset.folder, overrides=overrides), "item", "both", cache=cache)
    assert cache.described == 1


def test_a_pair_is_missing_where_its_picture_is_broken_and_may_be(folder, pairs, make_dataset, tmp_path):
    table = {"text": [pair.first for pair in pairs], "picture": [pair.second.name for pair in pairs]}
    dataset = make_dataset({"kind": "text", "column": "text"}, table, num_training=1)
    # hog reads so narrow a picture, and ViLT cannot.
    Image.new("RGB", (4000, 10), "red").save(pairs[1].second)
    encoder = f"{{name: vilt, model: {folder}}}"
    picture = "{kind: image, column: picture, on_error: ON_ERROR}"
    overrides = [
        f"entities.item.modalities.picture={picture}",
        f"entities.item.modalities.both={{kind: pair, inputs: [seen, picture], encoder: {encoder}}}",
    ]
    settings = {which: [o.replace("ON_ERROR", which) for o in overrides] for which in ("fail", "skip")}
    cache = FeatureCache(tmp_path / "cache")
    with pytest.raises(DataError, match=pairs[1].second.name):
        extract(load_dataset(dataset.folder, overrides=settings["fail"]), cache=cache)
    found = {one.modality: one for one in extract(load_dataset(dataset.folder, overrides=settings["skip"]))}
    assert found["item/picture"].items == 3
    assert not found["item/picture"].skipped
    assert found["item/both"].items == 2
    assert len(found["item/both"].skipped) == 1


def test_inputs_are_of_the_kinds_that_it_reads_in_this_order(folder, pairs, make_dataset):
    table = {"text": [p.first for p in pairs], "picture": [p.second.name for p in pairs]}
    dataset = make_dataset({"kind": "text", "column": "text"}, table, num_training=1)
    overrides = [
        "entities.item.modalities.picture={kind: image, column: picture}",
        "entities.item.modalities.both={kind: pair, inputs: [picture, seen], encoder: vilt}",
    ]
    with pytest.raises(
        ConfigError, match=r"both\.inputs: got image and text; vilt reads text and image, in this"
    ):
        encode_modality(load_dataset(dataset.folder, overrides=overrides), "item", "both")


@pytest.mark.parametrize(("size", "problem"), [((900, 4), "50 times as long"), ((320, 8), "cannot read")])
def test_a_picture_that_is_too_narrow_is_named(folder, image_file, raw, quiet, size, problem):
    thin = image_file("thin.png", Image.new("RGB", size, "red"))
    with pytest.raises(DataError, match=rf"thin\.png.*pixels large.*{problem}"):
        Vilt(model=str(folder)).describe(raw("pair", [Pair("red", thin)]), quiet)


def test_a_picture_of_one_pixel_has_a_vector(folder, image_file, raw, quiet):
    dot = image_file("dot.png", Image.new("RGB", (1, 1), "red"))
    assert np.isfinite(Vilt(model=str(folder)).describe(raw("pair", [Pair("red", dot)]), quiet)).all()
