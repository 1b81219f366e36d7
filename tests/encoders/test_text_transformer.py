"""Text by models of two small layers, from BERT to XLNet, each against the library's own documented use."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from mmgraph.encoders import Frames, TextTransformer
from mmgraph.encoders.hub_model import _loaded
from mmgraph.encoders.trainable import require_frozen
from mmgraph.errors import ConfigError, DataError, MissingDependencyError

WORDS = ["red", "green", "small", "large", "circle", "square", "of", "with"]
TEXTS = [
    "red circle",
    "small green square of red",
    "red",
    "large square",
    "green circle with small square of red",
]


@pytest.fixture(scope="module")
def folder_of(tiny_models, tmp_path_factory):
    made = {}

    def make(architecture):
        if architecture not in made:
            folder = tmp_path_factory.mktemp(architecture)
            made[architecture] = tiny_models.text_model(architecture, WORDS, folder)
        return made[architecture]

    return make


def states(folder, texts):
    """The states of all texts in one padded batch and their mask, as the library's pages show."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    config = transformers.AutoConfig.from_pretrained(folder)
    kind = transformers.T5EncoderModel if config.model_type == "t5" else transformers.AutoModel
    model = kind.from_pretrained(folder).eval()
    if config.model_type in ("bart", "mbart"):
        model = model.get_encoder()
    inputs = tokenizer(texts, padding=len(texts) > 1, return_tensors="pt")
    with torch.no_grad():
        out = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
    return out.last_hidden_state.numpy(), inputs["attention_mask"].numpy().astype(bool)


ARCHITECTURES = ["bert", "roberta", "gpt2", "t5", "mpnet", "data2vec", "longformer", "bart", "mbart", "xlnet"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_pooled_states_are_those_of_the_library(architecture, folder_of, raw, quiet):
    folder = folder_of(architecture)
    expected, mask = states(folder, TEXTS)
    for pooling, pool in [
        ("mean", lambda row, real: row[real].mean(axis=0)),
        ("max", lambda row, real: row[real].max(axis=0)),
        ("last", lambda row, real: row[real][-1]),
    ]:
        encoder = TextTransformer(model=str(folder), pooling=pooling, batch_size=2)
        described = encoder.describe(raw("text", TEXTS), quiet)
        wanted = np.stack([pool(row, real) for row, real in zip(expected, mask, strict=True)])
        np.testing.assert_allclose(described, wanted, atol=1e-5, err_msg=pooling)
    assert described.dtype == np.float32
    assert len(np.unique(described.round(3), axis=0)) == len(TEXTS)


@pytest.mark.parametrize("architecture", ["fnet", "convbert"])
def test_a_model_that_sees_padding_gets_none(architecture, folder_of, raw, quiet):
    folder = folder_of(architecture)
    expected = np.stack([states(folder, [text])[0][0].mean(axis=0) for text in TEXTS])
    encoder = TextTransformer(model=str(folder))
    np.testing.assert_allclose(encoder.describe(raw("text", TEXTS), quiet), expected, atol=1e-5)
    together, mask = states(folder, TEXTS)
    padded = np.stack([row[real].mean(axis=0) for row, real in zip(together, mask, strict=True)])
    assert np.abs(padded - expected).max() > 0.01, "padding changes nothing, so that this shows nothing"
    with pytest.raises(ConfigError, match="cannot be trained here: it reads the padding behind a text"):
        encoder.network()


def test_the_first_token_is_berts(folder_of, raw, quiet):
    expected, _ = states(folder_of("bert"), TEXTS)
    encoder = TextTransformer(model=str(folder_of("bert")), pooling="first")
    np.testing.assert_allclose(encoder.describe(raw("text", TEXTS), quiet), expected[:, 0], atol=1e-5)


@pytest.mark.parametrize("architecture", ["gpt2", "xlnet"])
def test_a_first_token_that_stands_for_nothing_is_refused(architecture, folder_of, raw, quiet):
    with pytest.raises(ConfigError, match=rf"pooling: got first, but .*{architecture}.* has no token there"):
        TextTransformer(model=str(folder_of(architecture)), pooling="first").describe(
            raw("text", TEXTS), quiet
        )


@pytest.mark.parametrize("architecture", ["bert", "roberta", "mpnet", "data2vec", "longformer", "bart"])
def test_a_text_is_cut_where_the_positions_of_the_model_end(architecture, folder_of, raw, quiet):
    folder = folder_of(architecture)
    most = {"bert": 32, "roberta": 11}.get(architecture, 12)
    words = [WORDS[i % len(WORDS)] for i in range(40)]
    # [CLS] and [SEP] stand around what is left.
    expected, _ = states(folder, [" ".join(words[: most - 2])])
    assert expected.shape[1] == most
    described = TextTransformer(model=str(folder)).describe(raw("text", [" ".join(words)]), quiet)
    np.testing.assert_allclose(described[0], expected[0].mean(axis=0), atol=1e-5)


def test_of_encoder_and_decoder_the_encoder_alone_has_to_be_whole(folder_of, raw, quiet, tmp_path):
    import shutil

    from safetensors.numpy import load_file, save_file

    def without(half):
        shutil.copytree(folder_of("bart"), tmp_path / half)
        file = tmp_path / half / "model.safetensors"
        left = {
            name: array for name, array in load_file(file).items() if not name.startswith(f"{half}.layers.1")
        }
        save_file(left, file, metadata={"format": "pt"})
        return TextTransformer(model=str(tmp_path / half)).describe(raw("text", TEXTS), quiet)

    whole = TextTransformer(model=str(folder_of("bart"))).describe(raw("text", TEXTS), quiet)
    np.testing.assert_array_equal(without("decoder"), whole)
    with pytest.raises(DataError, match=r"text_transformer: the model lacks the weights encoder\.layers\.1"):
        without("encoder")


@pytest.mark.parametrize("architecture", ["bert", "gpt2", "t5", "longformer", "bart", "xlnet"])
def test_a_text_has_the_same_bits_whatever_it_is_encoded_with(architecture, folder_of, raw, quiet):
    encoder = TextTransformer(model=str(folder_of(architecture)))
    together = encoder.describe(raw("text", TEXTS * 9), quiet)
    for i, text in enumerate(TEXTS):
        assert encoder.describe(raw("text", [text]), quiet).tobytes() == together[i].tobytes()


def test_a_text_has_the_same_bits_on_any_number_of_cores(folder_of, raw, quiet):
    import torch

    encoder, before = TextTransformer(model=str(folder_of("bert")), batch_size=2), torch.get_num_threads()
    texts, described = TEXTS * 9, []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            described.append(encoder.describe(raw("text", texts), quiet))
    finally:
        torch.set_num_threads(before)
    assert described[0].tobytes() == described[1].tobytes() == described[2].tobytes()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_long_texts_are_cut_and_empty_ones_are_read(architecture, folder_of, raw, quiet):
    encoder = TextTransformer(model=str(folder_of(architecture)))
    long = "small red circle " * 7_000
    described = encoder.describe(raw("text", [long, long + "green", "", "\u05d0\u05d1\u05d2"]), quiet)
    assert np.isfinite(described).all()
    np.testing.assert_array_equal(described[0], described[1])


def test_max_tokens_cuts(folder_of, raw, quiet):
    encoder = TextTransformer(model=str(folder_of("bert")), max_tokens=4)
    described = encoder.describe(raw("text", ["red circle", "red circle of green", "red square"]), quiet)
    np.testing.assert_array_equal(described[0], described[1])
    assert np.abs(described[0] - described[2]).max() > 1e-3


def test_random_numbers_of_the_caller_stay_as_they_are(folder_of, raw, quiet):
    import torch

    _loaded.cache_clear()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    TextTransformer(model=str(folder_of("bert"))).describe(raw("text", TEXTS), quiet)
    assert torch.equal(torch.rand(2), expected)


def test_a_model_without_some_weights_is_refused(folder_of, raw, quiet, tmp_path):
    import shutil

    from safetensors.numpy import load_file, save_file

    shutil.copytree(folder_of("bert"), tmp_path / "half")
    file = tmp_path / "half" / "model.safetensors"
    weights = {name: array for name, array in load_file(file).items() if "layer.1." not in name}
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"text_transformer: the model lacks the weights encoder\.layer\.1"):
        TextTransformer(model=str(tmp_path / "half")).describe(raw("text", TEXTS), quiet)


def test_a_folder_without_a_model(tmp_path, raw, quiet):
    pytest.importorskip("transformers")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DataError, match=r"text_transformer: .*empty: the model cannot be loaded: .*Give a folder"
    ):
        TextTransformer(model=str(tmp_path / "empty")).describe(raw("text", ["a"]), quiet)


def test_weights_that_could_run_code_are_not_read(folder_of, raw, quiet, tmp_path):
    import shutil

    import torch

    shutil.copytree(folder_of("bert"), tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").unlink()
    torch.save({}, tmp_path / "pickled" / "pytorch_model.bin")
    with pytest.raises(DataError, match="the model cannot be loaded"):
        TextTransformer(model=str(tmp_path / "pickled")).describe(raw("text", ["a"]), quiet)


def test_without_the_library_it_says_what_to_install(monkeypatch, raw, tmp_path, quiet):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match=r"needs transformers.*mmgraph\[hub\]"):
        TextTransformer(model=str(tmp_path)).describe(raw("text", ["a"]), quiet)


def test_an_encoder_that_serves_frames_or_a_relation_is_not_trained():
    require_frozen(TextTransformer(model="x"), where="relations.alike.encoder", what="a relation")
    with pytest.raises(ConfigError, match=r"encoder.trainable: got 'lora', but .* a relation stays as it is"):
        require_frozen(TextTransformer(trainable="lora"), where="relations.alike.encoder", what="a relation")
    with pytest.raises(ConfigError, match="parts of other items stays as it is"):
        Frames(encoder={"name": "image_transformer", "trainable": True})


def test_whether_it_is_trained_changes_no_description(folder_of):
    folder = str(folder_of("bert"))
    frozen, tuned = (TextTransformer(model=folder, trainable=t) for t in (False, True))
    assert frozen.description_parameters() == tuned.description_parameters()
