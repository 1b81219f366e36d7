"""The graph on disk: the same when it comes back, and refused when it is damaged."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from mmgraph.errors import GraphError, UserError
from mmgraph.graph import Graph, load_graph

EDGES = "edges/product--made_by--maker"


def test_a_graph_comes_back_as_it_was(graph: Graph, stored: Path):
    loaded = load_graph(stored)
    assert loaded.schema == graph.schema
    assert loaded.manifest == graph.manifest
    assert loaded.tasks == graph.tasks
    assert loaded.name == "shop"
    for name, table in graph.nodes.items():
        pd.testing.assert_frame_equal(loaded.nodes[name], table)
    for name, features in graph.features.items():
        assert np.array_equal(loaded.features[name], features)
    assert list(loaded.edge_index) == list(graph.edge_index)
    for triple, index in graph.edge_index.items():
        assert np.array_equal(loaded.edge_index[triple], index)
        assert loaded.edge_index[triple].dtype == np.int64
    assert list(loaded.edge_weight) == list(graph.edge_weight)
    for triple, weight in graph.edge_weight.items():
        assert np.array_equal(loaded.edge_weight[triple], weight)
    assert list(loaded.encoders) == list(graph.encoders)
    for name, encoder in graph.encoders.items():
        assert type(loaded.encoders[name]) is type(encoder)


def test_the_fingerprint_is_stored_and_true(graph: Graph, stored: Path):
    loaded = load_graph(stored)
    assert loaded.stored_fingerprint == loaded.fingerprint() == graph.fingerprint()
    assert loaded._computed_fingerprint == graph.fingerprint()
    assert loaded.without_relations().fingerprint() == graph.without_relations().fingerprint()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_saved_again_it_has_the_same_bytes(stored: Path, tmp_path: Path):
    load_graph(stored).save(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(stored)


def test_a_view_can_be_stored(graph: Graph, tmp_path: Path):
    view = graph.view("colour")
    view.save(tmp_path / "view")
    loaded = load_graph(tmp_path / "view", verify=True)
    assert loaded.schema == view.schema
    assert loaded.fingerprint() == view.fingerprint()
    assert not (tmp_path / "view/nodes/product.name.parquet").exists()


def test_what_lies_where(stored: Path):
    files = contents(stored)
    assert "nodes/product.parquet" in files
    assert "nodes/product.picture.parquet" in files
    assert "features/product/name.npy" in files
    assert "edges/product.name--of--product/indptr.npy" in files
    assert "edges/product--bought_with--product/weight.npy" in files
    assert not [name for name in files if "rev_" in name]
    assert any(name.startswith("encoders/product/name/") for name in files)
    assert np.load(stored / EDGES / "indices.npy").dtype == np.int32
    assert not [name for name in files if name.endswith((".pkl", ".pt"))]


def test_tables_do_not_depend_on_the_version_of_pandas(stored: Path):
    for path in (stored / "nodes").iterdir():
        assert pyarrow.parquet.read_schema(path).metadata is None


def test_the_manifest_describes_every_file(stored: Path):
    manifest = json.loads((stored / "manifest.json").read_text())
    assert set(manifest["files"]) == set(contents(stored)) - {"manifest.json"}
    for name, known in manifest["files"].items():
        assert known["bytes"] == (stored / name).stat().st_size


def test_opening_reads_no_array(stored: Path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an array was read")

    monkeypatch.setattr("mmgraph.graph.store.np.load", refuse)
    monkeypatch.setattr("mmgraph.graph.store.read_parquet", refuse)
    loaded = load_graph(stored)
    loaded.without_relations()
    assert loaded.fingerprint()
    with pytest.raises(AssertionError, match="an array was read"):
        loaded.features["product/name"]


def test_opening_takes_milliseconds(stored: Path):
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        load_graph(stored)
        best = min(best, time.perf_counter() - start)
    assert best < 0.5


def test_arrays_are_mapped_into_memory(stored: Path):
    loaded = load_graph(stored)
    assert isinstance(loaded.features["product/name"], np.memmap)
    assert loaded.features["product/name"] is loaded.features["product/name"]


def test_another_graph_is_replaced_only_on_demand(graph: Graph, stored: Path):
    with pytest.raises(UserError, match="is there already"):
        graph.save(stored)
    graph.without_relations().save(stored, overwrite=True)
    assert load_graph(stored, verify=True).schema.relations == []


def test_other_peoples_files_are_never_replaced(graph: Graph, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"holds no manifest.json"):
        graph.save(tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine/thesis.tex").read_text() == "years of work"


def test_an_interrupted_save_leaves_nothing(graph: Graph, tmp_path: Path, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mmgraph.graph.save.save_encoder", interrupt)
    with pytest.raises(KeyboardInterrupt):
        graph.save(tmp_path / "graph")
    assert list(tmp_path.iterdir()) == []


def test_an_open_graph_survives_its_replacement(graph: Graph, stored: Path):
    loaded = load_graph(stored)
    features = loaded.features["product/name"]
    before = features.copy()
    graph.without(modalities=["vector"]).save(stored, overwrite=True)
    assert np.array_equal(features, before)


def edit(**changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return damage


def without_key(key: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        del manifest[key]
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return damage


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def cut(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-1])


def outside(folder: Path) -> None:
    (folder.parent / "secret").write_text("x")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../secret"] = {"bytes": 1}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "there is no such folder"),
        (lambda f: (f / "manifest.json").unlink(), "is no graph: it holds no manifest.json"),
        (lambda f: (f / "manifest.json").rename(f / "dataset.yaml"), "is a dataset, not a graph"),
        (lambda f: (f / "manifest.json").rename(f / "run.json"), "is a run, not a graph"),
        (write("manifest.json", "{"), "manifest.json: is damaged: Expecting"),
        (write("manifest.json", "\x00"), "manifest.json: is damaged"),
        (write("manifest.json", "[1]"), "is not the manifest of a graph"),
        (write("manifest.json", "{}"), "is not the manifest of a graph"),
        (edit(format=3), "has format 3; this version reads format 2. Update mmgraph, or build the graph"),
        (edit(format=0), "has format 0; this version reads format 2. Build the graph again"),
        (edit(format="1"), "is not the manifest of a graph"),
        (edit(schema=None), "is damaged: schema is no mapping"),
        (edit(tasks=[]), "is damaged: tasks is no mapping"),
        (edit(tasks={"t": {"entity": "product"}}), "tasks.t.target: is missing"),
        (edit(files=3), "is damaged: files is no mapping"),
        (edit(files={}), "is not described in manifest.json"),
        (without_key("fingerprint"), "name or fingerprint is missing"),
        (without_key("name"), "name or fingerprint is missing"),
        (lambda f: (f / "features/product/name.npy").unlink(), "features/product/name.npy: is missing"),
        (lambda f: shutil.rmtree(f / "nodes"), "nodes/maker.parquet: is missing"),
        (cut("features/product/name.npy"), "is damaged: it has"),
        (cut(f"{EDGES}/indices.npy"), "is damaged: it has"),
        (outside, "leads out of the folder of the graph"),
    ],
)
def test_a_damaged_folder_gives_one_clear_error(stored: Path, damage, message):
    damage(stored)
    with pytest.raises(UserError) as caught:
        load_graph(stored)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_damaged_files_are_told_together(stored: Path):
    shutil.rmtree(stored / "features")
    with pytest.raises(GraphError) as caught:
        load_graph(stored)
    assert len(caught.value.faults) == 3


def same_size(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        before = (folder / name).read_bytes()
        after = change(before)
        assert len(after) == len(before)
        (folder / name).write_bytes(after)

    return damage


def overwrite_array(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        array = np.load(folder / name)
        np.save(folder / name, change(array))

    return damage


def read_all(graph: Graph) -> list[object]:
    return [*graph.nodes.values(), *graph.features.values(), *graph.edge_index.values()]


def flip(data: bytes) -> bytes:
    return data[:-4] + bytes(255 - b for b in data[-4:])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            same_size("features/product/name.npy", lambda d: b"\0" * len(d)),
            "features/product/name.npy: is damaged",
        ),
        (same_size("nodes/product.parquet", lambda d: b"\0" * len(d)), "nodes/product.parquet: is damaged"),
        (overwrite_array(f"{EDGES}/indices.npy", lambda a: a + 100), "names nodes that are not there"),
        (overwrite_array(f"{EDGES}/indices.npy", lambda a: a - 100), "names nodes that are not there"),
        (overwrite_array(f"{EDGES}/indptr.npy", lambda a: a[::-1].copy()), "do not rise from 0 to the end"),
        (overwrite_array(f"{EDGES}/indptr.npy", lambda a: a * 0), "do not rise from 0 to the end"),
        (overwrite_array("features/product/name.npy", lambda a: a.view(np.int32)), "it holds int32"),
        (overwrite_array("features/product/name.npy", lambda a: a.reshape(-1)), "wanted f4 (22, "),
    ],
)
def test_damage_that_keeps_the_size_shows_when_the_part_is_used(stored: Path, damage, message):
    damage(stored)
    manifest = json.loads((stored / "manifest.json").read_text())
    for name, known in manifest["files"].items():
        known["bytes"] = (stored / name).stat().st_size
    (stored / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(GraphError) as caught:
        read_all(load_graph(stored))
    assert message in str(caught.value)
    with pytest.raises(GraphError, match="its content has changed"):
        load_graph(stored, verify=True)


def test_a_pickle_is_never_opened(stored: Path):
    path = stored / "features/product/name.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    manifest = json.loads((stored / "manifest.json").read_text())
    manifest["files"]["features/product/name.npy"]["bytes"] = path.stat().st_size
    (stored / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(GraphError, match="is damaged"):
        load_graph(stored).features["product/name"]


def test_changed_bytes_are_found_by_verifying(stored: Path):
    same_size("features/product/name.npy", flip)(stored)
    load_graph(stored)
    with pytest.raises(GraphError, match=r"features/product/name.npy: is damaged: its content has changed"):
        load_graph(stored, verify=True)


def test_an_empty_relation_comes_back(make_shop, tmp_path: Path):
    from mmgraph.graph import build_graph
    from mmgraph.relations import Table

    shop = make_shop()
    (shop.folder / "none.csv").write_text("source,target\n")
    built = build_graph(
        shop, relations=[Table("product", "maker", "none.csv", allow_empty=True)], cache=False
    )
    built.save(tmp_path / "graph")
    loaded = load_graph(tmp_path / "graph", verify=True)
    for triple in (("product", "none", "maker"), ("maker", "rev_none", "product")):
        assert loaded.edge_index[triple].shape == (2, 0)
        assert loaded.data[triple].edge_index.shape == (2, 0)
