"""Planted faults: each is answered by one fault that names file, place, value and remedy."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pytest

from mmgraph.cli.main import run
from mmgraph.data.dataset import Dataset
from mmgraph.data.dataset_faults import dataset_faults
from mmgraph.data.spec import examine_spec
from mmgraph.errors import ConfigError, Fault


class Shop(Protocol):
    """The dataset of conftest.py."""

    folder: Path
    yaml: Path
    products: Path

    def change_spec(self, path: str, value: object) -> None: ...
    def change_table(self, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None: ...
    def set_cell(self, row: int, column: str, value: str) -> None: ...


@dataclass(frozen=True)
class Planted:
    """A fault: how it is planted, and what the message has to say about it."""

    name: str
    plant: Callable[[Shop], object]
    where: str
    value: str
    remedy: str


def spec(path: str, value: object) -> Callable[[Shop], object]:
    return lambda shop: shop.change_spec(path, value)


def cell(row: int, column: str, value: str) -> Callable[[Shop], object]:
    return lambda shop: shop.set_cell(row, column, value)


def yaml_text(old: str, new: str) -> Callable[[Shop], object]:
    def plant(shop: Shop) -> None:
        text = shop.yaml.read_text()
        assert old in text
        shop.yaml.write_text(text.replace(old, new))

    return plant


def table_text(change: Callable[[str], str]) -> Callable[[Shop], object]:
    return lambda shop: shop.products.write_text(change(shop.products.read_text()))


def column(name: str, value: str | Callable[[pd.Series], pd.Series]) -> Callable[[Shop], object]:
    """Give every cell of a column another value."""

    def change(table: pd.DataFrame) -> None:
        table[name] = value if isinstance(value, str) else value(table[name])

    return lambda shop: shop.change_table(change)


def vectors(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Shop], object]:
    def plant(shop: Shop) -> None:
        path = shop.folder / "vectors.npy"
        np.save(path, change(np.load(path)))

    return plant


def some(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Shop], object]:
    def plant(shop: Shop) -> None:
        path = shop.folder / "some.parquet"
        change(pd.read_parquet(path)).to_parquet(path)

    return plant


def put(value: float, row: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array[row - 1, 1] = value
        return array

    return change


def link_out(shop: Shop) -> None:
    outside = shop.folder.parent / "outside.png"
    outside.write_bytes((shop.folder / "images/4.png").read_bytes())
    (shop.folder / "images/4.png").unlink()
    (shop.folder / "images/4.png").symlink_to(outside)


def many_absent(shop: Shop) -> None:
    for number in (3, 4, 6, 8, 10, 12, 13):
        (shop.folder / f"images/{number}.png").unlink()


def edges(rows: str) -> Callable[[Shop], object]:
    def plant(shop: Shop) -> None:
        (shop.folder / "edges.csv").write_text(f"source,target\n{rows}")
        ends = {"source": "product", "target": "product"}
        shop.change_spec("relations.sold_with", {"builder": "table", "table": "edges.csv", **ends})

    return plant


TEXT_AS_IMAGE = "photo: {kind: image, column: photo}"
FACTS, PHOTO, VECTOR = (f"entities.product.modalities.{name}" for name in ("facts", "photo", "vector"))
PLANTED = [
    # The YAML file.
    Planted("no mapping", lambda s: s.yaml.write_text("- a\n- b\n"), "dataset.yaml", "a list", "key: value"),
    Planted("no YAML", yaml_text("entities:", "entities: ["), "dataset.yaml, line", "YAML", "Mend"),
    Planted("key twice", yaml_text("title: A shop", "name: b"), "dataset.yaml, line 3", "'name'", "Mend"),
    Planted("not UTF-8", lambda s: s.yaml.write_bytes(b"name: \xff"), "dataset.yaml", "byte 6", "UTF-8"),
    Planted("misspelt key", yaml_text("title: A", "titel: A"), "dataset.yaml: titel", "not known", "'title'"),
    Planted("wrong type", spec("entities.product.table", 3), "entities.product.table", "got 3", "CSV"),
    Planted("wrong format", spec("format", 2), "dataset.yaml: format", "got 2; wanted 1", "Change"),
    Planted("missing key", spec("tasks.rating.target", ...), "tasks.rating.target", "missing", "Add it"),
    Planted(
        "unknown kind",
        yaml_text(TEXT_AS_IMAGE, TEXT_AS_IMAGE.replace("image", "imgae")),
        "entities.product.modalities.photo.kind",
        "'imgae'; wanted one of text, image",
        "Did you mean 'image'",
    ),
    Planted(
        "misspelt key of a modality",
        yaml_text(TEXT_AS_IMAGE, TEXT_AS_IMAGE + "\n      label: {kind: text, colum: name, column: name}"),
        "entities.product.modalities.label.colum",
        "not known",
        "'column'",
    ),
    Planted(
        "unknown kind of column",
        spec(f"{FACTS}.columns.price", "number"),
        "entities.product.modalities.facts.columns.price",
        "'number'; wanted one of 'numeric'",
        "Did you mean 'numeric'",
    ),
    Planted("bad name", spec("name", "my shop"), "dataset.yaml: name", "'my shop'", "Change"),
    Planted(
        "reserved name", spec("relations.of", {"builder": "knn"}), "relations.of", "'of'", "another name"
    ),
    Planted(
        "fractions",
        spec("splits.random.fractions.test", 0.3),
        "splits.random.fractions",
        "1.1; wanted 1",
        "Change one",
    ),
    Planted(
        "fraction of nothing",
        spec("splits.time.fractions.train", 1.5),
        "splits.time.fractions.train",
        "got 1.5; wanted a number less than 1",
        "Change",
    ),
    Planted(
        "unknown entity type",
        spec("splits.time.entity", "prodct"),
        "splits.time.entity",
        "'prodct'",
        "'product'",
    ),
    Planted("unknown split", spec("tasks.rating.split", "fixd"), "tasks.rating.split", "'fixd'", "'fixed'"),
    Planted(
        "unknown modality of a task",
        spec("tasks.rating.without", {"modalities": ["photo", "foto"]}),
        "tasks.rating.without.modalities[1]",
        "'foto'",
        "'photo'",
    ),
    Planted(
        "unknown relation of a task",
        spec("tasks.rating.without", {"relations": ["same_brnd"]}),
        "tasks.rating.without.relations[0]",
        "'same_brnd'",
        "'same_brand'",
    ),
    # Tables.
    Planted(
        "no table",
        spec("entities.product.table", "product.csv"),
        "product.table",
        "'product.csv'",
        "'products.csv'",
    ),
    Planted(
        "table out of the folder",
        spec("entities.product.table", "../x.csv"),
        "product.table",
        "'../x.csv'",
        "inside",
    ),
    Planted("empty file", table_text(lambda _: ""), "products.csv", "empty file", "Fill it"),
    Planted("no rows", table_text(lambda t: t.splitlines()[0]), "products.csv", "no rows", "Fill"),
    Planted(
        "short row",
        table_text(lambda t: t + "p25,x\n"),
        "products.csv: row 25",
        "2 cells ('p25,x')",
        "commas",
    ),
    Planted(
        "long row",
        table_text(lambda t: t.replace("0.4\n", "0.4,5\n")),
        "products.csv: row 4",
        "13 cells",
        "quote cells",
    ),
    Planted(
        "column twice",
        table_text(lambda t: t.replace("name,", "id,", 1)),
        "products.csv",
        "'id' stands twice",
        "name of its own",
    ),
    Planted(
        "open quote",
        table_text(lambda t: t.replace("Product 9", '"Product 9')),
        "products.csv: row 9",
        "quote",
        "Close",
    ),
    Planted(
        "semicolons", table_text(lambda t: t.replace(",", ";")), "product.id", "'id'", "save it with commas"
    ),
    Planted(
        "not UTF-8 table",
        lambda s: s.products.write_bytes(b"id,name\n\xe9,a\n"),
        "products.csv",
        r"b'\xe9'",
        "UTF-8",
    ),
    Planted(
        "wrong ending", spec("entities.product.table", "vectors.npy"), "vectors.npy", "'.npy'", "Convert"
    ),
    # Ids.
    Planted("unknown id column", spec("entities.product.id", "ident"), "product.id", "'ident'", "There are"),
    Planted(
        "id twice", cell(6, "id", "p02"), "products.csv: column 'id'", "'p02' in rows 2, 6", "one entity"
    ),
    Planted(
        "empty id",
        cell(6, "id", ""),
        "products.csv: column 'id', row 6",
        "empty cell",
        "Give every entity an id",
    ),
    # Modalities.
    Planted(
        "unknown column", spec(f"{PHOTO}.column", "foto"), "modalities.photo.column", "'foto'", "'photo'"
    ),
    Planted(
        "unknown title", spec("entities.product.title", "nme"), "entities.product.title", "'nme'", "'name'"
    ),
    Planted(
        "no number",
        cell(3, "price", "12 EUR"),
        "'price', row 3 (id 'p03')",
        "'12 EUR'; wanted a number",
        "units",
    ),
    Planted(
        "infinite number",
        cell(3, "price", "inf"),
        "'price', row 3 (id 'p03')",
        "'inf'; wanted a finite number",
        "empty",
    ),
    Planted("NaN as text", cell(3, "price", "nan"), "'price', row 3 (id 'p03')", "'nan'", "empty"),
    Planted("no date", cell(4, "made", "5/6/2024"), "'made', row 4 (id 'p04')", "'5/6/2024'", "2024-01-31"),
    Planted("empty modality", column("photo", ""), "modalities.photo", "no entity", "remove the modality"),
    Planted(
        "picture out of the folder",
        cell(4, "photo", "../4.png"),
        "'photo', row 4 (id 'p04')",
        "'../4.png'; the path leaves",
        "inside",
    ),
    Planted(
        "absolute picture",
        cell(4, "photo", "/etc/hosts"),
        "row 4 (id 'p04')",
        "'/etc/hosts'; the path leaves",
        "inside",
    ),
    Planted(
        "link out of the folder", link_out, "row 4 (id 'p04')", "'images/4.png'; the link leaves", "inside"
    ),
    Planted(
        "no picture",
        cell(4, "photo", "images/x.png"),
        "row 4 (id 'p04')",
        "'images/x.png'; there is no",
        "inside",
    ),
    Planted(
        "folder as picture",
        cell(4, "photo", "images"),
        "row 4 (id 'p04')",
        "'images'; it is no file",
        "inside",
    ),
    Planted(
        "seven pictures gone",
        many_absent,
        "row 3 (id 'p03')",
        "the same for 6 more: 'images/4.png', 'images/6.png'",
        "inside",
    ),
    Planted(
        "broken picture",
        lambda s: (s.folder / "images/6.png").write_bytes(b"no"),
        "images/6.png: row 6 (id 'p06')",
        "none of the image formats",
        "Replace",
    ),
    Planted(
        "cut picture",
        lambda s: os.truncate(s.folder / "images/6.png", 45),
        "images/6.png: row 6 (id 'p06')",
        "read as an image",
        "Replace",
    ),
    Planted(
        "no true or false",
        cell(8, "has_vector", "perhaps"),
        "'has_vector', row 8 (id 'p08')",
        "'perhaps'",
        "true or false",
    ),
    # Arrays.
    Planted("no array", spec(f"{VECTOR}.file", "vector.npy"), "vector.file", "'vector.npy'", "'vectors.npy'"),
    Planted("too few rows", vectors(lambda a: a[:20]), "vectors.npy", "got 20 rows; wanted 24", "Parquet"),
    Planted(
        "NaN in an array",
        vectors(put(np.nan, 13)),
        "vectors.npy: row 13 (id 'p13'), dimension 2",
        "got nan",
        "missing",
    ),
    Planted(
        "infinity in an array",
        vectors(put(-np.inf, 2)),
        "row 2 (id 'p02'), dimension 2",
        "got -inf",
        "missing",
    ),
    Planted(
        "number beyond 32 bits",
        vectors(lambda a: put(1e300, 2)(a.astype(float))),
        "row 2 (id 'p02')",
        "32 bits",
        "Mend",
    ),
    Planted("one dimension", vectors(lambda a: a[:, 0]), "vectors.npy", "(24,)", "reshape"),
    Planted("three dimensions", vectors(lambda a: a[None]), "vectors.npy", "(1, 24, 3)", "reshape"),
    Planted("array of text", vectors(lambda a: a.astype(str)), "vectors.npy", "<U32", "float32"),
    Planted("pickled array", vectors(lambda a: a.astype(object)), "vectors.npy", "Python objects", "float32"),
    Planted(
        "no array at all",
        lambda s: (s.folder / "vectors.npy").write_text("x"),
        "vectors.npy",
        "cannot be read",
        "anew",
    ),
    Planted("key of a .npy", spec(f"{VECTOR}.key", "a"), "vector.key", "'a'", "Remove"),
    Planted(
        "unknown id in features",
        some(lambda f: f.assign(product=["p99", *f["product"][1:]])),
        "some.parquet: column 'product', row 1",
        "'p99'",
        "Remove the row",
    ),
    Planted(
        "id twice in features",
        some(lambda f: pd.concat([f, f[:1]])),
        "some.parquet: column 'product', row 11",
        "'p24'",
        "Remove one",
    ),
    Planted(
        "NaN in features",
        some(lambda f: f.assign(y=[1.0, None] * 5)),
        "some.parquet: column 'y', row 2 (id 'p23')",
        "empty cell",
        "Fill",
    ),
    Planted(
        "text in features",
        some(lambda f: f.assign(y="a")),
        "some.parquet: column 'y', row 1 (id 'p24')",
        "'a'; wanted a number",
        "1234.5",
    ),
    # Splits and tasks.
    Planted(
        "unknown part",
        cell(6, "part", "valid"),
        "products.csv: column 'part', row 6 (id 'p06')",
        "'valid'",
        "validation",
    ),
    Planted(
        "part without entity",
        column("part", lambda c: c.replace("test", "train")),
        "splits.fixed",
        "no entity is in test",
        "Write 'test'",
    ),
    Planted(
        "unknown group", spec("splits.grouped.group", "brnd"), "splits.grouped.group", "'brnd'", "'brand'"
    ),
    Planted(
        "one group",
        column("brand", "all"),
        "splits.grouped",
        "no entity is in validation or in test",
        "smaller groups",
    ),
    Planted(
        "time missing",
        cell(6, "made", ""),
        "products.csv: column 'made', row 6 (id 'p06')",
        "empty cell; wanted a number or a date",
        "Fill",
    ),
    Planted("one time", column("made", "2024"), "splits.time", "1 different time;", "finer"),
    Planted(
        "unknown target", spec("tasks.rating.target", "ratng"), "tasks.rating.target", "'ratng'", "'rating'"
    ),
    Planted("no labels to train on", column("category", ""), "tasks.category", "in train or in", "Fill"),
    Planted(
        "target that is no number",
        cell(4, "rating", "good"),
        "products.csv: column 'rating', row 4 (id 'p04')",
        "'good'",
        "1234.5",
    ),
    Planted(
        "target as input",
        spec("tasks.rating.target", "price"),
        "tasks.rating.target",
        "'price'",
        "without.modalities",
    ),
]


# What shows only when encoders and relation builders are asked.
CHECKED = [
    Planted("unknown encoder", spec(f"{PHOTO}.encoder", "hogg"), "photo.encoder", "'hogg'", "'hog'"),
    Planted(
        "encoder of another kind", spec(f"{PHOTO}.encoder", "tfidf"), "photo.encoder", "reads text", "Use"
    ),
    Planted(
        "misspelt parameter of an encoder",
        spec(f"{PHOTO}.encoder", {"name": "hog", "sise": 32}),
        "photo.encoder.sise",
        "not known",
        "'size'",
    ),
    Planted(
        "wrong parameter of an encoder",
        spec(f"{PHOTO}.encoder", {"name": "hog", "size": 33}),
        "photo.encoder.size",
        "got 33",
        "Change",
    ),
    Planted(
        "unknown relation builder",
        spec("relations.same_brand.builder", "shared_atribute"),
        "relations.same_brand.builder",
        "'shared_atribute'",
        "'shared_attribute'",
    ),
    Planted(
        "unknown column of a relation",
        spec("relations.same_brand.column", "brnd"),
        "relations.same_brand.column",
        "'brnd'",
        "'brand'",
    ),
    Planted(
        "edge to an unknown id",
        edges("p01,p02\np03,p99\n"),
        "edges.csv: column 'target', row 2",
        "'p99'",
        "skip",
    ),
    Planted("table without an edge", edges(""), "relations.sold_with", "edges.csv has no rows", "Mend it"),
]


def faults_of(folder: Path) -> list[Fault]:
    try:
        content, faults = examine_spec(folder / "dataset.yaml")
    except ConfigError as error:
        return list(error.faults)
    if content is None:
        return faults
    return faults + dataset_faults(Dataset(content, folder))


def test_good_dataset_has_no_fault(shop: Shop) -> None:
    assert faults_of(shop.folder) == []


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_planted_fault(shop: Shop, planted: Planted) -> None:
    planted.plant(shop)
    faults = faults_of(shop.folder)
    assert len(faults) == 1, faults
    fault = faults[0]
    assert str(shop.folder) in fault.where
    assert planted.where in fault.where, fault
    assert planted.value in fault.problem, fault
    assert planted.remedy in fault.fix, fault


@pytest.mark.parametrize("planted", PLANTED + CHECKED, ids=lambda planted: planted.name)
def test_planted_fault_at_the_command_line(
    shop: Shop, planted: Planted, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted.plant(shop)
    monkeypatch.chdir(shop.folder.parent)
    before = sorted(shop.folder.rglob("*"))
    # A folder is named by its path, which may look like a name.
    for command in (["validate", "shop"], ["build-graph", str(shop.folder), "--out", "graph"]):
        assert run([*command, "--quiet"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert "Traceback" not in err
        if command[0] == "validate":
            assert "faults:" not in err, err
            for words in (planted.where, planted.value, planted.remedy):
                assert words in err
    assert sorted(shop.folder.rglob("*")) == before
    # Encoded features may be kept in the user's home.
    assert {path.name for path in shop.folder.parent.iterdir()} <= {"shop", "home", "4.png", "outside.png"}
