"""The plan is the same edges in another order, checked, and made once."""

import gc
import weakref

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.errors import GraphError
from mmgraph.ops import (
    RelationInput,
    adopt_plan,
    edge_plan,
    make_plan,
    plan_edges,
    relational_attention,
    use_backend,
)

EDGES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=12)


def as_index(edges):
    return torch.tensor(edges, dtype=torch.int64).view(-1, 2).t().contiguous()


@given(EDGES)
def test_it_holds_the_same_edges_sorted_by_target_and_by_source(edges):
    plan = plan_edges(as_index(edges), 4, 5)
    found = list(zip(plan.source.tolist(), plan.target.tolist(), strict=True))
    assert found == sorted(edges, key=lambda edge: (edge[1], edge[0]))
    for node in range(5):
        mine = plan.source[plan.target_pointer[node] : plan.target_pointer[node + 1]]
        assert mine.tolist() == sorted(s for s, t in edges if t == node)
        assert bool(plan.has_edge[node]) == any(t == node for _, t in edges)
    for node in range(4):
        mine = plan.target_by_source[plan.source_pointer[node] : plan.source_pointer[node + 1]]
        assert mine.tolist() == sorted(t for s, t in edges if s == node)


@given(EDGES)
def test_values_of_edges_follow_them(edges):
    plan = plan_edges(as_index(edges), 4, 5)
    values = torch.tensor([10.0 * s + t for s, t in edges])
    assert torch.equal(plan.arrange(values), 10.0 * plan.source + plan.target)


def test_the_same_tensor_gets_the_same_plan_until_it_changes():
    index = as_index([(0, 1), (1, 0)])
    first = plan_edges(index, 2, 2)
    assert plan_edges(index, 2, 2) is first
    assert plan_edges(index.clone(), 2, 2) is not first
    assert plan_edges(index, 3, 2).num_source == 3
    index[0, 0] = 1
    assert plan_edges(index, 3, 2).source.tolist() == [1, 1]


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_plan_goes_with_its_tensor(contiguous):
    index = as_index([(0, 1), (1, 1)])
    index = index.contiguous() if contiguous else index.t().contiguous().t()
    plan = weakref.ref(plan_edges(index, 2, 2))
    assert plan() is not None
    kept = len(edge_plan._KEPT)
    del index
    gc.collect()
    assert len(edge_plan._KEPT) < kept
    assert plan() is None


def test_a_plan_is_never_stale_in_inference_mode():
    with torch.inference_mode():
        index = as_index([(0, 1)])
        assert plan_edges(index, 2, 2).source.tolist() == [0]
        index[0, 0] = 1
        assert plan_edges(index, 2, 2).source.tolist() == [1]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (torch.tensor([[0, 4], [0, 0]]), "source node 4; wanted 0 to 3"),
        (torch.tensor([[0, -1], [0, 0]]), "source node -1"),
        (torch.tensor([[0, 0], [0, 5]]), "target node 5; wanted 0 to 4"),
        (torch.tensor([[0.0], [0.0]]), "torch.float32 of shape"),
        (torch.tensor([[0, 0]]), r"shape \(1, 2\)"),
    ],
)
def test_edges_that_cannot_be_are_refused(index, message):
    with pytest.raises(GraphError, match=message) as raised:
        plan_edges(index, 4, 5, where="('a', 'to', 'b')")
    assert "('a', 'to', 'b')" in str(raised.value)


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_backward_reads_the_edges_of_forward(backend):
    pytest.importorskip("numba") if backend == "numba" else None
    values = torch.randn(4, 1, 2, requires_grad=True)
    share = torch.zeros(4, 1)
    index = torch.tensor([[0, 1, 2], [0, 1, 1]])

    def gradient(change):
        now = index.clone()
        with use_backend(backend):
            relation = RelationInput(values, share, share, plan_edges(now, 4, 4))
            out = relational_attention({"x": [relation]}, sum_relations=True)["x"]
        if change:
            now.fill_(4_000_000)
        return torch.autograd.grad(out.square().sum(), values)[0]

    torch.testing.assert_close(gradient(change=True), gradient(change=False))


def test_a_plan_that_is_adopted_is_used_until_the_tensor_changes():
    index = as_index([(1, 0), (0, 1), (2, 1)])
    plan = make_plan(3, 2, None, *index)
    adopt_plan(index, plan)
    assert plan_edges(index, 3, 2) is plan
    assert plan_edges(index, 4, 2) is not plan
    adopt_plan(index, plan)
    index[0, 0] = 2
    assert plan_edges(index, 3, 2).source.tolist() == [2, 0, 2]


def test_an_adopted_plan_goes_with_its_tensor():
    kept = len(edge_plan._KEPT)
    index = as_index([(0, 1), (1, 1)])
    plan = make_plan(2, 2, None, *index)
    adopt_plan(index, plan)
    gone = weakref.ref(plan)
    del index, plan
    gc.collect()
    assert gone() is None
    assert len(edge_plan._KEPT) == kept


def test_the_plan_of_other_edges_is_refused():
    with pytest.raises(GraphError, match="a plan of 2 edges"):
        adopt_plan(as_index([(0, 1)]), make_plan(2, 2, None, *as_index([(0, 0), (0, 1)])))


@given(EDGES, st.integers(0, 5))
def test_the_head_of_a_plan_is_the_plan_of_the_first_targets(edges, targets):
    whole = plan_edges(as_index(sorted(edges, key=lambda edge: (edge[1], edge[0]))), 4, 5)
    kept = as_index([edge for edge in sorted(edges, key=lambda e: (e[1], e[0])) if edge[1] < targets])
    head, wanted = whole.head(kept.shape[1], 4, targets), plan_edges(kept, 4, targets)
    for name in ("source", "target", "target_pointer", "source_pointer", "by_source", "has_edge"):
        assert torch.equal(getattr(head, name), getattr(wanted, name)), name
