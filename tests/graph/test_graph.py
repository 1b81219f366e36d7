"""Views and controls."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.errors import GraphError
from mmgraph.graph import Graph


def names(graph: Graph) -> set[str]:
    return {t.name for t in graph.schema.node_types}


def consistent(graph: Graph) -> None:
    """Everything speaks of the same node types and edge types."""
    node_types, triples = graph.schema.metadata
    modal = [t.name for t in graph.schema.node_types if t.modality is not None]
    assert list(graph.nodes) == node_types
    assert list(graph.features) == modal
    assert list(graph.encoders) == modal
    assert list(graph.manifest["encoders"]) == modal
    assert list(graph.edge_index) == triples
    assert list(graph.edge_weight) == graph.schema.weighted
    assert list(graph.manifest["relations"]) == graph.schema.relations
    assert set(graph.data.node_types) == set(node_types)
    assert set(graph.data.edge_types) == set(triples)


def test_a_graph_is_consistent(graph: Graph):
    consistent(graph)
    assert repr(graph).startswith("Graph('shop', 88 nodes of 5 types, ")


def test_a_view_hides_what_the_task_must_not_see_and_what_was_made_from_it(graph: Graph):
    view = graph.view("colour")
    consistent(view)
    assert names(view) == {"product", "product/vector", "maker"}
    # looks_like ties products, but was made from pictures.
    assert view.schema.relations == ["made_by", "same_shelf", "alike"]
    hidden = {"modalities": ["name", "picture"], "relations": ["bought_with"]}
    assert view.manifest["changes"] == [{"without": hidden}]
    assert view.tasks == graph.tasks
    assert np.array_equal(view.features["product/vector"], graph.features["product/vector"])


def test_a_view_without_limits_is_the_graph(graph: Graph):
    assert graph.view("price") is graph


def test_a_view_of_a_graph_without_the_hidden_relation(graph: Graph):
    view = graph.without(relations=["bought_with"], modalities=["name"]).view("colour")
    assert names(view) == {"product", "product/vector", "maker"}


def test_an_unknown_task_offers_the_nearest(graph: Graph):
    with pytest.raises(GraphError, match=r"there is no task 'color'. Did you mean 'colour'"):
        graph.view("color")
    with pytest.raises(GraphError, match=r"there is no task 'pretraining'. Did you mean 'pretrain'"):
        graph.view("pretraining")
    with pytest.raises(
        GraphError, match=r"There are: colour.*, pretrain.*; or link:RELATION, retrieval:QUERY"
    ):
        graph.view("zzz")


def test_parts_can_be_left_out(graph: Graph):
    part = graph.without(modalities=["product/vector"], relations=["same_shelf"])
    consistent(part)
    assert names(part) == {"product", "product/name", "product/picture", "maker"}
    assert part.schema.relations == ["bought_with", "made_by", "looks_like"]
    assert all(t.relation != "same_shelf" for t in part.schema.edge_types)


def test_unknown_parts_are_told_together(graph: Graph):
    with pytest.raises(GraphError) as caught:
        graph.without(modalities=["vectr"], relations=["of", "made_bye"])
    text = str(caught.value)
    assert len(caught.value.faults) == 3
    assert "the graph has no modality 'vectr'. Did you mean 'vector'?" in text
    assert "'of' ties modalities to their entities and cannot be left out" in text
    assert "the graph has no relation 'made_bye'. Did you mean 'made_by'?" in text


def test_the_control_without_relations_keeps_groups(graph: Graph):
    control = graph.without_relations()
    consistent(control)
    assert {t.relation for t in control.schema.edge_types} == {"of"}
    assert names(control) == names(graph)


def test_encoders_are_kept_for_new_entities(graph: Graph):
    assert {name: encoder.kind for name, encoder in graph.encoders.items()} == {
        "product/name": "text",
        "product/picture": "image",
        "product/vector": "features",
    }
