"""Sentence transformers of several modules, each against the library's own encode."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.encoders import SentenceTransformer
from mmgraph.encoders.networks import TokenNetwork
from mmgraph.errors import DataError

sentence_transformers = pytest.importorskip("sentence_transformers")
modules = pytest.importorskip("sentence_transformers.sentence_transformer.modules")

WORDS = ["a", "red", "green", "small", "large", "circle", "square", "of", "with", "query", "passage"]
TEXTS = ["red circle", "small green square of red", "  large  ", "of " * 50, "red " * 9]


@pytest.fixture(scope="module")
def bert(tiny_models, tmp_path_factory):
    return tiny_models.text_model("bert", WORDS, tmp_path_factory.mktemp("bert"))


@pytest.fixture
def saved(bert, tmp_path):
    """Return a function that saves a model with a pooling and more behind the transformer."""

    def save(*behind, pooling=None, **settings):
        import torch

        torch.manual_seed(0)
        parts = [modules.Transformer(str(bert)), modules.Pooling(16, **(pooling or {})), *behind]
        model = sentence_transformers.SentenceTransformer(modules=parts, device="cpu", **settings)
        model.save(str(tmp_path / "model"))
        return tmp_path / "model"

    return save


def library(folder, texts=TEXTS):
    return sentence_transformers.SentenceTransformer(str(folder), device="cpu").encode(texts)


def described(folder, raw, quiet, texts=TEXTS):
    return SentenceTransformer(model=str(folder), batch_size=2).describe(raw("text", texts), quiet)


PROMPT = {"prompts": {"query": "query passage "}, "default_prompt_name": "query"}


@pytest.mark.parametrize("mode", ["mean", "cls", "lasttoken", "weightedmean", "max"])
def test_a_pooling_may_leave_the_prompt_out(mode, saved, raw, quiet):
    folder = saved(pooling={"include_prompt": False, "pooling_mode": mode}, **PROMPT)
    np.testing.assert_allclose(described(folder, raw, quiet), library(folder), atol=1e-5)


def test_a_prompt_counts_otherwise(saved, raw, quiet):
    with_it, without = saved(**PROMPT), saved()
    np.testing.assert_allclose(described(with_it, raw, quiet), library(with_it), atol=1e-5)
    assert with_it == without, "the second took the place of the first"
    folder = saved(**PROMPT)
    assert np.abs(described(folder, raw, quiet) - library(saved())).max() > 0.1


def test_vectors_are_cut_to_the_width_that_the_model_says(saved, raw, quiet):
    folder = saved(modules.Normalize(), truncate_dim=8)
    found = described(folder, raw, quiet)
    assert found.shape == (len(TEXTS), 8)
    np.testing.assert_allclose(found, library(folder), atol=1e-5)


def static(folder):
    import torch
    from tokenizers import Tokenizer

    torch.manual_seed(0)
    words = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return modules.StaticEmbedding(words, embedding_dim=16)


def test_static_embeddings_are_those_of_the_library(bert, tmp_path, raw, quiet):
    model = sentence_transformers.SentenceTransformer(
        modules=[static(bert), modules.Normalize()], device="cpu", **PROMPT
    )
    model.save(str(tmp_path / "static"))
    texts = [*TEXTS, "", "green " * 5_000]
    found = described(tmp_path / "static", raw, quiet, texts)
    np.testing.assert_allclose(found, library(tmp_path / "static", texts), atol=1e-5)
    for text, vector in zip(texts, found, strict=True):
        assert described(tmp_path / "static", raw, quiet, [text])[0].tobytes() == vector.tobytes()


def test_an_empty_text_has_no_static_embedding(bert, tmp_path, raw, quiet):
    sentence_transformers.SentenceTransformer(modules=[static(bert)], device="cpu").save(
        str(tmp_path / "bare")
    )
    found = described(tmp_path / "bare", raw, quiet, ["", "red", ""])
    np.testing.assert_allclose(found, library(tmp_path / "bare", ["", "red", ""]), atol=1e-5)


def test_what_is_trained_gives_the_same_vectors(bert, saved, tmp_path, raw, quiet):
    import torch

    sentence_transformers.SentenceTransformer(modules=[static(bert)], device="cpu").save(
        str(tmp_path / "bare")
    )
    excluded = saved(pooling={"include_prompt": False}, truncate_dim=8, **PROMPT)
    for folder in (excluded, tmp_path / "bare"):
        encoder = SentenceTransformer(model=str(folder), trainable=True)
        network = encoder.network().eval()
        assert isinstance(network, TokenNetwork)
        with torch.no_grad():
            found = network(torch.from_numpy(encoder.inputs(raw("text", TEXTS), quiet)))
        np.testing.assert_allclose(found.numpy(), library(folder), atol=1e-5)


@pytest.mark.parametrize("nested", [False, True])
def test_a_module_whose_weights_are_no_safetensors_is_refused(nested, bert, saved, tmp_path, raw, quiet):
    import torch
    from safetensors.torch import load_file

    if nested:
        route = [modules.Transformer(str(bert)), modules.Pooling(16), modules.Dense(16, 8)]
        router = modules.Router.for_query_document(query_modules=route, document_modules=route)
        router.default_route = "query"
        folder = tmp_path / "model"
        sentence_transformers.SentenceTransformer(modules=[router], device="cpu").save(str(folder))
    else:
        folder = saved(modules.Dense(16, 8))
    np.testing.assert_allclose(described(folder, raw, quiet), library(folder), atol=1e-5)
    for file in folder.rglob("*Dense/model.safetensors"):
        torch.save(load_file(file), file.parent / "pytorch_model.bin")
        file.unlink()
    with pytest.raises(
        DataError, match=r"the weights of module .*Dense are in pytorch_model.bin alone.*save_pretrained"
    ):
        described(folder, raw, quiet)


def test_weights_beside_another_file_of_safetensors_are_refused(saved, raw, quiet):
    import torch
    from safetensors.torch import load_file, save_file

    file = saved(modules.Dense(16, 8)) / "2_Dense" / "model.safetensors"
    torch.save(load_file(file), file.parent / "pytorch_model.bin")
    save_file({"x": torch.zeros(1)}, file.parent / "other.safetensors")
    file.unlink()
    with pytest.raises(DataError, match=r"Dense are in pytorch_model.bin alone"):
        described(file.parent.parent, raw, quiet)


def test_nothing_is_dropped_at_random(saved, raw, quiet):
    folder = saved(modules.Dropout(0.5))
    np.testing.assert_allclose(described(folder, raw, quiet), library(folder), atol=1e-5)


@pytest.mark.parametrize("architecture", ["xlnet", "convbert"])
def test_models_without_an_end_and_those_that_see_padding(architecture, tiny_models, tmp_path, raw, quiet):
    made = tiny_models.text_model(architecture, WORDS, tmp_path / "made")
    parts = [modules.Transformer(str(made)), modules.Pooling(16)]
    sentence_transformers.SentenceTransformer(modules=parts, device="cpu").save(str(tmp_path / "model"))
    expected = np.concatenate([library(tmp_path / "model", [text]) for text in TEXTS])
    np.testing.assert_allclose(described(tmp_path / "model", raw, quiet), expected, atol=1e-5)


def test_weights_in_both_formats_are_read_as_safetensors(saved, raw, quiet):
    import torch

    folder = saved(modules.Dense(16, 8))
    expected = described(folder, raw, quiet)
    torch.save({}, folder / "2_Dense" / "pytorch_model.bin")
    np.testing.assert_array_equal(described(folder, raw, quiet), expected)


def test_other_weights_of_a_module_are_another_content(saved):
    from safetensors.torch import load_file, save_file

    folder = saved(modules.Dense(16, 8))
    encoder = SentenceTransformer(model=str(folder))
    before = encoder.content()
    file = folder / "2_Dense" / "model.safetensors"
    save_file({name: 3 * weight for name, weight in load_file(file).items()}, file)
    assert encoder.content() != before


def test_a_model_that_reads_texts_in_another_way_is_refused(tmp_path, raw, quiet):
    bow = modules.BoW(vocab=WORDS)
    sentence_transformers.SentenceTransformer(modules=[bow], device="cpu").save(str(tmp_path / "bow"))
    with pytest.raises(DataError, match=r"does not read texts as tokens .*its first module is BoW.*features"):
        described(tmp_path / "bow", raw, quiet)


def test_an_adapter_is_refused(saved, raw, quiet):
    folder = saved()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "elsewhere"}')
    with pytest.raises(DataError, match=r"holds an adapter, whose model lies elsewhere.*merge_and_unload"):
        described(folder, raw, quiet)
