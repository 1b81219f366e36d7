"""What every registered encoder keeps to, built in or plugged in."""

from __future__ import annotations

import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from mmgraph.data.choice import Choice
from mmgraph.data.load import load_dataset
from mmgraph.encoders import (
    DEFAULTS,
    Encoder,
    FeatureCache,
    build_encoder,
    encode,
    encode_modality,
    load_encoder,
    save_encoder,
)
from mmgraph.encoders.custom import CustomEncoder
from mmgraph.errors import ConfigError
from mmgraph.registry import ENCODERS
from mmgraph.testing import check_encoder

NUM_ITEMS, NUM_TRAINING = 16, 10
WORDS = ["latin", "small", "letter", "sign", "greek", "arrow", "digit", "with", "acute", "left"]


def texts(folder: Path, row: int, rng: np.random.Generator) -> dict[str, Any]:
    return {"text": " ".join(rng.choice(WORDS, size=4))}


def pictures(folder: Path, row: int, rng: np.random.Generator) -> dict[str, Any]:
    pixels = rng.integers(0, 256, size=(20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / f"{row}.png")
    return {"picture": f"{row}.png"}


def sounds(folder: Path, row: int, rng: np.random.Generator) -> dict[str, Any]:
    with wave.open(str(folder / f"{row}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(rng.integers(-9999, 9999, size=1600, dtype=np.int16).tobytes())
    return {"sound": f"{row}.wav"}


def clips(folder: Path, row: int, rng: np.random.Generator) -> dict[str, Any]:
    av = pytest.importorskip("av", reason="the extra mmgraph[video] is not installed")
    picture = rng.integers(0, 256, size=(4, 6, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    with av.open(str(folder / f"{row}.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for number in range(5):
            moved = np.roll(picture, number * (row % 4 - 4), axis=row % 2)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        file.mux(stream.encode())
    return {"clip": f"{row}.mp4"}


def cells(folder: Path, row: int, rng: np.random.Generator) -> dict[str, Any]:
    return {
        "area": float(np.exp(10 * rng.standard_normal())) if rng.random() < 0.8 else None,
        "colour": str(rng.choice(["red", "green", "blue"])),
        "day": f"2024-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}",
    }


def vectors(folder: Path, row: int, rng: np.random.Generator) -> dict[str, Any]:
    path = folder / "vectors.npy"
    known = np.load(path) if row else np.zeros((NUM_ITEMS, 3), dtype=np.float32)
    known[row] = rng.standard_normal(3)
    np.save(path, known)
    return {}


def boxed(folder: Path, row: int, rng: np.random.Generator) -> dict[str, Any]:
    left, top = rng.integers(0, 10, size=2).tolist()
    return pictures(folder, row, rng) | {"boxes": [[left, top, left + 9, top + 8], [0, 0, 24, 20]]}


def captioned_pictures(folder: Path, row: int, rng: np.random.Generator) -> dict[str, Any]:
    return texts(folder, row, rng) | pictures(folder, row, rng)


def captioned_vectors(folder: Path, row: int, rng: np.random.Generator) -> dict[str, Any]:
    return texts(folder, row, rng) | vectors(folder, row, rng)


TEXT = {"kind": "text", "column": "text"}
BESIDE = {"text": TEXT, "picture": {"kind": "image", "column": "picture"}}
BESIDE_REGIONS = {"text": TEXT, "regions": {"kind": "features", "file": "vectors.npy"}}


@dataclass(frozen=True)
class Case:
    """How to write an item of the kind that an encoder reads, and the modality that reads the items.

    ``parameters`` names a fixture with the encoder's parameters, where its defaults need what is not here;
    ``beside`` holds the modalities that a pair consists of.
    """

    write: Callable[[Path, int, np.random.Generator], dict[str, Any]]
    modality: dict[str, Any]
    parameters: str | None = None
    beside: dict[str, Any] = field(default_factory=dict)


CASES = {
    "tfidf": Case(texts, {"kind": "text", "column": "text"}),
    "hashed_ngrams": Case(texts, {"kind": "text", "column": "text"}),
    "lbp": Case(pictures, {"kind": "image", "column": "picture"}),
    "dct": Case(pictures, {"kind": "image", "column": "picture"}),
    "hog": Case(pictures, {"kind": "image", "column": "picture"}),
    "log_mel": Case(sounds, {"kind": "audio", "column": "sound"}),
    "frames": Case(clips, {"kind": "video", "column": "clip"}),
    "motion": Case(clips, {"kind": "video", "column": "clip"}),
    "columns": Case(
        cells, {"kind": "tabular", "columns": {"area": "numeric", "colour": "categorical", "day": "date"}}
    ),
    "standardise": Case(vectors, {"kind": "features", "file": "vectors.npy"}),
    "sentence_transformer": Case(texts, {"kind": "text", "column": "text"}, "tiny_transformer"),
    "text_transformer": Case(texts, {"kind": "text", "column": "text"}, "tiny_bert"),
    "image_transformer": Case(pictures, {"kind": "image", "column": "picture"}, "tiny_vit"),
    "audio_transformer": Case(sounds, {"kind": "audio", "column": "sound"}, "tiny_wav2vec2"),
    "clip_text": Case(texts, {"kind": "text", "column": "text"}, "tiny_clip"),
    "clip_image": Case(pictures, {"kind": "image", "column": "picture"}, "tiny_clip"),
    "clap_text": Case(texts, {"kind": "text", "column": "text"}, "tiny_clap"),
    "clap_audio": Case(sounds, {"kind": "audio", "column": "sound"}, "tiny_clap"),
    "xclip_text": Case(texts, {"kind": "text", "column": "text"}, "tiny_xclip"),
    "xclip_video": Case(clips, {"kind": "video", "column": "clip"}, "tiny_xclip"),
    "video_transformer": Case(clips, {"kind": "video", "column": "clip"}, "tiny_videomae"),
    "regions": Case(boxed, {"kind": "regions", "column": "picture", "boxes": "boxes"}),
    "detected_regions": Case(pictures, {"kind": "image", "column": "picture"}, "tiny_detector"),
    "vilt": Case(captioned_pictures, {"kind": "pair", "inputs": ["text", "picture"]}, "tiny_vilt", BESIDE),
    "visual_bert": Case(
        captioned_vectors, {"kind": "pair", "inputs": ["text", "regions"]}, "tiny_visual_bert", BESIDE_REGIONS
    ),
}
"""For each registered encoder, items that it can read."""


def test_every_registered_encoder_has_a_case():
    # An example in a docstring may have registered a function of its own.
    assert set(CASES) == {name for name, kind in ENCODERS.items() if not issubclass(kind, CustomEncoder)}


@pytest.fixture(params=sorted(CASES))
def name(request):
    return request.param


@pytest.fixture(scope="session")
def tiny_transformer(make_sentence_transformer):
    return {"model": str(make_sentence_transformer(WORDS))}


@pytest.fixture(scope="session")
def tiny_bert(tiny_models, tmp_path_factory):
    return {"model": str(tiny_models.text_model("bert", WORDS, tmp_path_factory.mktemp("bert")))}


@pytest.fixture(scope="session")
def tiny_clap(tiny_models, tmp_path_factory):
    return {"model": str(tiny_models.sound_and_text_model(WORDS, tmp_path_factory.mktemp("clap")))}


@pytest.fixture(scope="session")
def tiny_xclip(tiny_models, tmp_path_factory):
    return {"model": str(tiny_models.video_and_text_model(WORDS, tmp_path_factory.mktemp("xclip")))}


@pytest.fixture(scope="session")
def tiny_videomae(tiny_models, tmp_path_factory):
    return {"model": str(tiny_models.video_model("videomae", tmp_path_factory.mktemp("videomae")))}


@pytest.fixture(scope="session")
def tiny_vilt(tiny_models, tmp_path_factory):
    return {"model": str(tiny_models.pair_model("vilt", WORDS, tmp_path_factory.mktemp("vilt")))}


@pytest.fixture(scope="session")
def tiny_visual_bert(tiny_models, tmp_path_factory):
    folder = tiny_models.pair_model("visual_bert", WORDS, tmp_path_factory.mktemp("visual_bert"))
    return {"model": str(folder), "tokenizer": None}


@pytest.fixture(scope="session")
def tiny_detector(tiny_models, tmp_path_factory):
    return {"model": str(tiny_models.detector("yolos", tmp_path_factory.mktemp("yolos")))}


@pytest.fixture(scope="session")
def tiny_vit(tiny_models, tmp_path_factory):
    return {"model": str(tiny_models.image_model("vit", tmp_path_factory.mktemp("vit")))}


@pytest.fixture(scope="session")
def tiny_wav2vec2(tiny_models, tmp_path_factory):
    return {"model": str(tiny_models.audio_model("wav2vec2", tmp_path_factory.mktemp("wav2vec2")))}


@pytest.fixture(scope="session")
def tiny_clip(tiny_models, tmp_path_factory):
    return {"model": str(tiny_models.joint_model("clip", WORDS, tmp_path_factory.mktemp("clip")))}


@pytest.fixture
def parameters(name, request):
    fixture = CASES[name].parameters
    return request.getfixturevalue(fixture) if fixture else {}


@pytest.fixture
def dataset_of(name, parameters, tmp_path):
    """Return a function that makes a dataset whose held-out items depend on a seed; others never differ."""

    def make(*, held_out_seed: int = 0, num_training: int = NUM_TRAINING):
        folder = tmp_path / f"dataset-{held_out_seed}-{num_training}"
        folder.mkdir()
        rows = []
        for row in range(NUM_ITEMS):
            training = row < num_training
            rng = np.random.default_rng([row, 0 if training else 1 + held_out_seed])
            item = CASES[name].write(folder, row, rng)
            held_out = "validation" if row % 2 else "test"
            rows.append({"id": f"item-{row}", "part": "train" if training else held_out} | item)
        pd.DataFrame(rows).to_parquet(folder / "items.parquet")
        modality = CASES[name].modality | {"encoder": {"name": name} | parameters}
        modalities = {**CASES[name].beside, "seen": modality}
        spec = {
            "name": "contract",
            "entities": {"item": {"table": "items.parquet", "modalities": modalities}},
            "splits": {"fixed": {"kind": "column", "entity": "item", "column": "part"}},
        }
        (folder / "dataset.yaml").write_text(yaml.safe_dump(spec))
        return load_dataset(folder)

    return make


@pytest.fixture
def raw(dataset_of):
    return dataset_of().modality("item", "seen")


@pytest.fixture
def fitted(dataset_of):
    return encode_modality(dataset_of(held_out_seed=7), "item", "seen")


def state_bytes(encoder: Encoder, folder: Path) -> dict[str, bytes]:
    save_encoder(encoder, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_keeps_to_the_contract(name, parameters, raw):
    check_encoder(name, parameters=parameters, items=raw)


def test_held_out_items_leave_the_fitted_state_as_it_is(dataset_of, tmp_path):
    one = encode_modality(dataset_of(held_out_seed=1), "item", "seen")
    two = encode_modality(dataset_of(held_out_seed=2), "item", "seen")
    assert state_bytes(one.encoder, tmp_path / "one") == state_bytes(two.encoder, tmp_path / "two")
    assert np.array_equal(one.features[:NUM_TRAINING], two.features[:NUM_TRAINING])
    assert not np.array_equal(one.features[NUM_TRAINING:], two.features[NUM_TRAINING:])


def test_training_items_do_change_the_fitted_state(name, dataset_of, tmp_path):
    all_but_one = encode_modality(dataset_of(num_training=NUM_TRAINING - 1), "item", "seen")
    all_of_them = encode_modality(dataset_of(), "item", "seen")
    first, second = (
        state_bytes(e.encoder, tmp_path / n) for e, n in ((all_but_one, "a"), (all_of_them, "b"))
    )
    assert (first != second) is ENCODERS.get(name).learns


def test_a_saved_encoder_encodes_new_items_to_the_last_bit(fitted, raw, tmp_path):
    save_encoder(fitted.encoder, tmp_path / "encoder")
    loaded = load_encoder(tmp_path / "encoder")
    assert loaded.parameters() == fitted.encoder.parameters()
    assert loaded.channels == fitted.encoder.channels
    assert encode(loaded, raw).tobytes() == encode(fitted.encoder, raw).tobytes()
    assert state_bytes(loaded, tmp_path / "again") == state_bytes(fitted.encoder, tmp_path / "first")


def test_what_is_kept_in_the_cache_changes_nothing(dataset_of, tmp_path):
    dataset, cache = dataset_of(), FeatureCache(tmp_path / "cache")
    plain, first, second = (
        encode_modality(dataset, "item", "seen", cache=kept).features for kept in (None, cache, cache)
    )
    assert plain.tobytes() == first.tobytes() == second.tobytes()


def test_it_is_not_used_before_it_is_fitted(name, parameters, raw, tmp_path):
    encoder = ENCODERS.get(name)(**parameters)
    for use in (lambda: encode(encoder, raw), lambda: save_encoder(encoder, tmp_path / "x"), encoder.state):
        with pytest.raises(ConfigError, match="not fitted"):
            use()
    assert not (tmp_path / "x").exists()


def test_a_key_that_nobody_reads_is_refused(name):
    choice = Choice.model_validate({"name": name, "colr_of_the_sky": 1})
    with pytest.raises(ConfigError, match=r"a\.yaml: encoder\.colr_of_the_sky: is a key that is not known"):
        build_encoder(choice, ENCODERS.get(name).kind, where="a.yaml: encoder")


def test_another_kind_of_modality_is_refused(name):
    kind = next(kind for kind in DEFAULTS if kind != ENCODERS.get(name).kind)
    with pytest.raises(ConfigError, match=f"the modality is {kind}"):
        build_encoder(Choice(name=name), kind, where="a.yaml: encoder")


def part(raw, rows: slice):
    table = isinstance(raw.values, pd.DataFrame)
    values = raw.values.iloc[rows].reset_index(drop=True) if table else raw.values[rows]
    return type(raw)(raw.kind, raw.index[rows], values, raw.columns)
