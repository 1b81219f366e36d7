"""What `mmgraph inspect` tells."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from mmgraph.graph import Graph, estimate_memory, summarise


def test_it_is_json(graph: Graph):
    assert json.loads(json.dumps(summarise(graph), allow_nan=False)) == summarise(graph)


def test_nodes_and_missing_modalities(graph: Graph):
    nodes = summarise(graph)["nodes"]
    assert nodes["product"] == {"count": 24, "channels": 0}
    assert nodes["product/picture"]["missing"] == pytest.approx(8 / 24)
    assert nodes["product/name"]["missing"] == pytest.approx(2 / 24)
    assert nodes["product/vector"]["missing"] == 0


def test_degrees_equal_networkx(graph: Graph):
    relations = summarise(graph)["relations"]
    nx_graph = graph.to_networkx()
    for edge_type in graph.schema.edge_types:
        if edge_type.reverse_of or edge_type.kind == "of":
            continue
        own = [(s, t) for s, t, name in nx_graph.edges(keys=True) if name == edge_type.name]
        part = nx_graph.edge_subgraph([(s, t, edge_type.name) for s, t in own])
        summary = relations[edge_type.name]
        assert summary["edges"] == len(own)
        assert summary["target_degree"]["max"] == max(d for _, d in part.in_degree())
        assert summary["source_degree"]["max"] == max(d for _, d in part.out_degree())
        reached = {t for _, t in own}
        size = graph.schema.node_type(edge_type.target).num_nodes
        assert summary["target_degree"]["isolated"] == size - len(reached)
        assert summary["target_degree"]["mean"] == pytest.approx(len(own) / size)
        assert summary["self_loops"] == sum(s == t for s, t in own)
    assert set(relations) == {*graph.schema.relations, *(f"{name} of product" for name in graph.features)}


def with_labels(graph: Graph, labels, prices, split) -> Graph:
    products = graph.nodes["product"].assign(
        **{
            "target:colour": pd.Series(labels, dtype="str"),
            "target:price": np.asarray(prices, float),
            "split:colour": split,
            "split:price": split,
        }
    )
    return replace(graph, nodes={**graph.nodes, "product": products})


def test_homophily_is_that_of_training_entities(graph: Graph):
    labels = np.array(["x", "y", "z"])[np.arange(24) % 3].astype(object)
    labels[0] = None
    split = np.where(np.arange(24) % 4 == 3, "test", "train")
    prices = np.arange(24.0)
    changed = with_labels(graph, labels, prices, split)
    found = summarise(changed)["relations"]["bought_with"]["homophily"]
    train = [n for n in range(24) if split[n] == "train"]
    counted = [
        (s, t)
        for s, t in changed.edge_index["product", "bought_with", "product"].T.tolist()
        if s in train and t in train and s != t
    ]
    known = [(s, t) for s, t in counted if labels[s] is not None and labels[t] is not None]
    shares = pd.Series([labels[n] for n in train if labels[n] is not None]).value_counts(normalize=True)
    colour = found["colour"]
    assert colour["edges"] == len(known)
    assert colour["same_label"] == pytest.approx(np.mean([labels[s] == labels[t] for s, t in known]))
    assert colour["by_chance"] == pytest.approx((shares**2).sum())
    assert colour["adjusted"] is not None
    assert colour["informativeness"] is not None
    ends = np.array(counted, dtype=float)
    assert found["price"] == {
        "edges": len(counted),
        "correlation": pytest.approx(np.corrcoef(ends[:, 0], ends[:, 1])[0, 1]),
    }


def test_no_held_out_label_shows(graph: Graph):
    split = graph.nodes["product"]["split:colour"].to_numpy()
    labels = graph.nodes["product"]["target:colour"].to_numpy(object).copy()
    prices = graph.nodes["product"]["target:price"].to_numpy().copy()
    held_out = (split != "train") & pd.notna(labels)
    labels[held_out] = "other"
    prices[held_out] = 1e9
    changed = with_labels(graph, labels, prices, split)
    for name, relation in summarise(graph)["relations"].items():
        assert summarise(changed)["relations"][name]["homophily"] == relation["homophily"]


def test_relations_of_modality_nodes_are_measured_at_their_entities(graph: Graph):
    found = summarise(graph)["relations"]["alike"]["homophily"]["colour"]
    products = graph.nodes["product"]
    known = (products["target:colour"].notna() & (products["split:colour"] == "train")).to_numpy()
    source, target = graph.edge_index["product/vector", "alike", "product/vector"]
    assert found["edges"] == int((known[source] & known[target]).sum()) > 0


def test_a_relation_between_entity_types_has_no_homophily(graph: Graph):
    assert summarise(graph)["relations"]["made_by"]["homophily"] == {}


def test_nothing_known_is_none(graph: Graph):
    nobody = with_labels(graph, [None] * 24, np.full(24, np.nan), np.array(["train"] * 24))
    found = summarise(nobody)["relations"]["bought_with"]["homophily"]
    assert set(found["colour"].values()) == {0, None}
    assert found["price"] == {"edges": 0, "correlation": None}


def test_tasks(graph: Graph):
    tasks = summarise(graph)["tasks"]
    assert tasks["colour"]["labelled"] == 23
    assert sum(tasks["colour"][part] for part in ("train", "validation", "test")) == 23
    assert tasks["price"]["kind"] == "regression"


def test_components(graph: Graph):
    found = summarise(graph)["components"]
    network = graph.to_networkx()
    assert found["whole"]["components"] == nx.number_weakly_connected_components(network)
    assert found["whole"]["nodes"] == len(network)
    ties = [(s, t, k) for s, t, k in network.edges(keys=True) if k == "of"]
    network.remove_edges_from(ties)
    ends = {end for t in graph.schema.edge_types if t.kind != "of" for end in (t.source, t.target)}
    network.remove_nodes_from([n for n, kind in network.nodes(data="type") if kind not in ends])
    parts = list(nx.weakly_connected_components(network))
    assert found["relations"] == {
        "nodes": len(network),
        "components": len(parts),
        "largest": max(map(len, parts)),
        "isolated": nx.number_of_isolates(network),
    }


def test_combinations_of_modalities(graph: Graph):
    found = summarise(graph)["combinations"]
    assert found["maker"] == []
    has = {
        name: set(graph.nodes[f"product/{name}"]["entity_index"]) for name in ("name", "picture", "vector")
    }
    expected = Counter(tuple(name for name in has if row in has[name]) for row in range(24))
    assert {tuple(one["modalities"]): one["count"] for one in found["product"]} == expected
    counts = [one["count"] for one in found["product"]]
    assert counts == sorted(counts, reverse=True)


def test_memory_grows_with_edges_width_and_layers(graph: Graph):
    small = estimate_memory(graph.without_relations().schema)
    whole = estimate_memory(graph.schema)
    assert small["total"] < whole["total"]
    assert estimate_memory(graph.schema, hidden_channels=256)["activations"] == 2 * whole["activations"]
    assert estimate_memory(graph.schema, num_layers=3)["edges"] > whole["edges"]
    assert whole["features"] == 3 * sum(f.nbytes for f in graph.features.values())
    assert sum(whole[part] for part in ("features", "edges", "activations")) == whole["total"]
