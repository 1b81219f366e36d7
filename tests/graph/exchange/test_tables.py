"""Parquet tables of nodes and edges, for tools that join them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mmgraph as mg
from mmgraph.errors import MMGraphError, UserError
from mmgraph.graph import Graph

EDGES = "edges/product--bought_with--product.parquet"


@pytest.fixture
def tables(graph: Graph, tmp_path: Path) -> Path:
    """The graph of the shop as tables that a test may change."""
    mg.write_tables(graph, tmp_path / "tables")
    return tmp_path / "tables"


def test_the_tables_are_plain(graph: Graph, tables: Path):
    products = pd.read_parquet(tables / "nodes/product.parquet")
    assert products["target:colour"].tolist()[:2] == ["red", "blue"]
    edges = pd.read_parquet(tables / EDGES)
    joined = edges.merge(products, left_on="source", right_on="id")
    assert len(joined) == len(edges) == 24
    assert edges.dtypes.astype(str)["weight"] == "float32"
    vectors = pd.read_parquet(tables / "nodes/product.vector.parquet")
    assert np.array_equal(np.stack(vectors["features"]), graph.features["product/vector"])
    assert not list(tables.glob("edges/*--of--*"))
    assert not list(tables.glob("edges/*--rev_*"))


def test_a_built_graph_comes_back(graph: Graph, tables: Path):
    back = mg.read_tables(tables)
    assert (back.fingerprint(), back.schema) == (graph.fingerprint(), graph.schema)
    for name in ("product/name", "product/picture"):
        assert back.nodes[name]["preview"].tolist() == graph.nodes[name]["preview"].tolist()


def test_the_same_graph_gives_the_same_bytes(graph: Graph, tables: Path, tmp_path: Path):
    mg.write_tables(graph, tmp_path / "again")
    for file in tables.rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "again" / file.relative_to(tables)).read_bytes()


def test_rows_may_be_changed_by_other_tools(tables: Path):
    for name in ("nodes/product.vector.parquet", EDGES, "nodes/product.parquet"):
        frame = pd.read_parquet(tables / name)
        frame.sample(frac=1, random_state=0).to_parquet(tables / name)
    frame = pd.read_parquet(tables / EDGES)
    frame.iloc[:5].to_parquet(tables / EDGES)
    back = mg.read_tables(tables)
    assert back.schema.edge_type(("product", "bought_with", "product")).num_edges == 5
    ids = back.nodes["product"]["id"]
    assert back.nodes["product/vector"]["id"].tolist() == ids.tolist()
    source, target = back.edge_index["product", "bought_with", "product"]
    assert set(zip(ids[source], ids[target], strict=True)) == set(
        frame.iloc[:5][["source", "target"]].itertuples(index=False, name=None)
    )


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (EDGES, lambda f: f.drop(columns="weight"), "has no column 'weight'"),
        (EDGES, lambda f: f.assign(source="px"), "24 cells of 'source' are no node's id, first 'px'"),
        (EDGES, lambda f: f.assign(source=[None] + ["p1"] * 23), "1 cell of 'source' is empty"),
        (EDGES, lambda f: f.assign(target=99), "got a row out of range as target"),
        (EDGES, lambda f: f.assign(target=0.5), "got double as 'target'; wanted text"),
        (EDGES, lambda f: f.assign(weight=0.0), "not above 0"),
        ("nodes/product.parquet", lambda f: f.assign(id="p"), "'p' stands more than once"),
        (
            "nodes/product.parquet",
            lambda f: f.assign(**{"target:price": "x"}),
            "got 'x'; wanted a finite number",
        ),
        (
            "nodes/product.vector.parquet",
            lambda f: f.assign(features=[[1.0]] * 24),
            "wanted 6 numbers in each row",
        ),
        ("nodes/product.vector.parquet", lambda f: f.assign(features="x"), "wanted 6 numbers in each row"),
        ("nodes/product.vector.parquet", lambda f: f.assign(id="px"), "are no node's id"),
    ],
)
def test_what_cannot_be_read(tables: Path, name, change, message):
    change(pd.read_parquet(tables / name)).to_parquet(tables / name)
    with pytest.raises(MMGraphError, match=message) as caught:
        mg.read_tables(tables)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: (d / "tables.json").unlink(), "holds no tables.json"),
        (lambda d: (d / "tables.json").write_text("{"), "cannot be read"),
        (lambda d: (d / "tables.json").write_text("[]"), "is no description of a graph"),
        (lambda d: (d / EDGES).unlink(), "there is no such table"),
        (lambda d: (d / EDGES).write_text("x"), "is no Parquet table"),
    ],
)
def test_a_damaged_folder(tables: Path, change, message):
    change(tables)
    with pytest.raises(MMGraphError, match=message):
        mg.read_tables(tables)


def test_a_name_cannot_lead_out_of_the_folder(tables: Path):
    said = json.loads((tables / "tables.json").read_text())
    said["schema"]["node_types"][0]["name"] = "../../etc"
    (tables / "tables.json").write_text(json.dumps(said))
    with pytest.raises(MMGraphError, match=r"schema.*\.\./\.\./etc"):
        mg.read_tables(tables)


def test_nothing_is_lost(graph: Graph, tables: Path, tmp_path: Path):
    with pytest.raises(UserError, match="is there already"):
        mg.write_tables(graph, tables)
    mg.write_tables(graph, tables, overwrite=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    with pytest.raises(UserError, match="not mmgraph's to replace"):
        mg.write_tables(graph, tmp_path / "mine", overwrite=True)
