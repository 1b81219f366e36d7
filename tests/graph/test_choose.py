"""Which relations a graph gets."""

from __future__ import annotations

import pytest

from mmgraph.data.dataset import Dataset
from mmgraph.errors import ConfigError
from mmgraph.graph import RelationBuilder, build_graph, relation_faults
from mmgraph.relations import KNN, SharedAttribute, Table


def test_relations_can_be_chosen_and_added(shop: Dataset):
    graph = build_graph(
        shop,
        relations=["of", "made_by", KNN("product/vector", k=2), ("near", KNN("product/vector", k=1))],
        cache=False,
    )
    assert graph.schema.relations == ["made_by", "knn_vector", "near"]
    assert graph.manifest["relations"]["near"]["builder"] == "knn"
    assert build_graph(shop, relations=[], cache=False).schema.relations == []
    assert build_graph(shop, relations=["of"], cache=False).schema.metadata[1][0][1] == "of"


def test_parameters_of_all_relations_are_checked_at_once(make_shop):
    shop = make_shop(
        relations={
            "a": {"builder": "knm", "on": "product/name"},
            "b": {"builder": "knn", "on": "product/name", "k": -3},
            "c": {"builder": "knn", "onn": "product/name"},
            "d": {"builder": "table", "source": "product", "target": "product"},
        },
        tasks={},
    )
    with pytest.raises(ConfigError) as caught:
        build_graph(shop, cache=False)
    text = str(caught.value)
    for message in (
        "dataset.yaml: relations.a.builder: there is no relation builder 'knm'. Did you mean 'knn'?",
        "dataset.yaml: relations.b.k: got -3; wanted a number of at least 1",
        "dataset.yaml: relations.c.onn: is a key that is not known here. ",
        "dataset.yaml: relations.c.on: is missing",
        "dataset.yaml: relations.d.table: is missing",
    ):
        assert message in text
    assert len(relation_faults(shop)) == 5


def test_a_name_cannot_stand_for_two_relations(shop: Dataset):
    knn = KNN("product/vector", k=2)
    for relations in (
        ["made_by", ("made_by", knn)],
        [knn, knn],
        ["alike", "alike"],
    ):
        with pytest.raises(ConfigError, match=r"is taken by .*'another_name'"):
            build_graph(shop, relations=relations)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("made_bye", "relations[0]: dataset.yaml has no relation 'made_bye'. Did you mean 'made_by'?"),
        ("knn", "That is a relation builder: name it under relations in dataset.yaml, or pass one."),
        (3, "relations[0]: got 3; wanted a name"),
        (len, "Decorate the function with @mmgraph.relation"),
        (("of", KNN("product/vector")), "the name 'of' is reserved"),
        (("rev_x", KNN("product/vector")), "the name 'rev_x' is reserved"),
        (("two words", KNN("product/vector")), "got the name 'two words'"),
        (KNN, "relations[0]: KNN.on: is missing"),
        (RelationBuilder, "wanted a name from dataset.yaml, a relation builder"),
    ],
)
def test_what_is_no_relation_is_refused(shop: Dataset, item, message):
    with pytest.raises(ConfigError) as caught:
        build_graph(shop, relations=[item], cache=False)
    assert message in str(caught.value)


def test_default_names_come_from_what_is_related(shop: Dataset):
    graph = build_graph(
        shop,
        relations=[SharedAttribute("product", "shelf"), Table("product", "maker", "made_by.csv")],
        cache=False,
    )
    assert graph.schema.relations == ["shared_shelf", "made_by"]
