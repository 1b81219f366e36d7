"""What every layer inherits: targets, and inputs that do not fit."""

import pytest
import torch

from mmgraph.errors import ConfigError, GraphError
from mmgraph.layers import Layer


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


def test_node_types_and_edge_types_may_be_absent():
    assert Echo(METADATA, 4)({"a": X["a"]}, {}).keys() == {"a"}
