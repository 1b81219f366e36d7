"""Every layer in bfloat16 where autocast says so, forward and backward."""

import pytest
import torch

from mmgraph.registry import LAYERS


@pytest.mark.parametrize("name", LAYERS.names())
def test_it_works_under_autocast(name):
    of, image_of, like = ("e/text", "of", "e"), ("e/image", "of", "e"), ("e", "like", "e")
    metadata = (["e", "e/text", "e/image"], [of, image_of, like])
    layer = LAYERS.get(name)(metadata, 8)
    torch.manual_seed(0)
    x_dict = {node_type: torch.randn(4, 8, requires_grad=True) for node_type in metadata[0]}
    ties = torch.tensor([[0, 1, 2, 3], [0, 1, 1, 2]])
    edges = {of: ties, image_of: ties, like: torch.tensor([[0, 1, 2], [1, 0, 3]])}
    wanted = layer(x_dict, edges)
    with torch.autocast("cpu", torch.bfloat16):
        got = layer(x_dict, edges)
    for node_type, x in wanted.items():
        torch.testing.assert_close(got[node_type].float(), x, rtol=0.1, atol=0.1)
    sum(x.float().square().sum() for x in got.values()).backward()
    assert all(torch.isfinite(x.grad).all() for x in x_dict.values() if x.grad is not None)
