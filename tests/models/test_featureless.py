"""Node types without features: degrees that fit any graph, or a learned vector for each node."""

import pytest
import torch

from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
from mmgraph.models import build
from mmgraph.models.featureless import FeaturelessNodes, featureless_types

MADE, OF, BESIDE = ("e", "made_by", "f"), ("e/text", "of", "e"), ("f", "beside", "f")


@pytest.fixture
def schema():
    """Return a schema in which f is a table of ids: made_by leads to it, beside is symmetric."""
    return GraphSchema(
        (NodeType("e", 4, 0, "e"), NodeType("e/text", 4, 3, "e", "text", "text"), NodeType("f", 3, 0, "f")),
        (
            EdgeType(*OF, 4, "of"),
            EdgeType(*MADE, 5),
            EdgeType("f", "rev_made_by", "e", 5, reverse_of="made_by"),
            EdgeType(*BESIDE, 2, symmetric=True),
            EdgeType("f", "cites", "f", 1),
        ),
    )


@pytest.fixture
def edges():
    made = torch.tensor([[0, 1, 2, 3, 3], [0, 0, 0, 1, 0]])
    return {
        OF: torch.arange(4).repeat(2, 1),
        MADE: made,
        ("f", "rev_made_by", "e"): made.flip(0),
        BESIDE: torch.tensor([[0, 1], [1, 0]]),
        ("f", "cites", "f"): torch.tensor([[2], [1]]),
    }


@pytest.fixture
def x_dict():
    return {"e": torch.empty(4, 0), "e/text": torch.randn(4, 3), "f": torch.empty(3, 0)}


SIZES = {"e": 4, "e/text": 4, "f": 3}


def make(schema, featureless, node_types=("e", "e/text", "f")):
    torch.manual_seed(0)
    return FeaturelessNodes(schema, 8, node_types=node_types, featureless=featureless)


def test_an_entity_with_modalities_is_not_featureless(schema):
    assert featureless_types(schema) == ["f"]


def test_degrees_are_counted_by_relation_and_direction(schema, edges):
    step = make(schema, "degree")
    state = {name: torch.randn(size, 8) for name, size in SIZES.items()}
    out = step(state, edges, SIZES)
    # made_by in, beside (symmetric, so once), cites out, cites in; the reverse of made_by is the same again.
    degrees = torch.tensor([[4.0, 1, 0, 0], [1, 1, 0, 1], [0, 0, 1, 0]])
    torch.testing.assert_close(out["f"] - state["f"], degrees.log1p() @ step.degree["f"].weight.T)
    assert out["e"] is state["e"]
    assert out["e/text"] is state["e/text"]


def test_an_edge_that_was_taken_away_does_not_count(schema, edges):
    step, state = make(schema, "degree"), {"f": torch.zeros(3, 8)}
    fewer = {**edges, MADE: edges[MADE][:, :3]}
    changed = (step(state, edges, SIZES)["f"] != step(state, fewer, SIZES)["f"]).any(1)
    assert changed.tolist() == [True, True, False]
    assert torch.equal(step(state, {}, SIZES)["f"], state["f"])
    assert torch.equal(step(state, {MADE: edges[MADE]}, {"f": 3})["f"], state["f"]), "no e is there"


def test_edges_that_lead_nowhere_are_refused(schema):
    with pytest.raises(GraphError, match="made_by"):
        make(schema, "degree")({"f": torch.zeros(3, 8)}, {MADE: torch.tensor([[0], [3]])}, SIZES)


def test_degrees_fit_a_graph_of_any_size(schema, edges, x_dict):
    model = build(schema, featureless="degree", hidden_channels=8).eval()
    larger = {**x_dict, "f": torch.empty(7, 0)}
    more = {**edges, MADE: torch.cat([edges[MADE], torch.tensor([[0, 1], [5, 6]])], 1)}
    out = model(larger, more)["f"]
    assert out.shape == (7, 8)
    assert torch.isfinite(out).all()


def test_a_learned_vector_for_each_node(schema, edges, x_dict):
    step, state = make(schema, "learned"), {"f": torch.randn(3, 8)}
    assert torch.equal(step(state, edges, SIZES)["f"], state["f"] + step.embedding["f"])
    assert step.embedding["f"].shape == (3, 8)
    model = build(schema, featureless="learned", hidden_channels=8)
    model(x_dict, edges)["f"].square().sum().backward()
    assert (model.featureless.embedding["f"].grad != 0).any(1).all()


def test_learned_vectors_are_for_one_graph(schema, edges, x_dict):
    model = build(schema, featureless="learned", hidden_channels=8)
    with pytest.raises(GraphError, match=r"x_dict\['f'\]: got 4 nodes .* each of 3.*featureless=degree"):
        model({**x_dict, "f": torch.empty(4, 0)}, edges)


@pytest.mark.parametrize("featureless", ["degree", "learned"])
def test_nodes_are_told_apart_and_weights_go_round(schema, edges, x_dict, featureless):
    models = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        models.append(build(schema, featureless=featureless, hidden_channels=8).eval())
    model, twin, other = models
    out = model(x_dict, edges)["f"]
    assert len({tuple(row) for row in out.tolist()}) == 3
    assert torch.equal(twin(x_dict, edges)["f"], out)
    assert not torch.equal(other(x_dict, edges)["f"], out)
    other.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(other(x_dict, edges)["f"], out)


@pytest.mark.parametrize("featureless", ["degree", "learned"])
def test_nothing_is_made_for_types_that_nobody_reads_or_that_have_features(schema, featureless):
    assert not list(make(schema, featureless, ["e", "e/text"]).parameters())
    described = build(schema, model="mlp", outputs=["e"], featureless=featureless)
    assert not list(described.featureless.parameters())


def test_a_type_without_relations_has_no_degrees():
    schema = GraphSchema((NodeType("f", 3, 0, "f"),), ())
    out = build(schema, model="mlp", hidden_channels=8).eval()({"f": torch.empty(3, 0)}, {})
    assert out["f"].shape == (3, 8)


def test_another_choice_is_refused(schema):
    with pytest.raises(ConfigError, match=r"model\.featureless: got 'degre'; .* Did you mean 'degree'"):
        build(schema, featureless="degre")
