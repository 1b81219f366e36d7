"""Graphs whose labels say what a model must have read, so that the default is known to read it."""

import pytest
import torch
from torch import nn

from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
from mmgraph.models import build
from mmgraph.models.fusion import FUSIONS

NUM_ENTITIES, NUM_TRAIN, KINDS, WIDTH = 300, 200, 2, 8


@pytest.fixture(scope="module")
def planted():
    """Return a schema, features, edges and labels: an entity's own kind and that of its neighbours.

    The own kind shows in two modalities, each missing for some; the neighbours' kind only in theirs.
    """
    generator = torch.Generator().manual_seed(0)
    own = torch.randint(0, KINDS, (NUM_ENTITIES,), generator=generator)
    around = torch.randint(0, KINDS, (NUM_ENTITIES,), generator=generator)
    target = torch.arange(NUM_ENTITIES).repeat_interleave(5)
    source = torch.empty_like(target)
    for kind in range(KINDS):
        asked = around[target] == kind
        pool = (own == kind).nonzero().flatten()
        source[asked] = pool[torch.randint(0, len(pool), (int(asked.sum()),), generator=generator)]
    x_dict = {"e": torch.empty(NUM_ENTITIES, 0)}
    edges = {("e", "near", "e"): torch.stack([source, target])}
    for name in ("e/a", "e/b"):
        some = (torch.rand(NUM_ENTITIES, generator=generator) < 0.9).nonzero().flatten()
        centre = torch.randn(KINDS, WIDTH, generator=generator)
        x_dict[name] = centre[own[some]] + 0.5 * torch.randn(len(some), WIDTH, generator=generator)
        edges[name, "of", "e"] = torch.stack([torch.arange(len(some)), some])
        edges["e", "rev_of", name] = edges[name, "of", "e"].flip(0)
    node_types = tuple(
        NodeType(name, len(x), x.shape[1], "e", name.partition("/")[2] or None) for name, x in x_dict.items()
    )
    edge_types = tuple(EdgeType(*edge_type, index.shape[1]) for edge_type, index in edges.items())
    return GraphSchema(node_types, edge_types), x_dict, edges, KINDS * own + around


def accuracy(planted, **options):
    """Return how often a trained model is right on held-out entities: on both kinds, on its own."""
    schema, x_dict, edges, label = planted
    torch.manual_seed(0)
    model = build(schema, hidden_channels=32, input_dropout=0.2, dropout=0.2, **options)
    head = nn.Linear(32, KINDS * KINDS)
    optimiser = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=0.01)
    for _ in range(40):
        optimiser.zero_grad()
        logits = head(model(x_dict, edges)["e"])[:NUM_TRAIN]
        nn.functional.cross_entropy(logits, label[:NUM_TRAIN]).backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        guess = head(model(x_dict, edges)["e"]).argmax(1)[NUM_TRAIN:]
    label = label[NUM_TRAIN:]
    return [(a == b).float().mean().item() for a, b in ((guess, label), (guess // KINDS, label // KINDS))]


def test_hetero_gat_reads_own_and_neighbouring_features(planted):
    assert accuracy(planted, model="hetero_gat")[0] > 0.85


@pytest.mark.parametrize("name", ["mlp", *FUSIONS])
def test_the_baselines_cannot_know_the_neighbours(planted, name):
    """Half of the label is out of their sight, and a guess at it is right half of the time."""
    both, own = accuracy(planted, model=name)
    assert own > 0.85
    assert both < 0.65


def test_any_layer_can_come_before_the_graph(planted):
    assert accuracy(planted, layers=["cross_modal_transformer", "hetero_gat", "hetero_gat"])[0] > 0.85
