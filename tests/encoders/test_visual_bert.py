"""Pairs of text and regions by VisualBERT of two small layers, against the library's own documented use."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from mmgraph.data.pairs import Pair
from mmgraph.encoders import VisualBert
from mmgraph.errors import ConfigError, DataError

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

WORDS = ["red", "green", "small", "large", "circle", "square"]


@pytest.fixture(scope="module")
def folder(tiny_models, tmp_path_factory):
    return tiny_models.pair_model("visual_bert", WORDS, tmp_path_factory.mktemp("visual_bert"), regions=6)


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    return [
        Pair(text, rng.standard_normal((number, 6)).astype(np.float32))
        for text, number in (("red circle", 3), ("small green square", 1), ("red " * 40, 5))
    ]


@pytest.mark.parametrize("pooling", ["model", "mean"])
def test_states_are_those_of_the_library(folder, pairs, pooling, raw, quiet):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.VisualBertModel.from_pretrained(folder).eval()
    encoder = VisualBert(model=str(folder), pooling=pooling)
    described = encoder.describe(raw("pair", pairs), quiet)
    for (text, regions), ours in zip(pairs, described, strict=True):
        inputs = tokenizer(text, truncation=True, return_tensors="pt")
        visual_embeds = torch.from_numpy(regions).unsqueeze(0)
        inputs.update(
            {
                "visual_embeds": visual_embeds,
                "visual_token_type_ids": torch.ones(visual_embeds.shape[:-1], dtype=torch.long),
                "visual_attention_mask": torch.ones(visual_embeds.shape[:-1], dtype=torch.float),
            }
        )
        with torch.no_grad():
            out = model(**inputs)
        wanted = out.pooler_output[0] if pooling == "model" else out.last_hidden_state[0].mean(dim=0)
        np.testing.assert_allclose(ours, wanted.numpy(), atol=1e-5)


def test_words_and_regions_count_and_the_order_of_regions_does_not(folder, pairs, raw, quiet):
    text, regions = pairs[0]
    encoder = VisualBert(model=str(folder))
    items = [pairs[0], Pair("small circle", regions), Pair(text, regions[:2]), Pair(text, regions[::-1])]
    one, *others, turned = encoder.describe(raw("pair", items), quiet)
    assert min(np.abs(one - other).max() for other in others) > 1e-3
    np.testing.assert_allclose(turned, one, atol=1e-5)


def test_the_tokenizer_may_lie_elsewhere_and_is_part_of_the_key(
    folder, pairs, tiny_models, raw, quiet, tmp_path
):
    elsewhere = tiny_models.text_model("bert", WORDS[::-1], tmp_path / "bert")
    own = VisualBert(model=str(folder))
    other = VisualBert(model=str(folder), tokenizer=str(elsewhere))
    items = raw("pair", pairs[:1])
    assert np.abs(own.describe(items, quiet) - other.describe(items, quiet)).max() > 1e-3
    assert own.description_parameters() != other.description_parameters()


def test_regions_of_another_width_and_other_models_are_refused(
    folder, pairs, tiny_models, raw, quiet, tmp_path
):
    narrow = [Pair("red", np.ones((2, 4), np.float32))]
    with pytest.raises(ConfigError, match=r"visual_bert: model: got regions of width 4; .* was trained on 6"):
        VisualBert(model=str(folder)).describe(raw("pair", narrow), quiet)
    bert = tiny_models.text_model("bert", WORDS, tmp_path / "bert")
    with pytest.raises(ConfigError, match=r"model of the type 'bert'.*Take VisualBERT"):
        VisualBert(model=str(bert)).describe(raw("pair", pairs), quiet)


def test_a_tokenizer_that_is_not_here_is_named(folder, pairs, raw, quiet, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    without = tmp_path / "without"
    without.mkdir()
    for file in folder.iterdir():
        if "token" not in file.name:
            shutil.copy(file, without)
    wanted = r"visual_bert: tokenizer: the model 'google-bert/bert-base-uncased'.*in place of the"
    with pytest.raises(DataError, match=wanted):
        VisualBert(model=str(without)).describe(raw("pair", pairs), quiet)
