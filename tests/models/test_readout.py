"""The last state, or all of them joined."""

import pytest
import torch
from torch.nn import functional

from mmgraph.errors import ConfigError
from mmgraph.models.readout import Readout

STATES = [{"a": torch.randn(3, 4), "b": torch.randn(2, 4)} for _ in range(2)]


def test_last_is_the_normed_last_state():
    out = Readout(["a"], 4, num_layers=2, readout="last")(STATES)
    assert out.keys() == {"a"}
    torch.testing.assert_close(out["a"], functional.layer_norm(STATES[1]["a"], (4,)))


def test_jumping_knowledge_reads_every_layer():
    readout = Readout(["a", "b"], 4, num_layers=2, readout="jk")
    out = readout(STATES)
    joined = readout.join["b"](torch.cat([STATES[0]["b"], STATES[1]["b"]], 1))
    torch.testing.assert_close(out["b"], functional.layer_norm(joined, (4,)))


def test_a_node_type_that_is_not_there_is_left_out():
    assert Readout(["a", "c"], 4, num_layers=2, readout="last")(STATES).keys() == {"a"}


def test_another_name_is_refused():
    with pytest.raises(ConfigError, match=r"model\.readout: got 'first'; wanted one of last, jk"):
        Readout(["a"], 4, num_layers=2, readout="first")
