"""Raw files to features that a graph finds later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from mmgraph.data.load import load_dataset
from mmgraph.encoders import FeatureCache, extract
from mmgraph.errors import ConfigError, DataError, GraphError
from mmgraph.graph import build_graph
from mmgraph.progress import Progress


@pytest.fixture
def folder(tmp_path):
    """A dataset of six pictures, of which two are the same, with texts."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (20, 20, 3), dtype=np.uint8) for _ in range(5)]
    for number, picture in enumerate([*pictures, pictures[0]]):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    rows = {"id": list("abcdef"), "picture": [f"{n}.png" for n in range(6)], "text": ["one two", "two"] * 3}
    pd.DataFrame(rows).to_csv(tmp_path / "items.csv", index=False)
    modalities = {
        "picture": {"kind": "image", "column": "picture"},
        "text": {"kind": "text", "column": "text"},
    }
    spec = {"name": "few", "entities": {"item": {"table": "items.csv", "modalities": modalities}}}
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(spec))
    return tmp_path


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path / "cache")


def test_each_picture_is_encoded_once_and_a_graph_finds_it(folder, cache, monkeypatch):
    dataset = load_dataset(folder)
    picture, text = extract(dataset, cache=cache)
    assert (picture.modality, picture.encoder, text.modality) == ("item/picture", "hog", "item/text")
    assert (picture.items, picture.distinct, picture.encoded) == (6, 5, 5)
    assert (text.items, text.distinct, text.encoded) == (6, 2, 6)
    assert picture.channels > 1
    expected = build_graph(dataset, relations=["of"], cache=False).features["item/picture"]
    monkeypatch.setattr("mmgraph.encoders.HOG.describe", None)
    (again,) = extract(dataset, ["item/picture"], cache=cache)
    assert again.encoded == 0
    found = build_graph(dataset, relations=["of"], cache=cache).features["item/picture"]
    assert found.tobytes() == expected.tobytes()


def test_what_keeps_no_cache_is_counted_too(tmp_path):
    rows = {"id": list("abcd"), "n": [1.0, 1.0, 2.0, None], "c": ["x", "x", "x", "y"]}
    pd.DataFrame(rows).to_csv(tmp_path / "items.csv", index=False)
    np.save(tmp_path / "v.npy", np.array([[1.0], [2.0], [1.0], [2.0]]))
    modalities = {
        "facts": {"kind": "tabular", "columns": {"n": "numeric", "c": "categorical"}},
        "vector": {"kind": "features", "file": "v.npy"},
    }
    spec = {"name": "few", "entities": {"item": {"table": "items.csv", "modalities": modalities}}}
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(spec))
    facts, vector = extract(load_dataset(tmp_path))
    assert (facts.distinct, vector.distinct) == (3, 2)


def test_workers_are_those_of_a_cluster(folder):
    with pytest.raises(ConfigError, match=r"--workers: got 2, .* add --engine ray"):
        extract(load_dataset(folder), workers=2)


def test_one_changed_picture_costs_one(folder, cache):
    extract(load_dataset(folder), cache=cache)
    Image.fromarray(np.zeros((9, 9, 3), dtype=np.uint8)).save(folder / "3.png")
    (picture,) = extract(load_dataset(folder), ["item/picture"], cache=cache)
    assert picture.encoded == 1


def test_broken_files_are_told_together_when_all_others_are_encoded(folder, cache):
    for number in (1, 4):
        (folder / f"{number}.png").write_bytes(b"none")
    with pytest.raises(
        DataError,
        match=r"1\.png, row 2 \(id 'b'\): is .*2 of 6 image.*4\.png, row 5 \(id 'e'\): .*on_error: skip",
    ):
        extract(load_dataset(folder), cache=cache)
    (picture,) = extract(
        load_dataset(folder, overrides=["entities.item.modalities.picture.on_error=skip"]),
        ["item/picture"],
        cache=cache,
    )
    assert (picture.items, picture.encoded) == (4, 0)
    assert list(picture.skipped) == ["b", "e"]
    assert all(problem.startswith("is none of the image formats") for problem in picture.skipped.values())


def test_broken_files_are_told_by_their_row_in_the_file(folder, cache):
    table = pd.read_csv(folder / "items.csv")
    table.iloc[::-1].to_csv(folder / "items.csv", index=False)
    (folder / "1.png").write_bytes(b"none")
    with pytest.raises(DataError, match=r"1\.png, row 5 \(id 'b'\)"):
        extract(load_dataset(folder), cache=cache)


def test_skipped_files_are_missing_modalities_of_a_graph(folder, cache, capsys):
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    with pytest.raises(DataError, match=r"2\.png"):
        build_graph(load_dataset(folder), relations=["of"], cache=cache)
    dataset = load_dataset(folder, overrides=["entities.item.modalities.picture.on_error=skip"])
    graph = build_graph(dataset, relations=["of"], cache=cache, progress=Progress())
    assert graph.nodes["item/picture"]["id"].tolist() == ["a", "b", "d", "e", "f"]
    assert "1 file that cannot be read skipped" in capsys.readouterr().err


def test_where_none_can_be_read_the_modality_is_refused(folder, cache):
    for number in range(6):
        (folder / f"{number}.png").write_bytes(b"none")
    dataset = load_dataset(folder, overrides=["entities.item.modalities.picture.on_error=skip"])
    with pytest.raises(DataError, match=r"picture: none of 6 files can be read"):
        extract(dataset, cache=cache)
    with pytest.raises(GraphError, match=r"none of 6 files can be read"):
        build_graph(dataset, relations=["of"], cache=cache)


def test_a_misspelt_modality_and_a_misspelt_encoder(folder, cache):
    with pytest.raises(ConfigError, match=r"no modality 'item/pictur'.*Did you mean 'item/picture'"):
        extract(load_dataset(folder), ["item/pictur"], cache=cache)
    dataset = load_dataset(folder, overrides=["entities.item.modalities.picture.encoder=hogg"])
    with pytest.raises(DataError, match=r"picture\.encoder: there is no encoder 'hogg'"):
        extract(dataset, cache=cache)
    assert len(extract(dataset, ["item/text"], cache=cache)) == 1
