"""Edges that a split holds out travel beside the graph, and never in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import mmgraph as mg
from mmgraph.data.dataset import Dataset
from mmgraph.errors import GraphError, MMGraphError
from mmgraph.graph import Graph, build_graph
from mmgraph.graph.exchange.convert import convert

TRIPLE = ("product", "bought_with", "product")
SHELF = ("product", "same_shelf", "product")
TABLE = "held_out/bought_with.parquet"
FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}


@pytest.fixture
def held(make_shop: Callable[..., Dataset], shop_spec: dict[str, Any]) -> Graph:
    """The shop with edges held out of a relation with weights, and of a symmetric one."""
    splits = {
        f"of_{relation}": {"kind": "edges", "relation": relation, "fractions": FRACTIONS}
        for relation in ("bought_with", "same_shelf")
    }
    return build_graph(make_shop(splits=shop_spec["splits"] | splits), cache=False)


def through(graph: Graph, form: str, folder: Path) -> Graph:
    if form == "networkx":
        return mg.from_networkx(graph.to_networkx())
    if form == "tables":
        mg.write_tables(graph, folder / "tables")
        return mg.read_tables(folder / "tables")
    mg.write_graphml(graph, folder / "graph.graphml")
    return mg.read_graphml(folder / "graph.graphml")


def pairs(edges: Any) -> set[tuple[int, int]]:
    return set(zip(edges.source.tolist(), edges.target.tolist(), strict=True))


@pytest.mark.parametrize("form", ["networkx", "tables", "graphml"])
def test_nothing_is_lost_and_nothing_gets_into_the_graph(held: Graph, tmp_path: Path, form: str):
    back = through(held, form, tmp_path)
    assert (back.fingerprint(), back.schema) == (held.fingerprint(), held.schema)
    for triple in (TRIPLE, SHELF):
        aside = back.held_out[triple[1]]
        assert pairs(aside) == pairs(held.held_out[triple[1]].edges)
        assert {part: len(aside.of(part)) for part in ("validation", "test")} == {
            part: back.manifest["relations"][triple[1]]["held_out"][part] for part in ("validation", "test")
        }
        stays = set(map(tuple, back.edge_index[triple].T.tolist()))
        assert not stays & {edge for s, t in pairs(aside) for edge in ((s, t), (t, s))}
    # What the audit reads of the manifest has come along: the split, encoders, parameters of relations.
    before, after = (mg.audit(graph, task="price").to_json() for graph in (held, back))
    assert before == after
    back.save(tmp_path / "again")
    assert mg.load_graph(tmp_path / "again", verify=True).held_out["bought_with"].part.tolist() == (
        held.held_out["bought_with"].part.tolist()
    )


def test_other_tools_do_not_take_them_for_edges(held: Graph, tmp_path: Path):
    network = held.to_networkx()
    forward = [t for t in held.schema.edge_types if t.reverse_of is None]
    assert network.number_of_edges() == sum(t.num_edges for t in forward)
    assert len(network.graph["held_out"]) == sum(t.held_out for t in forward)
    source, target, known = network.graph["held_out"][0]
    assert {"relation", "part", "weight"} == set(known)
    assert not network.has_edge(source, target, known["relation"])
    through(held, "graphml", tmp_path)
    assert nx.read_graphml(tmp_path / "graph.graphml").number_of_edges() == network.number_of_edges()
    through(held, "tables", tmp_path)
    edges = pd.read_parquet(tmp_path / "tables/edges/product--bought_with--product.parquet")
    aside = pd.read_parquet(tmp_path / "tables" / TABLE)
    assert len(edges) == held.schema.edge_type(TRIPLE).num_edges
    assert list(aside) == ["source", "target", "part", "weight"]
    assert not set(zip(edges["source"], edges["target"], strict=True)) & set(
        zip(aside["source"], aside["target"], strict=True)
    )


@pytest.mark.parametrize("form", ["networkx", "tables", "graphml"])
def test_new_entities_need_the_graph_that_was_exported(held: Graph, tmp_path: Path, form: str):
    with pytest.raises(GraphError, match="came back from another form"):
        mg.attach(through(held, form, tmp_path), tmp_path / "shop")


def test_rows_may_be_changed_by_other_tools(held: Graph, tmp_path: Path):
    mg.write_tables(held, tmp_path / "tables")
    frame = pd.read_parquet(tmp_path / "tables" / TABLE)
    frame.iloc[::-1].iloc[:3].to_parquet(tmp_path / "tables" / TABLE)
    back = mg.read_tables(tmp_path / "tables")
    assert back.schema.edge_type(TRIPLE).held_out == len(back.held_out["bought_with"]) == 3
    # What the manifest said of the relation speaks of other edges.
    assert "bought_with" not in back.manifest["relations"]
    assert "same_shelf" in back.manifest["relations"]
    frame.iloc[:0].to_parquet(tmp_path / "tables" / TABLE)
    assert list(mg.read_tables(tmp_path / "tables").held_out) == ["same_shelf"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(part="train"), "got 'train' as 'part'; wanted validation or test"),
        (lambda f: f.assign(part=None), "cells of 'part' are empty"),
        (lambda f: f.drop(columns="part"), "has no column 'part'"),
        (lambda f: f.drop(columns="weight"), "has no column 'weight'"),
        (lambda f: f.assign(source="px"), "are no node's id, first 'px'"),
        (lambda f: pd.concat([f, f]), "10 of 20 held-out edges stand there already"),
    ],
)
def test_tables_that_cannot_be_read(held: Graph, tmp_path: Path, change, message):
    mg.write_tables(held, tmp_path / "tables")
    change(pd.read_parquet(tmp_path / "tables" / TABLE)).to_parquet(tmp_path / "tables" / TABLE)
    with pytest.raises(MMGraphError, match=message):
        mg.read_tables(tmp_path / "tables")


def test_a_table_that_is_gone_is_missed(held: Graph, tmp_path: Path):
    mg.write_tables(held, tmp_path / "tables")
    (tmp_path / "tables" / TABLE).unlink()
    with pytest.raises(MMGraphError, match=r"bought_with\.parquet: there is no such table"):
        mg.read_tables(tmp_path / "tables")


def likes() -> nx.Graph:
    """Return an undirected graph of people and a film, made elsewhere."""
    network = nx.Graph()
    network.add_nodes_from(["ann", "bob", "cy"], type="person")
    network.add_node("alien", type="film")
    network.add_edge("ann", "bob", relation="knows")
    network.add_edge("ann", "alien", relation="likes")
    network.graph["held_out"] = [
        ("cy", "ann", {"relation": "knows", "part": "test"}),
        ("alien", "bob", {"relation": "likes", "part": "validation"}),
    ]
    return network


def test_a_network_from_elsewhere_may_have_some():
    graph = mg.from_networkx(likes())
    assert graph.edge_index["person", "knows", "person"].tolist() == [[1, 0], [0, 1]]
    assert graph.edge_index["person", "likes", "film"].tolist() == [[0], [0]]
    assert pairs(graph.held_out["knows"]) == {(0, 2)}
    assert pairs(graph.held_out["likes"]) == {(1, 0)}
    assert graph.held_out["likes"].part.tolist() == ["validation"]


@pytest.mark.parametrize(
    ("held_out", "message"),
    [
        ("all", "holds something else than edges"),
        ([("ann", "bob")], "holds something else than edges"),
        ([("ann", "dan", {"part": "test"})], r"1 of 1 edge is at nodes that are not there, first \('ann'"),
        ([(["ann"], "bob", {"part": "test"})], "at nodes that are not there"),
        ([("ann", "cy", {"relation": "knows"})], "got the part None of the edge from 'ann' to 'cy'"),
        ([("ann", "cy", {"relation": "know", "part": "test"})], r"got 'know' as the .* Did you mean 'knows'"),
        ([("ann", "cy", {"part": "test"})], "got 'edge' as the relation of the edge from 'ann' to 'cy'"),
        ([("bob", "ann", {"relation": "knows", "part": "test"})], "1 of 1 held-out edge is in the graph as"),
        ([("ann", "cy", {"relation": "a-b", "part": "test"})], "got 'a-b' as the relation"),
        (
            [("ann", "cy", {"relation": "knows", "part": "test", "weight": 2})],
            "2 of 3 edges have no 'weight'",
        ),
        (
            [("ann", "cy", {"relation": "knows", "part": p}) for p in ("validation", "test")],
            "1 of 2 held-out edges stands there already",
        ),
        (
            [("ann", "cy", {"relation": "likes", "part": "test"})],
            "shares its name with a relation between other",
        ),
    ],
)
def test_networks_that_cannot_be_read(held_out, message):
    network = likes()
    network.graph["held_out"] = held_out
    with pytest.raises(MMGraphError, match=message):
        mg.from_networkx(network)


def test_edges_are_held_out_of_a_relation_not_of_its_reverse(held: Graph):
    network = held.to_networkx(reverse=True)
    network.graph["held_out"] = [
        (target, source, known | {"relation": f"rev_{known['relation']}"})
        for source, target, known in network.graph["held_out"]
        if known["relation"] == "bought_with"
    ]
    with pytest.raises(MMGraphError, match="is the reverse of 'bought_with', out of which edges are held"):
        mg.from_networkx(network)


@pytest.mark.parametrize("turned", [False, True])
def test_a_held_out_edge_is_not_in_the_table_of_edges_as_well(held: Graph, tmp_path: Path, turned: bool):
    mg.write_tables(held, tmp_path / "tables")
    file = tmp_path / "tables/edges/product--bought_with--product.parquet"
    leak = pd.read_parquet(tmp_path / "tables" / TABLE).drop(columns="part").iloc[:1]
    leak = leak.rename(columns={"source": "target", "target": "source"}) if turned else leak
    pd.concat([pd.read_parquet(file), leak]).to_parquet(file)
    with pytest.raises(GraphError, match="1 of 10 held-out edges is in the graph as well"):
        mg.read_tables(tmp_path / "tables")


def test_edges_to_entities_are_not_held_out(held: Graph):
    network = held.to_networkx()
    source, target = next((s, t) for s, t, key in network.edges(keys=True) if key == "of")
    network.graph["held_out"] = [(source, target, {"relation": "of", "part": "test"})]
    with pytest.raises(MMGraphError, match="edges 'of' cannot be held out"):
        mg.from_networkx(network)


def test_damaged_graphml(held: Graph, tmp_path: Path):
    mg.write_graphml(held, tmp_path / "graph.graphml")
    text = (tmp_path / "graph.graphml").read_text()
    edges = json.dumps([["n0", "n1", {"relation": "bought_with", "part": "test", "weight": 1.0}]])
    start = text.rindex("<data key", 0, text.index('[["n'))
    key = text[start : text.index(">", start) + 1]
    for content, message in (("[[", "the data of the key held_out is damaged"), (edges, "")):
        (tmp_path / "bad.graphml").write_text(
            text[:start] + key + content + text[text.index("</data>", start) :]
        )
        if message:
            with pytest.raises(MMGraphError, match=message):
                mg.read_graphml(tmp_path / "bad.graphml")
        else:
            assert np.array_equal(
                mg.read_graphml(tmp_path / "bad.graphml").held_out["bought_with"].part, ["test"]
            )


@pytest.mark.parametrize("name", ["tables", "graph.graphml"])
def test_the_command_counts_them(held: Graph, tmp_path: Path, name: str):
    held.save(tmp_path / "graph")
    aside = sum(len(edges) for edges in held.held_out.values())
    assert convert(tmp_path / "graph", tmp_path / name).counts["held_out"] == aside > 0
    assert convert(tmp_path / name, tmp_path / "again").counts["held_out"] == aside
