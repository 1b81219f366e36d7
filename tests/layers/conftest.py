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


@pytest.fixture
def random_graph():
    """Return metadata, states and edges with parallel edges, loops, isolated nodes and an empty relation."""
    generator = torch.Generator().manual_seed(1)
    sizes = {"a": 24, "b": 15, "c": 9}
    counts = {
        ("a", "near", "a"): 60,
        ("a", "to", "b"): 50,
        ("b", "rev_to", "a"): 40,
        ("c", "of", "a"): 20,
        ("a", "rev_of", "c"): 12,
        ("c", "never", "b"): 0,
    }
    x_dict = {n: torch.randn(s, CHANNELS, dtype=torch.float64, generator=generator) for n, s in sizes.items()}
    edge_index_dict = {}
    for (source, name, target), count in counts.items():
        # The last three nodes of each type stay isolated.
        ends = [torch.randint(0, sizes[n] - 3, (count,), generator=generator) for n in (source, target)]
        edge_index_dict[source, name, target] = torch.stack(ends)
    near = edge_index_dict["a", "near", "a"]
    loops = torch.arange(5).expand(2, -1)
    edge_index_dict["a", "near", "a"] = torch.cat([near, near[:, :9], loops], dim=1)
    return (list(sizes), list(counts)), x_dict, edge_index_dict


@pytest.fixture
def assert_equal():
    """Return what compares two functions of states and the gradients of their inputs to 1e-8."""

    def check(mine, theirs, x_dict):
        inputs = [{name: x.clone().requires_grad_() for name, x in x_dict.items()} for _ in range(2)]
        outputs = [function(states) for function, states in zip((mine, theirs), inputs, strict=True)]
        direction = {name: torch.randn_like(x) for name, x in x_dict.items()}
        assert outputs[0].keys() == outputs[1].keys() == x_dict.keys()
        for out in outputs:
            sum((out[name] * direction[name]).sum() for name in x_dict).backward()
        for name in x_dict:
            torch.testing.assert_close(outputs[0][name], outputs[1][name], atol=1e-8, rtol=0)
            torch.testing.assert_close(inputs[0][name].grad, inputs[1][name].grad, atol=1e-8, rtol=0)

    return check


SEQUENCES = {
    # Nodes of each entity; no two sequences of an entity need be equally long, and none need be there.
    "e/text": [[2, 0, 5], [1], [3, 4], [], [6, 7, 8], []],
    "e/image": [[0, 3], [4], [], [1], [2, 5], []],
    "e/sound": [[1], [], [0], [2, 3], [4], []],
}


@pytest.fixture
def sequences():
    """Return metadata, states, edges, and the nodes of each entity by modality: none in the last."""
    generator = torch.Generator().manual_seed(1)
    sizes = {name: sum(map(len, nodes)) for name, nodes in SEQUENCES.items()}
    x_dict = {
        name: torch.randn(size, CHANNELS, dtype=torch.float64, generator=generator)
        for name, size in {"e": 6, "f": 3, **sizes}.items()
    }
    edge_index_dict = {
        (name, "of", "e"): edges(*((node, entity) for entity, part in enumerate(nodes) for node in part))
        for name, nodes in SEQUENCES.items()
    }
    members = [
        {name: nodes[entity] for name, nodes in SEQUENCES.items() if nodes[entity]} for entity in range(6)
    ]
    return METADATA, x_dict, edge_index_dict, members


@pytest.fixture
def dense_attention():
    """Return a function that copies packed attention into torch's own, which takes padding and a mask."""

    def copied(attention):
        channels = attention.out.out_features
        dense = torch.nn.MultiheadAttention(channels, attention.heads, batch_first=True).double()
        with torch.no_grad():
            dense.in_proj_weight.copy_(torch.cat([attention.query.weight, attention.key_value.weight]))
            dense.in_proj_bias.zero_()
            dense.out_proj.weight.copy_(attention.out.weight)
            dense.out_proj.bias.copy_(attention.out.bias)
        return dense

    return copied
