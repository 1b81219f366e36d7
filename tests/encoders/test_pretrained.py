"""Where a pre-trained model is looked for, and what is said where it is not."""

from __future__ import annotations

import socket

import pytest

from mmgraph.encoders import ClipImage, ImageTransformer, SentenceTransformer, TextTransformer, pretrained
from mmgraph.encoders.pretrained import content_of, pretrained_folder, without_download
from mmgraph.errors import DataError

pytest.importorskip("huggingface_hub")


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.mark.parametrize("encoder", [TextTransformer, ImageTransformer, ClipImage, SentenceTransformer])
def test_a_model_that_is_not_here_is_one_error_and_no_request(encoder, no_network, hub_cache, raw, quiet):
    pytest.importorskip("sentence_transformers")
    with pytest.raises(DataError) as caught:
        encoder(model="nobody/nothing").describe(raw(encoder.kind, ["a"]), quiet)
    (fault,) = caught.value.faults
    assert fault.problem == (
        "the model 'nobody/nothing' is neither a folder nor in the Hugging Face cache of this machine"
    )
    assert "hf download nobody/nothing --include '*.safetensors' --include '*.json'" in fault.fix
    assert f"take {without_download(encoder.kind)}" in fault.fix


def test_the_best_encoder_without_a_download_follows_from_what_is_installed(monkeypatch):
    monkeypatch.setattr(pretrained, "_from_package", lambda model: None)
    assert without_download("text").startswith("encoder: tfidf, or pip install")
    monkeypatch.setattr(pretrained, "_from_package", lambda model: "here")
    assert without_download("text").startswith("encoder: sentence_transformer")
    assert without_download("image") == "encoder: hog"


def test_a_name_that_cannot_be_one_is_the_same_error(no_network, hub_cache):
    with pytest.raises(DataError, match="'no such/name' is neither a folder nor"):
        pretrained_folder("no such/name", kind="text", where="here")


@pytest.mark.parametrize("model", ["./nope", "/no/such", "models/bert/base"])
def test_a_path_that_leads_nowhere_is_told_as_one(model, no_network, hub_cache):
    with pytest.raises(DataError, match=r"there is no folder '.*' here. Check the path") as caught:
        pretrained_folder(model, kind="text", where="here")
    assert "hf download" not in str(caught.value)


def test_a_model_in_the_cache_is_found(no_network, hub_cache):
    snapshot = hub_cache / "models--some--model" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    references = hub_cache / "models--some--model" / "refs"
    references.mkdir()
    (references / "main").write_text("0" * 40)
    assert pretrained_folder("some/model", kind="text", where="here") == snapshot


def test_the_content_is_that_of_the_files_that_are_read(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    before = content_of(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"other")
    assert content_of(tmp_path) == before
    (tmp_path / "config.json").write_text("{ }")
    assert content_of(tmp_path) != before
