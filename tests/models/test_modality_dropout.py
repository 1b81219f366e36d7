"""Modalities that are dropped lose all their edges, and only in training."""

import pytest
import torch

from mmgraph.errors import ConfigError, GraphError
from mmgraph.models import MultimodalModel
from mmgraph.models.modality_dropout import ModalityDropout

MODALITIES = ["e/text", "e/image", "f/table"]


def drop(graph, p=0.5, seed=0):
    torch.manual_seed(seed)
    return ModalityDropout(MODALITIES, p)(*graph)


def test_a_dropped_modality_loses_its_edges_in_both_directions(graph):
    edges, _ = drop(graph)
    for modality in MODALITIES:
        entity = modality.partition("/")[0]
        forward, back = edges[modality, "of", entity], edges[entity, "rev_of", modality]
        assert torch.equal(forward, back.flip(0))
    kept = sum(edges[m, "of", m.partition("/")[0]].shape[1] for m in MODALITIES)
    assert 0 < kept < 11
    for relation in (("f", "has", "e"), ("e", "near", "e")):
        assert edges[relation] is graph[1][relation]


def test_relations_among_modalities_go_with_either_end_and_take_their_weights_along():
    like = ("e/text", "like", "e/text")
    x_dict = {"e/text": torch.randn(40, 3)}
    index = torch.cartesian_prod(torch.arange(40), torch.arange(40)).t()
    weight = torch.arange(1600.0)
    edges, weights = drop((x_dict, {like: index}, {like: weight}))
    nodes = torch.unique(edges[like])
    assert 10 < len(nodes) < 30
    assert edges[like].shape[1] == len(nodes) ** 2
    assert torch.equal(weights[like], 40.0 * edges[like][0] + edges[like][1])


def test_the_share_is_that_of_the_nodes():
    of = ("e/text", "of", "e")
    graph = {"e/text": torch.randn(5000, 1)}, {of: torch.arange(5000).expand(2, -1)}, {}
    for p in (0.1, 0.6):
        assert 1 - p == pytest.approx(drop(graph, p)[0][of].shape[1] / 5000, abs=0.03)


def test_a_model_drops_in_training_only(schema, graph):
    options = {"layers": ["late_fusion", "hetero_gat"], "hidden_channels": 8, "dropout": 0.0}
    torch.manual_seed(0)
    model = MultimodalModel(schema, modality_dropout=0.5, **options)
    outs = [model(*graph)["e"] for _ in range(4)]
    assert not all(torch.equal(out, outs[0]) for out in outs)
    torch.manual_seed(0)
    wanted = MultimodalModel(schema, **options)(*graph)["e"]
    model.eval()
    assert torch.equal(model(*graph)["e"], wanted)
    # What training sees is what a graph without these modalities gives.
    torch.manual_seed(7)
    out = model.train()(*graph)["e"]
    left, left_weights = drop(graph, seed=7)
    assert torch.equal(out, model.eval()(graph[0], left, left_weights)["e"])


def test_edges_and_weights_that_do_not_fit_are_refused(graph):
    x_dict, edges, _ = graph
    of = ("e/text", "of", "e")
    with pytest.raises(GraphError, match="an edge names the source node 9"):
        drop((x_dict, {**edges, of: torch.tensor([[9], [0]])}, {}))
    with pytest.raises(GraphError, match="got weights of shape"):
        drop((x_dict, edges, {of: torch.ones(2)}))


@pytest.mark.parametrize("p", [1, -0.1, "half"])
def test_a_share_that_cannot_be_is_refused(schema, p):
    with pytest.raises(ConfigError, match=r"model\.modality_dropout"):
        MultimodalModel(schema, layers=["late_fusion"], modality_dropout=p)
