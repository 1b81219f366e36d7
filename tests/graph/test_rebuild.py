"""Building into a folder: the same bytes whatever the order, the workers and what is taken over."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mmgraph.data.dataset import Dataset
from mmgraph.data.load import load_dataset
from mmgraph.errors import GraphError, UserError
from mmgraph.graph import Graph, build_graph, load_graph
from mmgraph.graph.node_tables import entity_tables
from mmgraph.graph.notes import BuildNotes
from mmgraph.graph.save import describe_file
from mmgraph.relations import KNN, relation

RELATIONS = ("bought_with", "made_by", "same_shelf", "alike", "looks_like")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path / "home"))


@pytest.fixture
def own_shop(make_shop: Callable[..., Dataset]) -> Dataset:
    return make_shop()


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def built(folder: Path, out: Path, **options: Any) -> tuple[Graph, BuildNotes]:
    notes = BuildNotes()
    return build_graph(load_dataset(folder), out=out, overwrite=True, notes=notes, **options), notes


def reused(notes: BuildNotes) -> set[str]:
    return {name for name, decision in notes.relations.items() if decision.reused}


def shuffle(folder: Path, seed: int) -> None:
    """Shuffle the rows of every table, and the vectors with those of theirs."""
    for number, name in enumerate(("products", "makers", "bought_with", "made_by")):
        order = np.random.default_rng([seed, number]).permutation(
            len(table := pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False))
        )
        table.iloc[order].to_csv(folder / f"{name}.csv", index=False)
        if name == "products":
            np.save(folder / "vectors.npy", np.load(folder / "vectors.npy")[order])


def test_into_a_folder_or_saved_later_is_the_same(own_shop: Dataset, tmp_path: Path):
    build_graph(own_shop).save(tmp_path / "saved")
    graph = build_graph(own_shop, out=tmp_path / "written")
    assert content(tmp_path / "saved") == content(tmp_path / "written")
    assert graph.folder == tmp_path / "written"
    assert load_graph(tmp_path / "written", verify=True)._computed_fingerprint == graph.fingerprint()


@pytest.mark.parametrize("cache", [True, False])
def test_neither_rows_nor_workers_change_a_byte(own_shop: Dataset, tmp_path: Path, cache: bool):
    built(own_shop.folder, tmp_path / "one", cache=cache)
    shuffle(own_shop.folder, seed=1)
    _, notes = built(own_shop.folder, tmp_path / "two", cache=cache, workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert not reused(notes)


def test_messages_name_the_row_of_the_file(own_shop: Dataset, tmp_path: Path):
    shuffle(own_shop.folder, seed=1)
    table = pd.read_csv(own_shop.folder / "products.csv", dtype=str, keep_default_na=False)
    table.loc[7, "price"] = "dear"
    table.to_csv(own_shop.folder / "products.csv", index=False)
    with pytest.raises(
        GraphError, match=rf"row 8 \(id '{table.loc[7, 'sku']}'\): got 'dear'; wanted a number"
    ):
        built(own_shop.folder, tmp_path / "graph")


def test_an_unchanged_dataset_is_taken_over_whole(own_shop: Dataset, tmp_path: Path):
    _, first = built(own_shop.folder, tmp_path / "graph")
    assert {d.why for d in first.relations.values()} == {"there is no earlier graph"}
    before = content(tmp_path / "graph")
    _, again = built(own_shop.folder, tmp_path / "graph", workers=2)
    assert reused(again) == set(RELATIONS)
    assert content(tmp_path / "graph") == before


@pytest.mark.parametrize(
    ("file", "change", "expected", "why"),
    [
        ("bought_with.csv", ("p3,p16,4", "p3,p16,5"), {"bought_with"}, "bought_with.csv"),
        ("makers.csv", ("bolt", "bolt\ncrag"), {"made_by"}, "the ids of maker"),
        ("products.csv", (",s3,", ",s2,"), {"same_shelf"}, "the table of product"),
        ("dataset.yaml", ("k: 3", "k: 4"), {"alike"}, "its builder or parameters"),
        (
            "dataset.yaml",
            ("kind: random", "kind: random\n    seed: 5"),
            set(RELATIONS),
            "entities, splits or tasks",
        ),
    ],
)
def test_only_what_has_changed_is_built_again(
    own_shop: Dataset, tmp_path: Path, file: str, change: tuple[str, str], expected: set[str], why: str
):
    folder = own_shop.folder
    built(folder, tmp_path / "graph")
    text = (folder / file).read_text()
    assert change[0] in text
    (folder / file).write_text(text.replace(change[0], change[1], 1))
    _, notes = built(folder, tmp_path / "graph")
    assert set(RELATIONS) - reused(notes) == expected
    for name in expected:
        assert notes.relations[name].why.startswith("changed: ")
        assert why in notes.relations[name].why
    built(folder, tmp_path / "whole", cache=False)
    assert content(tmp_path / "graph") == content(tmp_path / "whole")


def test_changed_vectors_concern_those_who_read_them(own_shop: Dataset, tmp_path: Path):
    built(own_shop.folder, tmp_path / "graph")
    np.save(own_shop.folder / "vectors.npy", np.load(own_shop.folder / "vectors.npy")[::-1])
    _, notes = built(own_shop.folder, tmp_path / "graph")
    assert set(RELATIONS) - reused(notes) == {"alike"}
    assert notes.relations["alike"].why == "changed: the features of product/vector"


def test_the_code_of_a_function_counts(own_shop: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    @relation("chain", source="product", target="product", pure=True)
    def chain(source, target):
        return np.arange(len(source) - 1), np.arange(1, len(source))

    def build() -> BuildNotes:
        notes = BuildNotes()
        build_graph(
            own_shop, relations=[chain(), "made_by"], out=tmp_path / "graph", overwrite=True, notes=notes
        )
        return notes

    from mmgraph.registry import RELATIONS as registered

    try:
        build()
        assert reused(build()) == {"chain", "made_by"}
        other = tmp_path / "other.py"
        other.write_text("def chain(source, target): ...\n")
        monkeypatch.setattr("mmgraph.graph.inputs.inspect.getsourcefile", lambda thing: str(other))
        notes = build()
        assert reused(notes) == {"made_by"}
        assert notes.relations["chain"].why == "changed: the code of its builder"
    finally:
        registered._things.pop("chain")


def test_a_function_that_may_read_anything_is_called_again(own_shop: Dataset, tmp_path: Path):
    from mmgraph.registry import RELATIONS as registered

    table = tmp_path / "pairs.txt"
    table.write_text("0 1")

    @relation("listed", source="product", target="product")
    def listed(source, target):
        return np.loadtxt(table, dtype=int, ndmin=2).T

    try:
        for pairs, edges in (("0 1", 1), ("0 1\n2 3", 2)):
            table.write_text(pairs)
            notes = BuildNotes()
            graph = build_graph(
                own_shop, relations=[listed()], out=tmp_path / "graph", overwrite=True, notes=notes
            )
            assert graph.edge_index["product", "listed", "product"].shape[1] == edges
        assert "pure" in notes.relations["listed"].why
    finally:
        registered._things.pop("listed")


def test_what_is_fitted_and_an_own_encoder_are_taken_over(own_shop: Dataset, tmp_path: Path):
    hog = ("near", KNN("product/picture", k=2, encoder={"name": "hog"}))
    for _ in range(2):
        notes = BuildNotes()
        graph = build_graph(own_shop, relations=[hog], out=tmp_path / "graph", overwrite=True, notes=notes)
    assert reused(notes) == {"near"}
    assert ("near", "product/picture") in graph.relation_encoders


def test_damaged_files_are_not_taken_over(own_shop: Dataset, tmp_path: Path):
    built(own_shop.folder, tmp_path / "graph")
    before = content(tmp_path / "graph")
    path = tmp_path / "graph/edges/product--made_by--maker/indices.npy"
    path.write_bytes(path.read_bytes()[:-4] + b"\1\0\0\0")
    _, notes = built(own_shop.folder, tmp_path / "graph")
    assert notes.relations["made_by"].why == "its files in the earlier graph are damaged"
    assert content(tmp_path / "graph") == before


def test_files_that_nobody_has_touched_are_not_read_again(
    own_shop: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    built(own_shop.folder, tmp_path / "graph")
    read: list[str] = []

    def noted(path: Path) -> dict[str, Any]:
        read.append(path.name)
        return describe_file(path)

    monkeypatch.setattr("mmgraph.graph.reuse.describe_file", noted)
    _, notes = built(own_shop.folder, tmp_path / "graph")
    assert reused(notes) == set(notes.relations)
    assert read == []
    # What was taken over is known as well; a copy of a file is another file.
    path = tmp_path / "graph/edges/product--made_by--maker/indices.npy"
    shutil.copy2(path, tmp_path / "copy")
    (tmp_path / "copy").replace(path)
    _, notes = built(own_shop.folder, tmp_path / "graph")
    assert reused(notes) == set(notes.relations)
    assert read == ["indices.npy"]


def test_a_node_table_is_made_once(own_shop: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    built(own_shop.folder, tmp_path / "graph")
    before = content(tmp_path / "graph")
    made: list[str] = []

    def noted(dataset: Dataset, entities: list[str]) -> dict[str, pd.DataFrame]:
        made.extend(entities)
        return entity_tables(dataset, entities)

    monkeypatch.setattr("mmgraph.graph.build.entity_tables", noted)
    built(own_shop.folder, tmp_path / "graph")
    assert made == []
    assert content(tmp_path / "graph") == before
    makers = own_shop.folder / "makers.csv"
    makers.write_text(makers.read_text().replace("bolt", "bolt\ncrag"))
    graph, _ = built(own_shop.folder, tmp_path / "graph")
    assert made == ["maker"]
    assert "crag" in set(graph.nodes["maker"]["id"])
    afresh, _ = built(own_shop.folder, tmp_path / "afresh")
    assert content(tmp_path / "afresh") == content(tmp_path / "graph")
    assert graph.fingerprint() == afresh.fingerprint()


def test_a_damaged_node_table_is_made_anew(own_shop: Dataset, tmp_path: Path):
    built(own_shop.folder, tmp_path / "graph")
    before = content(tmp_path / "graph")
    path = tmp_path / "graph/nodes/maker.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    built(own_shop.folder, tmp_path / "graph")
    assert content(tmp_path / "graph") == before


def test_without_records_everything_is_built(
    own_shop: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    built(own_shop.folder, tmp_path / "graph")
    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path / "elsewhere"))
    _, notes = built(own_shop.folder, tmp_path / "graph")
    assert {d.why for d in notes.relations.values()} == {"this machine does not know what it was made from"}


def test_an_interrupted_build_leaves_the_old_graph(
    own_shop: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    built(own_shop.folder, tmp_path / "graph")
    before = content(tmp_path / "graph")

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mmgraph.graph.build.write_graph", interrupted)
    with pytest.raises(KeyboardInterrupt):
        built(own_shop.folder, tmp_path / "graph")
    assert content(tmp_path / "graph") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["graph", "home", "shop"]


def test_an_earlier_graph_is_not_replaced_unasked(own_shop: Dataset, tmp_path: Path):
    build_graph(own_shop, relations=["made_by"], out=tmp_path / "graph")
    with pytest.raises(UserError, match="is there already"):
        build_graph(own_shop, out=tmp_path / "graph")
