"""A pair in a graph: a node where both are, hidden where either is hidden, made for new entities as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

import mmgraph as mg
from mmgraph.encoders import Standardise
from mmgraph.errors import GraphError
from mmgraph.graph import build_graph, load_graph
from mmgraph.registry import ENCODERS
from mmgraph.serving.new_rows import read_new
from mmgraph.tasks import Objectives, Task, TaskOptions

BOTH, VECTOR = "product/both", "product/vector"


@pytest.fixture
def pair_encoder() -> Iterator[None]:
    """An encoder of text and vectors: the length of the text beside the mean of the vectors."""

    @ENCODERS.register("length_and_mean")
    @dataclass(kw_only=True, eq=False)
    class LengthAndMean(Standardise):
        kind: ClassVar[str] = "pair"
        reads: ClassVar[tuple[tuple[str, ...], ...]] = (("text",), ("features",))

        def describe(self, raw, progress):
            return np.array([[len(p.first), *p.second.mean(axis=0)] for p in raw.values], np.float32)

    yield
    ENCODERS._things.pop("length_and_mean")


@pytest.fixture
def graph(make_shop, shop_spec, pair_encoder, tmp_path):
    product = shop_spec["entities"]["product"]
    both = {
        "kind": "pair",
        "inputs": ["name", "vector"],
        "encoder": {"name": "length_and_mean", "method": "none"},
    }
    product = product | {"modalities": product["modalities"] | {"both": both}}
    entities = shop_spec["entities"] | {"product": product}
    relations = {"close": {"builder": "knn", "on": BOTH, "k": 2, "connect": "entity"}}
    shop = make_shop(entities=entities, relations=shop_spec["relations"] | relations)
    return build_graph(shop, relations=["close"], cache=False, out=tmp_path / "graph")


def test_it_is_a_node_where_both_are(graph):
    node_type = graph.schema.node_type(BOTH)
    assert (node_type.kind, node_type.made_from) == ("pair", ("product/name", VECTOR))
    ids = graph.nodes[BOTH]["id"].tolist()
    assert ids == graph.nodes["product/name"]["id"].tolist()
    assert graph.features[BOTH].shape == (22, 7)
    titles = graph.nodes["product"].set_index("id")["title"]
    assert graph.features[BOTH][:, 0].tolist() == [len(titles[name]) for name in ids]


def test_who_must_not_see_either_does_not_see_the_pair_nor_what_was_made_of_it(graph):
    for hidden in ("name", "vector", "product/vector", "both"):
        seen = graph.without(modalities=[hidden])
        assert BOTH not in seen.schema.metadata[0]
        assert seen.schema.relations == []
    assert BOTH in graph.without(modalities=["picture"]).schema.metadata[0]
    assert BOTH not in graph.view("colour").schema.metadata[0]


def test_a_new_entity_has_one_if_it_has_both(graph, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "products.csv").write_text("sku,title,picture,shelf\np101,red round,,\np102,,,\n")
    np.save(folder / "vectors.npy", np.ones((2, 6), np.float32))
    joined = mg.attach(load_graph(graph.folder), folder).graph
    assert joined.nodes[BOTH]["id"].tolist()[22:] == ["p101"]
    assert joined.features[BOTH][22:].tolist() == [[9, 1, 1, 1, 1, 1, 1]]


def test_it_is_still_hidden_in_a_graph_that_was_elsewhere(graph, tmp_path):
    mg.write_tables(graph, tmp_path / "tables")
    back = mg.read_tables(tmp_path / "tables")
    assert back.schema.node_type(BOTH) == graph.schema.node_type(BOTH)
    assert BOTH not in back.without(modalities=["name"]).schema.metadata[0]


def test_rows_of_new_entities_name_its_parts(graph):
    frame = pd.DataFrame({"sku": ["p101"], "title": ["red round"], "shelf": ["s1"]})
    new = read_new(graph, frame, entity="product")
    assert new.modality("product", "name").index.tolist() == [0]
    assert len(new.modality("product", "both")) == 0


def test_a_retrieval_by_its_name_alone_may_not_ask_for_a_part(graph):
    for task in ("retrieval:both,vector", "matching:name,both"):
        with pytest.raises(GraphError, match=r"both sides see .* by 'product/both'.* who is who"):
            Task.from_graph(graph, task)


def test_a_pair_is_not_aligned_with_its_parts(graph):
    task = Task.from_graph(
        graph, "pretrain:product", TaskOptions(objectives=Objectives({"contrastive": 1.0}))
    )
    pretext = task._pretexts["contrastive"]
    names = list(pretext.subject.content)
    assert "both" in names
    compared = {(names[one], names[other]) for one, other in pretext._compared}
    assert ("name", "vector") in compared
    assert {pair for pair in compared if "both" in pair} == {("picture", "both")}
