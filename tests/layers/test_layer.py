"""What every layer inherits: targets, and inputs that do not fit."""

import pytest
import torch

from mmgraph.errors import ConfigError, GraphError
from mmgraph.layers import HeteroGAT, Layer
from mmgraph.layers.edge_weights import _SEEN


class Echo(Layer):
    def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
        self.check_inputs(x_dict, edge_index_dict, edge_weight_dict)
        return dict(x_dict)


METADATA = (["a", "b"], [("a", "to", "b")])
TO = ("a", "to", "b")
X = {"a": torch.zeros(2, 4), "b": torch.zeros(1, 4)}
EDGES = {TO: torch.tensor([[0, 1], [0, 0]])}


def test_it_asks_for_everything_unless_told_otherwise():
    assert Echo(METADATA, 4).targets == {"a", "b"}
    assert Echo(METADATA, 4, targets=["b"]).targets == {"b"}
    assert Echo(METADATA, 4, targets=["b"]).reads == {"a", "b"}


def test_an_unknown_target_is_refused():
    with pytest.raises(ConfigError, match=r"Echo\.targets: there is no node type 'bb'\. Did you mean 'b'"):
        Echo(METADATA, 4, targets=["bb"])


@pytest.mark.parametrize("channels", [0, -4, "4"])
def test_channels_are_counted(channels):
    with pytest.raises(ConfigError, match=r"Echo\.channels"):
        Echo(METADATA, channels)


@pytest.mark.parametrize(
    ("x_dict", "edge_index_dict", "edge_weight_dict", "message"),
    [
        ({**X, "c": torch.zeros(1, 4)}, EDGES, None, "node type c that is not in the metadata"),
        ({"a": torch.zeros(2, 3)}, {}, None, r"x_dict\['a'\]: got states of shape \(2, 3\); wanted \(N, 4\)"),
        ({"a": torch.zeros(2)}, {}, None, r"shape \(2,\)"),
        (X, {("a", "too", "b"): EDGES[TO]}, None, "edge type .*too.* that is not in the metadata"),
        (X, EDGES, {TO: torch.ones(3)}, r"weights of shape \(3,\); wanted \(2,\)"),
        (X, {}, {TO: torch.ones(2)}, "wanted none, as it has no edges"),
    ],
)
def test_nothing_is_skipped_in_silence(x_dict, edge_index_dict, edge_weight_dict, message):
    with pytest.raises(GraphError, match=message):
        Echo(METADATA, 4)(x_dict, edge_index_dict, edge_weight_dict)


@pytest.mark.parametrize("bad", [0.0, -1.0, torch.nan, torch.inf])
def test_weights_that_cannot_be_used_are_refused_once_they_are_seen(bad):
    weight = torch.ones(2)
    layer = Echo(METADATA, 4)
    layer(X, EDGES, {TO: weight})
    weight[1] = bad
    with pytest.raises(
        GraphError, match=r"'to', 'b'\)\]: 1 of 2 are not above 0 or not finite, first .* for edge 1"
    ):
        layer(X, EDGES, {TO: weight})


def test_weights_are_looked_at_once(monkeypatch):
    weight, looked = torch.ones(2), []
    monkeypatch.setattr(torch, "isfinite", lambda x: looked.append(x) or torch.ones_like(x, dtype=torch.bool))
    for _ in range(3):
        Echo(METADATA, 4)(X, EDGES, {TO: weight})
    assert len(looked) == 1
    with torch.inference_mode():
        unsure = torch.ones(2)
        Echo(METADATA, 4)(X, EDGES, {TO: unsure})
        unsure[0] = -1
        with pytest.raises(GraphError, match=r"first -1\.0 for edge 0"):
            Echo(METADATA, 4)(X, EDGES, {TO: unsure})


def test_what_has_been_looked_at_is_forgotten_with_it():
    weight = torch.ones(2)
    Echo(METADATA, 4)(X, EDGES, {TO: weight})
    key = id(weight)
    assert key in _SEEN
    del weight
    assert key not in _SEEN


def test_node_types_and_edge_types_may_be_absent():
    assert Echo(METADATA, 4)({"a": X["a"]}, {}).keys() == {"a"}


def test_a_forward_of_ones_own_narrows_where_it_takes_the_number():
    class Own(HeteroGAT):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None, edge_attr_dict=None):
            return super().forward(x_dict, edge_index_dict, edge_weight_dict, edge_attr_dict)

    class Taking(Echo):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None, *, num_targets=None):
            return dict(x_dict)

    class Heir(HeteroGAT):
        owner = "heir"

    class Refusing(Taking):
        narrows = False

    classes = (Echo, Taking, Refusing, HeteroGAT, Heir, Own)
    assert [each.narrows for each in classes] == [False, True, False, True, True, False]
