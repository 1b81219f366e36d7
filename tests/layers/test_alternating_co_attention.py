"""Taking turns: the second modality sees what the first has become."""

import pytest
import torch

from mmgraph.errors import ConfigError
from mmgraph.layers import CoAttention

CHANNELS = 16
MODALITIES = ["e/text", "e/image", "e/sound"]


def test_it_is_parallel_attention_one_modality_at_a_time(sequences):
    """What each modality becomes is what parallel attention would make of it, given the states so far."""
    metadata, x_dict, edge_index_dict, _ = sequences
    layer = CoAttention(metadata, CHANNELS, order="alternating").double()
    parallel = CoAttention(metadata, CHANNELS).double()
    parallel.load_state_dict(layer.state_dict())
    out, states = layer(x_dict, edge_index_dict), dict(x_dict)
    for name in MODALITIES:
        states[name] = parallel(states, edge_index_dict)[name]
        torch.testing.assert_close(out[name], states[name], atol=1e-10, rtol=0)
    first = parallel(x_dict, edge_index_dict)
    torch.testing.assert_close(out["e/text"], first["e/text"], atol=1e-10, rtol=0)
    assert not torch.allclose(out["e/sound"], first["e/sound"])


def test_an_order_that_cannot_be_is_refused(sequences):
    with pytest.raises(ConfigError, match=r"co_attention\.order: got 'paralel'.*'parallel'"):
        CoAttention(sequences[0], CHANNELS, order="paralel")
