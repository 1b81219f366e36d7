"""One side of an entity: what is seen of those that are asked for, and that nothing else is hidden."""

from __future__ import annotations

import pytest
import torch

from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.models.sample import Sample
from mmgraph.tasks.side import Side

TEXT, IMAGE, TAGS = "a/text", "a/image", "a/tags"
SIZES = {"a": 5, TEXT: 5, IMAGE: 4, TAGS: 2, "b": 2}
# Entities 3 and 4 share a picture; entity 0 has none.
EDGES = {
    (TEXT, "of", "a"): [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]],
    ("a", "rev_of", TEXT): [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]],
    (IMAGE, "of", "a"): [[0, 1, 2, 2], [1, 2, 3, 4]],
    ("a", "rev_of", IMAGE): [[1, 2, 3, 4], [0, 1, 2, 2]],
    (TAGS, "of", "a"): [[0, 1], [1, 2]],
    ("a", "says_alike", "a"): [[0, 1, 2], [1, 2, 3]],
    (IMAGE, "looks_alike", IMAGE): [[0, 1, 2], [1, 2, 0]],
    (TEXT, "drawn", IMAGE): [[0, 3], [1, 2]],
    ("a", "beside", "a"): [[0, 2, 4], [3, 1, 0]],
    ("a", "has", "b"): [[1, 2, 4], [0, 1, 1]],
}
MADE_FROM = {"says_alike": (TEXT,), "looks_alike": (IMAGE,), "drawn": (IMAGE, TEXT)}


def edge_type(triple, index):
    source, name, target = triple
    kind = "of" if "of" in name.split("_") else "derived" if name in MADE_FROM else "given"
    reverse = "of" if name == "rev_of" else None
    return EdgeType(
        source, name, target, len(index[0]), kind, reverse_of=reverse, made_from=MADE_FROM.get(name, ())
    )


@pytest.fixture
def schema():
    nodes = (
        NodeType(name, size, 0 if "/" not in name else 3, name.split("/")[0], name.partition("/")[2] or None)
        for name, size in SIZES.items()
    )
    return GraphSchema(tuple(nodes), tuple(edge_type(*item) for item in EDGES.items()))


@pytest.fixture
def batch():
    return GraphBatch(
        {name: torch.zeros(size, 3) for name, size in SIZES.items()},
        {triple: torch.tensor(index) for triple, index in EDGES.items()},
        {("a", "beside", "a"): torch.tensor([0.5, 1.0, 2.0])},
        {("a", "beside", "a"): torch.tensor([[5.0], [1.0], [2.0]])},
    )


def asking(*rows):
    asked = torch.zeros(5, dtype=torch.bool)
    asked[list(rows)] = True
    return asked


def names(batch):
    return {triple[1] if triple[1] != "of" else triple[0]: e.T.tolist() for triple, e in batch[1].items()}


def test_of_who_is_asked_for_one_modality_and_what_was_made_from_it_is_seen(schema, batch):
    seen = names(Side(schema, "a", modalities={"text"}).view(asking(2))(batch))
    assert [2, 2] in seen[TEXT]
    assert seen["says_alike"] == [[0, 1], [1, 2], [2, 3]]
    assert seen[IMAGE] == [[0, 1], [2, 3], [2, 4]]
    assert seen[TAGS] == [[0, 1]]
    # Picture 1 is its own alone.
    assert seen["looks_alike"] == [[2, 0]]
    assert seen["drawn"] == [[3, 2]]
    assert seen["beside"] == [[0, 3], [4, 0]]
    assert seen["has"] == [[1, 0], [4, 1]]


def test_the_other_side_is_seen_without_the_first(schema, batch):
    seen = names(Side(schema, "a", modalities={"image"}).view(asking(2))(batch))
    assert [2, 2] not in seen[TEXT]
    assert seen["says_alike"] == [[0, 1]]
    assert seen["looks_alike"] == [[0, 1], [1, 2], [2, 0]]
    assert seen["drawn"] == [[3, 2]]


def test_reverse_edges_go_with_the_others(schema, batch):
    seen = Side(schema, "a", modalities={"image"}).view(asking(0, 2))(batch).edge_index_dict
    assert seen["a", "rev_of", TEXT].T.tolist() == seen[TEXT, "of", "a"].flip(0).T.tolist()
    assert seen["a", "rev_of", IMAGE].shape == (2, 4)


def test_a_node_that_is_shared_stays_for_whom_all_is_seen_of(schema, batch):
    side = Side(schema, "a", modalities={"text"})
    seen = names(side.view(asking(3))(batch))
    assert seen[IMAGE] == [[0, 1], [1, 2], [2, 4]]
    assert seen["looks_alike"] == [[0, 1], [1, 2], [2, 0]]
    assert names(side.view(asking(3, 4))(batch))["looks_alike"] == [[0, 1]]


def test_named_relations_stay_with_what_they_carry(schema, batch):
    hidden = Side(schema, "a", modalities={"text"}).view(asking(3, 4))(batch)
    assert hidden.edge_weight_dict["a", "beside", "a"].tolist() == [1.0]
    assert hidden.edge_attr_dict["a", "beside", "a"].tolist() == [[1.0]]
    seen = Side(schema, "a", modalities={"text"}, relations={"beside"}).view(asking(3, 4))(batch)
    assert seen.edge_weight_dict["a", "beside", "a"].tolist() == [0.5, 1.0, 2.0]
    assert names(seen)["has"] == [[1, 0], [2, 1]]


def test_nothing_is_hidden_where_nobody_is_asked_for(schema, batch):
    seen = Side(schema, "a", modalities={"text"}).view(asking())(batch)
    # The same tensors, by which layers know what they have worked out.
    assert all(seen.edge_index_dict[triple] is index for triple, index in batch.edge_index_dict.items())


def test_of_a_sample_it_is_known_which_entities_are_there(schema, batch):
    numbers = {"a": torch.tensor([9, 8, 7, 6, 5]), "b": torch.tensor([1, 2])}
    sample = batch._replace(sample=Sample({"b": torch.ones(2)}, numbers=numbers))
    asked = torch.zeros(10, dtype=torch.bool)
    asked[7] = True
    side = Side(schema, "a", modalities={"text"})
    seen = side.view(asked)(sample)
    assert names(seen) == names(side.view(asking(2))(batch))
    assert seen.sample.known["b"].tolist() == [1, 1]
    assert seen.sample.trims == ()
