"""A small graph with everything a layer may meet: a missing modality, an isolated entity, weights."""

import pytest
import torch

CHANNELS = 16

METADATA = (
    ["e", "e/text", "e/image", "e/sound", "f"],
    [
        ("e/text", "of", "e"),
        ("e", "rev_of", "e/text"),
        ("e/image", "of", "e"),
        ("e", "rev_of", "e/image"),
        ("e/sound", "of", "e"),
        ("e", "rev_of", "e/sound"),
        ("e", "near", "e"),
        ("f", "has", "e"),
        ("e", "rev_has", "f"),
    ],
)


def edges(*pairs):
    return torch.tensor(pairs, dtype=torch.int64).view(-1, 2).t().contiguous()


@pytest.fixture
def graph():
    """Return metadata, states, edges and weights; entity 5 has no modality and no relation."""
    generator = torch.Generator().manual_seed(0)
    sizes = {"e": 6, "e/text": 5, "e/image": 3, "e/sound": 2, "f": 3}
    x_dict = {
        name: torch.randn(size, CHANNELS, dtype=torch.float64, generator=generator)
        for name, size in sizes.items()
    }
    forward = {
        ("e/text", "of", "e"): edges((0, 0), (1, 1), (2, 2), (3, 3), (4, 4)),
        ("e/image", "of", "e"): edges((1, 2), (0, 0), (2, 4)),
        ("e/sound", "of", "e"): edges((0, 4), (1, 1)),
        ("f", "has", "e"): edges((0, 1), (1, 1), (2, 0), (2, 3)),
    }
    edge_index_dict = dict(forward)
    for (source, name, target), index in forward.items():
        edge_index_dict[target, f"rev_{name}", source] = index.flip(0)
    edge_index_dict["e", "near", "e"] = edges((0, 1), (1, 0), (1, 2), (2, 1), (3, 4), (4, 3), (2, 4))
    weight = {("e", "near", "e"): torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0, 1.0, 4.0])}
    return METADATA, x_dict, edge_index_dict, weight
