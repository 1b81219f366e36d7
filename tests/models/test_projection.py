"""Every node type gets into the shared space, and features that do not fit are refused."""

import pytest
import torch

from mmgraph.errors import GraphError
from mmgraph.models.projection import Projection

CHANNELS = {"a": 0, "a/text": 5, "a/image": 3}


@pytest.fixture
def projection():
    return Projection(CHANNELS, 8, node_types=["a", "a/text"], dropout=0.0)


def test_nodes_without_features_share_a_learned_vector(projection):
    states = projection({"a": torch.empty(3, 0)})
    assert torch.equal(states["a"], projection.embedding["a"].expand(3, 8))
    states["a"].sum().backward()
    assert torch.equal(projection.embedding["a"].grad, torch.full((8,), 3.0))


def test_features_are_mapped_linearly(projection):
    x = torch.randn(4, 5)
    torch.testing.assert_close(projection({"a/text": x})["a/text"], projection.linear["a/text"](x))


def test_only_what_is_asked_for_is_made(projection):
    assert set(projection.linear.keys()) == {"a/text"}
    assert projection({"a/image": torch.randn(2, 3)}) == {}


def test_no_nodes_are_fine(projection):
    states = projection({"a": torch.empty(0, 0), "a/text": torch.empty(0, 5)})
    assert {name: tuple(x.shape) for name, x in states.items()} == {"a": (0, 8), "a/text": (0, 8)}


def test_dropout_is_of_the_features():
    projection = Projection({"b": 1}, 4, node_types=["b"], dropout=0.25)
    torch.nn.init.zeros_(projection.linear["b"].bias)
    out = projection({"b": torch.ones(4000, 1)})["b"]
    dropped = (out == 0).all(1)
    assert 0.2 < dropped.float().mean() < 0.3
    assert torch.equal(dropped, (out == 0).any(1)), "a feature is dropped for all of the state or not at all"
    projection.eval()
    assert not (projection({"b": torch.ones(4000, 1)})["b"] == 0).any()


@pytest.mark.parametrize(
    ("x_dict", "message"),
    [
        ({"a/txt": torch.zeros(1, 5)}, "got the node type 'a/txt'.*Did you mean 'a/text'"),
        (
            {"a/text": torch.zeros(1, 6)},
            r"x_dict\['a/text'\]: got features of shape \(1, 6\); wanted \(N, 5\)",
        ),
        ({"a/image": torch.zeros(1, 6)}, r"wanted \(N, 3\)"),
        ({"a": torch.zeros(3)}, r"shape \(3,\)"),
    ],
)
def test_what_does_not_fit_is_refused(projection, x_dict, message):
    with pytest.raises(GraphError, match=message):
        projection(x_dict)
