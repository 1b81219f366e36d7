"""Where pre-trained models compute: what is asked for, what comes out, and what the cache keeps apart."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from mmgraph.data.load import load_dataset
from mmgraph.data.pairs import Pair
from mmgraph.encoders import (
    AudioTransformer,
    ClapAudio,
    ClipText,
    FeatureCache,
    ImageTransformer,
    SentenceTransformer,
    TextTransformer,
    Vilt,
    extract,
)
from mmgraph.encoders.describe_elsewhere import describe_elsewhere
from mmgraph.encoders.placement import Placement, choose_placement, placed, placement
from mmgraph.errors import ConfigError, RunError
from mmgraph.graph import build_graph
from mmgraph.graph.notes import BuildNotes
from mmgraph.graph.workers import run_all
from mmgraph.relations import KNN

torch = pytest.importorskip("torch")

WORDS = ["red", "green", "small", "large", "circle", "square", "of", "with"]
TEXTS = ["red circle", "small green square of red", "red", "large square " * 5] * 3
COARSE = Placement("cpu", "bf16-mixed")
CUDA = Placement("cuda", "bf16-mixed")


@pytest.fixture
def encoders(tiny_models, make_sentence_transformer, image_file, sound_file, tone, tmp_path):
    """Return encoders of each way in which models are fed, and items for them."""
    rng = np.random.default_rng(0)
    pictures = [image_file(f"{i}.png", rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for i in range(3)]
    sounds = [sound_file(f"{hertz}.wav", tone(hertz)) for hertz in (300, 900)]
    pairs = [Pair(text, picture) for text, picture in zip(TEXTS, pictures, strict=False)]
    model = {
        "bert": tiny_models.text_model("bert", WORDS, tmp_path / "bert"),
        "vit": tiny_models.image_model("vit", tmp_path / "vit"),
        "clip": tiny_models.joint_model("clip", WORDS, tmp_path / "clip"),
        "clap": tiny_models.sound_and_text_model(WORDS, tmp_path / "clap"),
        "whisper": tiny_models.audio_model("whisper", tmp_path / "whisper"),
        "vilt": tiny_models.pair_model("vilt", WORDS, tmp_path / "vilt"),
    }
    model = {name: str(folder) for name, folder in model.items()}
    return [
        (TextTransformer(model=model["bert"]), "text", TEXTS),
        (SentenceTransformer(model=str(make_sentence_transformer(WORDS))), "text", TEXTS),
        (ClipText(model=model["clip"]), "text", TEXTS),
        (ImageTransformer(model=model["vit"]), "image", pictures),
        (AudioTransformer(model=model["whisper"]), "audio", sounds),
        (ClapAudio(model=model["clap"]), "audio", sounds),
        (Vilt(model=model["vilt"]), "pair", pairs),
    ]


def compare(encoders, where, raw, quiet):
    """Compare what is made somewhere with what the CPU makes in float32."""
    for encoder, kind, items in encoders:
        name = type(encoder).__name__
        expected = encoder.describe(raw(kind, items), quiet)
        with placed(where):
            found = encoder.describe(raw(kind, items), quiet)
            assert encoder.description_parameters()["placement"] == [where.device, where.precision]
        assert found.dtype == np.float32
        assert found.shape == expected.shape
        apart = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
        assert 0 < apart.max() < 0.05, name
        assert "placement" not in encoder.description_parameters()
        np.testing.assert_array_equal(encoder.describe(raw(kind, items), quiet), expected, err_msg=name)


def test_sixteen_bits_are_a_little_coarser(encoders, raw, quiet):
    compare(encoders, COARSE, raw, quiet)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_nearly_what_the_cpu_gives(encoders, raw, quiet):
    compare(encoders, CUDA, raw, quiet)


def test_what_names_stand_for(monkeypatch):
    monkeypatch.delenv("MMGRAPH_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_placement(None, None).resolved() == Placement("cpu", "32")
    assert choose_placement("cpu", "bf16-mixed").resolved() == COARSE
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert choose_placement(None, None).resolved() == CUDA
    assert choose_placement("cuda:1", "32") == Placement("cuda:1", "32")
    assert choose_placement("cuda", "32").mark == choose_placement("cuda:1", "32").mark
    assert choose_placement(None, None, engine="ray").resolved() == Placement()
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert choose_placement(None, None).resolved() == Placement("cuda", "32")
    monkeypatch.setenv("MMGRAPH_DEVICE", "cpu")
    assert choose_placement(None, None) == Placement()
    assert choose_placement("cuda", None) == Placement("cuda", "32")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"device": "gpu"}, r"device: got 'gpu'; wanted auto, cpu, cuda"),
        ({"device": "cuda"}, r"device: got cuda, but torch"),
        ({"precision": "16"}, r"precision: got '16'; wanted 32 or bf16-mixed"),
        ({"device": "cuda", "engine": "ray"}, r"device: got cuda, but the workers of a cluster"),
    ],
)
def test_what_cannot_be_is_refused(asked, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=message):
        choose_placement(asked.pop("device", None), asked.pop("precision", None), **asked)


def test_no_model_needs_no_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with placed(Placement("cpu", None)):
        assert placement() == Placement()
    assert choose_placement("auto", None).device == "auto"


def test_memory_that_runs_out_is_told():
    def too_much(*tensors):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore")

    with pytest.raises(
        RunError, match=r"device: the memory of cpu ran out \(CUDA out .* GiB\.\)\. Give .*batch"
    ):
        Placement().computed(too_much, torch.zeros(1))

    class Model(torch.nn.Module):
        to = too_much

    with pytest.raises(RunError, match="device: the memory of cpu ran out"):
        Placement().moved(Model())


def test_threads_compute_where_whoever_starts_them_does():
    with placed(COARSE):
        assert run_all(lambda _: placement(), [1, 2, 3], 2) == [COARSE] * 3
    assert run_all(lambda _: placement(), [1, 2], 2) == [Placement()] * 2


class OtherThreads:
    """Does parts in threads that know nothing of this one, as processes of a cluster do."""

    number = 2

    def do(self, work, common, parts, done):
        with ThreadPoolExecutor(1) as threads:
            return [threads.submit(work, common, part).result() for part in parts]


def test_others_compute_where_this_process_says(tiny_models, tmp_path, raw, quiet):
    encoder = TextTransformer(model=str(tiny_models.text_model("bert", WORDS, tmp_path)))
    items = raw("text", TEXTS)
    with placed(COARSE):
        expected = encoder.describe(items, quiet)
        found = describe_elsewhere(encoder, items, OtherThreads(), quiet)
    np.testing.assert_array_equal(found, expected)
    fine = describe_elsewhere(encoder, items, OtherThreads(), quiet)
    assert np.abs(fine - expected).max() > 0


@pytest.fixture
def dataset(tiny_models, tmp_path):
    model = str(tiny_models.text_model("bert", WORDS, tmp_path / "bert"))
    Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    rows = {
        "id": list("abcd"),
        "text": ["red", "red circle", "large square", "small"],
        "picture": ["a.png"] * 4,
    }
    pd.DataFrame(rows).to_csv(tmp_path / "items.csv", index=False)
    encoder = {"name": "text_transformer", "model": model}
    modalities = {
        "text": {"kind": "text", "column": "text", "encoder": encoder},
        "picture": {"kind": "image", "column": "picture"},
    }
    spec = {"name": "few", "entities": {"item": {"table": "items.csv", "modalities": modalities}}}
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(spec))
    return load_dataset(tmp_path)


def test_the_cache_keeps_them_apart(dataset, tmp_path):
    cache = FeatureCache(tmp_path / "cache")

    def encoded(**asked):
        return {each.encoder: each.encoded for each in extract(dataset, cache=cache, **asked)}

    # What loads no model is the same everywhere.
    assert encoded(device="cpu") == {"text_transformer": 4, "hog": 1}
    assert encoded(precision="bf16-mixed", device="cpu") == {"text_transformer": 4, "hog": 0}
    assert encoded(precision="bf16-mixed", device="cpu") == {"text_transformer": 0, "hog": 0}
    assert encoded(device="cpu") == {"text_transformer": 0, "hog": 0}

    def features(**asked):
        return build_graph(dataset, relations=["of"], cache=cache, device="cpu", **asked).features[
            "item/text"
        ]

    fine = build_graph(dataset, relations=["of"], cache=False, device="cpu").features["item/text"]
    assert features().tobytes() == fine.tobytes()
    assert features(workers=2).tobytes() == fine.tobytes()
    coarse = features(precision="bf16-mixed", workers=2)
    assert 0 < np.abs(coarse - fine).max() < 0.1


def test_neighbours_by_an_encoder_of_their_own_are_sought_anew_elsewhere(dataset, tmp_path):
    choice = dict(dataset.spec.entities["item"].modalities["text"].encoder)
    cache = FeatureCache(tmp_path / "cache")
    knn = KNN("item/text", k=1, encoder=choice)

    def taken_over(**asked):
        notes = BuildNotes()
        out = tmp_path / "graph"
        build_graph(
            dataset, relations=[("near", knn)], cache=cache, out=out, overwrite=True, notes=notes, **asked
        )
        return notes.relations["near"].reused

    asked = ["32", "32", "bf16-mixed", "bf16-mixed", "32"]
    found = [taken_over(device="cpu", precision=precision) for precision in asked]
    assert found == [False, True, False, True, False]


def test_the_commands_hand_on_what_is_asked(dataset, tmp_path, monkeypatch, capsys):
    from mmgraph.cli.main import run

    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    folder, out = str(dataset.folder), str(tmp_path / "graph")
    text = ["extract", folder, "--modality", "item/text", "--json", "-q"]
    assert run([*text, "--device", "cpu", "--precision", "bf16-mixed"]) == 0
    assert '"encoded": 4' in capsys.readouterr().out
    assert run(["build-graph", folder, "--out", out, "--precision", "bf16-mixed", "--explain", "-q"]) == 0
    assert "is in the cache" in capsys.readouterr().out
    assert run([*text, "--device", "cpu"]) == 0
    assert '"encoded": 4' in capsys.readouterr().out
    for command in (["extract", folder], ["build-graph", folder, "--out", out, "--overwrite"]):
        assert run([*command, "--device", "cuda", "-q"]) == 2
        assert "device: got cuda, but torch" in capsys.readouterr().err
