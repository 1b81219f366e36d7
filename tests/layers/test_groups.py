"""Groups are found by `of`, and tokens are their members."""

import gc
import weakref

import pytest
import torch

from mmgraph.errors import ConfigError, GraphError
from mmgraph.layers.groups import group_types, make_tokens

MODALITIES = ["e/text", "e/image", "e/sound"]


def test_groups_are_found_by_the_edges_named_of(graph):
    metadata = graph[0]
    assert group_types(metadata, metadata[0]) == {"e": MODALITIES}
    assert group_types(metadata, ["e/sound"]) == {"e": MODALITIES}
    assert group_types(metadata, ["f"]) == {}


def test_a_modality_has_one_owner():
    with pytest.raises(ConfigError, match="'m' is a modality of 'a' and of 'b'"):
        group_types((["a", "b", "m"], [("m", "of", "a"), ("m", "of", "b")]), ["a"])


def test_tokens_come_modality_by_modality(graph):
    _, x_dict, edge_index_dict, _ = graph
    tokens = make_tokens("e", MODALITIES, x_dict, edge_index_dict)
    assert {name: node.tolist() for name, node in tokens.node.items()} == {
        "e/text": [0, 1, 2, 3, 4],
        "e/image": [0, 1, 2],
        "e/sound": [1, 0],
    }
    assert tokens.entity.tolist() == [0, 1, 2, 3, 4, 0, 2, 4, 1, 4]
    assert torch.equal(tokens.gather(x_dict)[7], x_dict["e/image"][2])
    assert [part.tolist() for part in tokens.split(tokens.entity).values()] == [
        [0, 1, 2, 3, 4],
        [0, 2, 4],
        [1, 4],
    ]


def test_buckets_hold_entities_with_equally_many_tokens(graph):
    _, x_dict, edge_index_dict, _ = graph
    buckets = make_tokens("e", MODALITIES, x_dict, edge_index_dict).buckets
    found = [(entities.tolist(), members.tolist()) for entities, members in buckets]
    assert found == [([3], [[3]]), ([0, 1, 2], [[0, 5], [1, 8], [2, 6]]), ([4], [[4, 7, 9]])]


def test_pairs_share_an_entity(graph):
    _, x_dict, edge_index_dict, _ = graph
    # A second image of entity 4: every text of an entity meets every image of it.
    edge_index_dict["e/image", "of", "e"] = torch.tensor([[1, 0, 2], [4, 0, 4]])
    tokens = make_tokens("e", MODALITIES, x_dict, edge_index_dict)
    left, right = tokens.pairs("e/text", "e/image")
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [(0, 0), (4, 1), (4, 2)]
    del edge_index_dict["e/image", "of", "e"]
    none = make_tokens("e", MODALITIES, x_dict, edge_index_dict).pairs("e/text", "e/image")
    assert [part.numel() for part in none] == [0, 0]


def test_scatter_is_the_reverse_of_gather(graph):
    _, x_dict, edge_index_dict, _ = graph
    edge_index_dict["e/image", "of", "e"] = torch.tensor([[0, 0], [1, 2]])
    tokens = make_tokens("e", MODALITIES, x_dict, edge_index_dict)
    state = {name: x_dict[name] for name in MODALITIES}
    back = tokens.scatter(tokens.gather(state), state)
    assert all(torch.allclose(back[name], state[name]) for name in MODALITIES)
    doubled = tokens.scatter(2 * tokens.gather(state), state)
    assert torch.allclose(doubled["e/image"][0], 2 * state["e/image"][0])
    assert torch.equal(doubled["e/image"][1:], state["e/image"][1:]), "nodes without a token keep their state"


def test_no_edges_are_no_tokens(graph):
    _, x_dict, _, _ = graph
    assert make_tokens("e", MODALITIES, x_dict, {}) is None
    assert make_tokens("e", MODALITIES, {"e": x_dict["e"]}, {}) is None


def test_groups_are_there_without_their_entity_nodes(graph):
    _, x_dict, edge_index_dict, _ = graph
    del x_dict["e"]
    tokens = make_tokens("e", MODALITIES, x_dict, edge_index_dict)
    assert tokens.num_entities == 5
    assert [len(entities) for entities, _ in tokens.buckets] == [1, 3, 1]


def test_an_edge_to_a_node_that_is_not_there_is_refused(graph):
    _, x_dict, edge_index_dict, _ = graph
    edge_index_dict["e/sound", "of", "e"] = torch.tensor([[9], [0]])
    with pytest.raises(GraphError, match="source node 9"):
        make_tokens("e", MODALITIES, x_dict, edge_index_dict)


def test_meetings_group_entities_by_both_lengths(sequences):
    _, x_dict, edge_index_dict, members = sequences
    tokens = make_tokens("e", MODALITIES, x_dict, edge_index_dict)
    for one, other in (("e/text", "e/image"), ("e/image", "e/text"), ("e/text", "e/text")):
        found = {}
        entities, buckets = tokens.meetings(one, other)
        entity_of = iter(entities.tolist())
        for rows, columns in buckets.pairs:
            for row, column in zip(rows, columns, strict=True):
                entity, row, column = next(entity_of), row[row >= 0], column[column >= 0]
                found[entity] = [
                    sorted(tokens.node[one][row].tolist()),
                    sorted(tokens.node[other][column].tolist()),
                ]
        wanted = {
            entity: [sorted(nodes[one]), sorted(nodes[other])]
            for entity, nodes in enumerate(members)
            if one in nodes and other in nodes
        }
        assert found == wanted
    del edge_index_dict["e/image", "of", "e"]
    assert make_tokens("e", MODALITIES, x_dict, edge_index_dict).meetings("e/text", "e/image") is None


def test_pooling_takes_the_mean_and_says_who_has_any(sequences):
    _, x_dict, edge_index_dict, members = sequences
    means, there = make_tokens("e", MODALITIES, x_dict, edge_index_dict).pool(x_dict)
    for name in MODALITIES:
        assert there[name].tolist() == [name in nodes for nodes in members]
        for entity, nodes in enumerate(members):
            wanted = x_dict[name][nodes[name]].mean(0) if name in nodes else torch.zeros(16).double()
            torch.testing.assert_close(means[name][entity], wanted)


def test_the_same_edges_get_the_same_tokens_until_they_change(graph):
    _, x_dict, edge_index_dict, _ = graph
    first = make_tokens("e", MODALITIES, x_dict, edge_index_dict)
    assert make_tokens("e", MODALITIES, x_dict, edge_index_dict) is first
    assert make_tokens("e", MODALITIES[:2], x_dict, edge_index_dict) is not first
    edge_index_dict["e/sound", "of", "e"][1, 0] = 2
    changed = make_tokens("e", MODALITIES, x_dict, edge_index_dict)
    assert changed is not first
    assert changed.entity.tolist() != first.entity.tolist()


def test_tokens_go_with_their_edges(graph):
    _, x_dict, edge_index_dict, _ = graph
    edges = {triple: index.clone() for triple, index in edge_index_dict.items()}
    gone = weakref.ref(make_tokens("e", MODALITIES, x_dict, edges))
    assert gone() is not None
    edges.clear()
    gc.collect()
    assert gone() is None
