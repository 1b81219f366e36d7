from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mmgraph.encoders import Standardise, TfIdf, load_encoder, save_encoder
from mmgraph.errors import ConfigError, GraphError, UnknownNameError, UserError

ROWS = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)


@pytest.fixture
def encoder():
    standardise = Standardise()
    standardise.fit(ROWS)
    return standardise


@pytest.fixture
def folder(encoder, tmp_path):
    save_encoder(encoder, tmp_path / "encoder")
    return tmp_path / "encoder"


def change(folder, **values):
    path = folder / "encoder.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_folder_holds_json_and_safetensors(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["arrays.safetensors", "encoder.json"]
    content = json.loads((folder / "encoder.json").read_text())
    assert (content["format"], content["encoder"], content["version"]) == (1, "standardise", 1)
    assert set(load_file(folder / "arrays.safetensors")) == {"shift", "factor"}


def test_an_encoder_without_arrays_is_saved_too(tmp_path):
    from mmgraph.encoders import Columns

    columns = Columns()
    columns.restore({"columns": [], "indicated": []}, {})
    save_encoder(columns, tmp_path / "x")
    assert load_encoder(tmp_path / "x").channels == 0


def test_any_text_can_be_a_term(tmp_path):
    encoder = TfIdf()
    texts = np.array(["\ud800 lone", '"quoted" \\ \n', "字 ☃ \x00"], dtype=object)
    encoder.fit(texts)
    save_encoder(encoder, tmp_path / "x")
    assert load_encoder(tmp_path / "x").transform(texts).tobytes() == encoder.transform(texts).tobytes()


def test_an_array_that_lies_crosswise_in_memory_comes_back_right(tmp_path):
    encoder = Standardise(method="none")
    encoder.fit(ROWS)
    crosswise = np.asfortranarray(np.arange(6.0).reshape(2, 3))[0]
    encoder._fitted = type(encoder.fitted)(crosswise[::-1], crosswise)
    save_encoder(encoder, tmp_path / "x")
    assert load_encoder(tmp_path / "x").fitted.shift.tolist() == [2, 1, 0]


def test_another_encoder_is_replaced_only_if_asked_for(encoder, folder):
    with pytest.raises(UserError, match="is there already"):
        save_encoder(encoder, folder)
    save_encoder(encoder, folder, overwrite=True)


def test_one_that_is_not_fitted_leaves_nothing_behind(tmp_path):
    with pytest.raises(ConfigError, match="not fitted"):
        save_encoder(Standardise(), tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["encoder.json", "arrays.safetensors"])
def test_a_missing_file_is_named(name, folder):
    (folder / name).unlink()
    with pytest.raises(GraphError, match=f"{name}: there is no such file"):
        load_encoder(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(GraphError, match="there is no such file"):
        load_encoder(tmp_path / "absent")


@pytest.mark.parametrize("content", ["", "[]", "{}", "{" * 10_000, '{"format": 1}', "\udcff"])
def test_damaged_json_is_refused(content, folder):
    (folder / "encoder.json").write_text(content, errors="surrogateescape")
    with pytest.raises(GraphError, match="damaged"):
        load_encoder(folder)


@pytest.mark.parametrize("cut", [0, 4, 30, -1])
def test_damaged_arrays_are_refused(cut, folder):
    path = folder / "arrays.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(GraphError, match="damaged"):
        load_encoder(folder)


def test_arrays_of_another_encoder_are_refused(folder):
    save_file({"other": ROWS}, folder / "arrays.safetensors")
    with pytest.raises(GraphError, match="damaged"):
        load_encoder(folder)


@pytest.mark.parametrize(
    ("change_to", "kind", "problem"),
    [
        ({"format": 2}, GraphError, "has format 2; this version reads format 1"),
        ({"version": 99}, GraphError, "version 99 of the encoder 'standardise'; this is version 1"),
        ({"encoder": "standardize"}, UnknownNameError, r"Did you mean 'standardise'\? If a plugin"),
        ({"encoder": []}, UnknownNameError, "there is no encoder"),
        ({"state": {}}, GraphError, "damaged"),
        ({"state": []}, GraphError, "damaged"),
        (
            {"state": {"parameters": {"method": "x"}, "fitted": {}}},
            ConfigError,
            r"encoder\.json: state\.parameters\.method: got 'x'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change_to, kind, problem, folder):
    change(folder, **change_to)
    with pytest.raises(kind, match=problem):
        load_encoder(folder)
