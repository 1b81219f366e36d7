"""Relations that start at few of their source nodes: the same numbers, from the states of these alone."""

import importlib.util
import sys

import pytest
import torch

from mmgraph.ops import Projection, RelationInput, plan_edges, relational_attention, use_backend
from mmgraph.ops.narrow import narrow

pytestmark = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")

HEADS, WIDTH, CHANNELS, SOURCES, TARGETS = 2, 3, 5, 40, 4


@pytest.fixture(autouse=True)
def _large(monkeypatch):
    monkeypatch.setattr(sys.modules["mmgraph.ops.relational_attention"], "_WORTH_BATCHES", 0)


@pytest.fixture
def leaves():
    generator = torch.Generator().manual_seed(0)

    def leaf(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()

    return {
        "x": leaf(SOURCES, CHANNELS),
        "weight": leaf(3, HEADS, WIDTH, CHANNELS),
        "keys": leaf(3, HEADS, WIDTH, CHANNELS),
        "bias": leaf(3, HEADS, WIDTH),
        "vector": leaf(3, HEADS, WIDTH),
        "edge": leaf(9, HEADS),
    }


def edges(count, seed=1):
    generator = torch.Generator().manual_seed(seed)
    sources, targets = (torch.randint(size, (count,), generator=generator) for size in (SOURCES, TARGETS))
    return plan_edges(torch.stack([sources, targets]), SOURCES, TARGETS)


def inputs(leaves, score, plans):
    """Return relations of which each has a slot of its own, with whatever a relation can have."""
    width = (HEADS,) if score == "gat" else (HEADS, WIDTH)
    target = torch.linspace(-1, 1, TARGETS * width[0] * (1 if score == "gat" else WIDTH)).double()
    made = []
    for slot, plan in enumerate(plans):
        values = Projection(leaves["x"], leaves["weight"], slot, leaves["bias"])
        source = {"gat": None, "gatv2": values, "dot": Projection(leaves["x"], leaves["keys"], slot)}[score]
        made.append(
            RelationInput(
                values,
                source,
                target.view(TARGETS, *width),
                plan,
                vector=None if score == "dot" else leaves["vector"][slot],
                weight=torch.arange(plan.num_edges).double() + 1 if slot == 0 else None,
                bias=leaves["edge"] if plan.num_edges == 9 else None,
                keep=torch.arange(plan.num_edges) % 3 > 0 if slot == 1 else None,
            )
        )
    return {"x": made}


def outcome(leaves, relations, score, backend):
    with use_backend(backend):
        out = relational_attention(relations, score=score)["x"]
    wanted = torch.autograd.grad(out.sin().sum(), list(leaves.values()), allow_unused=True)
    return out, *(torch.zeros(1) if each is None else each for each in wanted)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("score", ["gat", "gatv2", "dot"])
def test_the_same_numbers_as_from_all_states(leaves, score, threads, monkeypatch):
    monkeypatch.setattr("mmgraph.ops.narrow.useful_threads", lambda numbers: threads)
    relations = inputs(leaves, score, [edges(9), edges(15, seed=2), edges(0)])
    assert [r.values.shape[0] for r in narrow(relations)["x"]] == [
        len(set(r.edges.source.tolist())) for r in relations["x"]
    ]
    got = outcome(leaves, relations, score, "numba")
    torch.testing.assert_close(got, outcome(leaves, relations, score, "torch"), rtol=1e-10, atol=1e-12)


def test_a_relation_that_reads_most_states_is_left(leaves):
    relations = inputs(leaves, "dot", [edges(9), edges(SOURCES - 9)])
    few, many = narrow(relations)["x"]
    assert few.values.shape[0] < 10
    assert many is relations["x"][1]


def test_rows_that_several_relations_share_are_left(leaves):
    rows = Projection(leaves["x"], leaves["weight"], 0)
    target = torch.zeros(TARGETS, HEADS, WIDTH).double()
    relations = {"x": [RelationInput(rows, rows, target, edges(9, seed)) for seed in (1, 2)]}
    assert narrow(relations) == relations


def test_the_states_are_copied_once_for_relations_of_the_same_edges(leaves):
    plan = edges(9)
    one, other = narrow(inputs(leaves, "dot", [plan, plan]))["x"]
    assert one.values.x is other.values.x is one.source.x
    assert one.edges is other.edges
