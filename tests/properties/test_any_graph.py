"""Properties of every layer on graphs that hypothesis draws: sizes, edges and missing nodes of any kind."""

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgraph.registry import LAYERS

CHANNELS = 4
METADATA = (
    ["e", "e/a", "e/b"],
    [
        ("e/a", "of", "e"),
        ("e/b", "of", "e"),
        ("e", "rev_of", "e/a"),
        ("e", "near", "e"),
        ("e/b", "like", "e/a"),
    ],
)


@st.composite
def graphs(draw):
    """Return states, edges and weights of a random graph over METADATA."""
    sizes = {name: draw(st.integers(0, 4)) for name in METADATA[0]}
    generator = torch.Generator().manual_seed(draw(st.integers(0, 100)))
    x_dict = {
        name: torch.randn(size, CHANNELS, dtype=torch.float64, generator=generator)
        for name, size in sizes.items()
    }
    edges, weights = {}, {}
    for source, name, target in METADATA[1]:
        count = draw(st.integers(0, 6)) if sizes[source] and sizes[target] else 0
        ends = [torch.randint(0, max(sizes[n], 1), (count,), generator=generator) for n in (source, target)]
        if name == "of":
            # A modality node has one entity.
            first = torch.unique(ends[0], return_inverse=False)
            ends = [first, ends[1][: len(first)]]
        edges[source, name, target] = torch.stack(ends)
        if draw(st.booleans()):
            weights[source, name, target] = 0.1 + torch.rand(len(ends[0]), generator=generator)
    return x_dict, edges, weights


def make(name):
    torch.manual_seed(0)
    kind = LAYERS.get(name)
    options = {"heads": 2} if "heads" in inspect.signature(kind).parameters else {}
    return kind(METADATA, CHANNELS, **options).double()


@pytest.mark.parametrize("name", LAYERS.names())
@settings(max_examples=25)
@given(graph=graphs())
def test_every_state_is_finite_and_has_its_shape(name, graph):
    x_dict = graph[0]
    out = make(name)(*graph)
    assert {n: x.shape for n, x in out.items()} == {n: x.shape for n, x in x_dict.items()}
    assert all(torch.isfinite(x).all() for x in out.values())


WEIGHTED = ["hetero_gat", "hetero_gatv2", "hetero_transformer", "hetero_sage", "rgcn", "hgt", "han"]


@pytest.mark.parametrize("name", WEIGHTED)
@settings(max_examples=25)
@given(graph=graphs(), data=st.data())
def test_an_edge_of_weight_two_is_two_parallel_edges(name, graph, data):
    x_dict, edges, _ = graph
    counts = {
        key: torch.tensor(data.draw(st.lists(st.integers(1, 3), min_size=i.shape[1], max_size=i.shape[1])))
        for key, i in edges.items()
    }
    layer = make(name)
    parallel = {key: i.repeat_interleave(counts[key].long(), 1) for key, i in edges.items()}
    one = layer(x_dict, edges, {key: count.double() for key, count in counts.items()})
    other = layer(x_dict, parallel)
    for n in x_dict:
        torch.testing.assert_close(one[n], other[n], atol=1e-9, rtol=0)


# Han's weight of a relation is a mean over all nodes, by its definition: graphs in one batch share it.
@pytest.mark.parametrize("name", [name for name in LAYERS.names() if name != "han"])
@settings(max_examples=25)
@given(graph=graphs())
def test_two_graphs_side_by_side_do_not_touch_each_other(name, graph):
    """What holds for a batch: the disjoint union of two graphs gives the two results, one after the other."""
    x_dict, edges, weights = graph
    layer = make(name)
    other = {n: x.flip(0) + 1 for n, x in x_dict.items()}
    union = {n: torch.cat([x, other[n]]) for n, x in x_dict.items()}
    both = {
        key: torch.cat([i, i + torch.tensor([[len(x_dict[key[0]])], [len(x_dict[key[2]])]])], dim=1)
        for key, i in edges.items()
    }
    out = layer(union, both, {key: weight.repeat(2) for key, weight in weights.items()})
    one, two = layer(x_dict, edges, weights), layer(other, edges, weights)
    for n in x_dict:
        torch.testing.assert_close(out[n], torch.cat([one[n], two[n]]), atol=1e-9, rtol=0)
