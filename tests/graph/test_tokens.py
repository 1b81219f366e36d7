"""Tokens as nodes: an encoder that makes several of an item, in the graph, on disk, and for new entities."""

from __future__ import annotations

import numpy as np
import pytest

import mmgraph as mg
from mmgraph.encoders import FeatureCache
from mmgraph.errors import MMGraphError
from mmgraph.graph import build_graph, load_graph
from mmgraph.training import train

WORDS = ["red", "blue", "small", "large", "round", "square", "cheap", "fine"]
NAME, TOKENS = "product/name", "product/words"


@pytest.fixture(scope="module")
def model(tiny_models, tmp_path_factory):
    return tiny_models.text_model("bert", WORDS, tmp_path_factory.mktemp("bert"))


@pytest.fixture
def shop_of(make_shop, shop_spec, model):
    """Return a function that opens the shop, whose names are read as words too, with more relations."""

    def make(pooling: str = "none", **relations):
        product = shop_spec["entities"]["product"]
        encoder = {"name": "text_transformer", "model": str(model), "pooling": pooling}
        words = {"kind": "text", "column": "title", "encoder": encoder}
        product = product | {"modalities": product["modalities"] | {"words": words}}
        return make_shop(
            entities=shop_spec["entities"] | {"product": product},
            relations=shop_spec["relations"] | relations,
        )

    return make


@pytest.fixture
def graph(shop_of, tmp_path):
    near = {"builder": "knn", "on": TOKENS, "k": 2}
    after = {"builder": "sequence", "on": TOKENS, "direction": "past"}
    return build_graph(
        shop_of(near=near, after=after), relations=["near", "after"], cache=False, out=tmp_path / "graph"
    )


def test_each_token_is_a_node_with_its_place(graph):
    table, names = graph.nodes[TOKENS], graph.nodes[NAME]
    assert len(names) == 22
    # Four words, and one mark before and behind them.
    assert len(table) == graph.schema.node_type(TOKENS).num_nodes == 22 * 6
    assert table["position"].tolist() == [*range(6)] * 22
    assert table["entity_index"].tolist() == np.repeat(names["entity_index"], 6).tolist()
    assert table["id"].tolist() == np.repeat(names["id"], 6).tolist()
    source, target = graph.edge_index[TOKENS, "of", "product"]
    assert source.tolist() == [*range(132)]
    assert target.tolist() == table["entity_index"].tolist()
    assert graph.features[TOKENS].shape == (132, 16)


def test_relations_among_tokens_are_built(graph):
    after = graph.schema.edge_type((TOKENS, "after", TOKENS))
    assert after.num_edges == 22 * 5
    near = graph.schema.edge_type((TOKENS, "near", TOKENS))
    assert near.num_edges >= 132 * 2


def test_the_same_tokens_come_from_memory_and_from_the_cache(shop_of, tmp_path):
    cache = FeatureCache(tmp_path / "cache")
    prints = {
        build_graph(shop_of(), relations=["made_by"], cache=kept).fingerprint() for kept in (False, cache)
    }
    assert len(prints) == 1


def test_a_model_that_does_not_ask_for_them_leaves_them_out(graph):
    quick = ["max_epochs=2", "model.hidden_channels=8", "device=cpu"]
    runs = [
        train(graph, task="price", model="hetero_gat", seed=0, overrides=[*quick, *more])
        for more in ([], ["without.modalities=[words]"])
    ]
    assert TOKENS in runs[0].view.schema.metadata[0]
    assert TOKENS not in runs[1].view.schema.metadata[0]
    assert runs[0].evaluate("test") != runs[1].evaluate("test")


def test_a_new_entity_has_tokens(graph, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "products.csv").write_text("sku,title,picture,shelf\np101,red round,,\np102,,,\n")
    joined = mg.attach(load_graph(graph.folder), folder, skip=["after"]).graph
    table = joined.nodes[TOKENS].iloc[132:]
    assert table["id"].tolist() == ["p101"] * 4
    assert table["position"].tolist() == [0, 1, 2, 3]
    assert joined.features[TOKENS].shape == (136, 16)


def test_new_entities_without_text_have_none(graph, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "products.csv").write_text("sku,title,picture,shelf\np102,,,\n")
    joined = mg.attach(load_graph(graph.folder), folder, skip=["after"]).graph
    assert len(joined.nodes[TOKENS]) == 132


def test_an_encoder_of_a_relation_alone_does_not_read_tokens(shop_of, model):
    for pooling, other in (
        ("none", "tfidf"),
        ("mean", {"name": "text_transformer", "model": str(model), "pooling": "none"}),
    ):
        close = {"builder": "knn", "on": TOKENS, "k": 2, "encoder": other}
        with pytest.raises(MMGraphError, match=r"encoder: got an encoder for a modality one of whose"):
            build_graph(shop_of(pooling, close=close), relations=["close"], cache=False)


def test_an_audit_looks_at_the_text_that_tokens_are_of(shop_of):
    shop = shop_of()
    graph = build_graph(shop, relations=["made_by"], cache=False, previews=False)
    for dataset in (None, shop):
        found = mg.audit(graph, task="price", dataset=dataset)
        assert len(found.results) > 5
