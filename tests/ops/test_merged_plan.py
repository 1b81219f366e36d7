"""The merged plan is the plan of the edges put together, and made once."""

import gc

import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.ops import merge_plans, plan_edges
from mmgraph.ops.merged_plan import _KEPT

EDGES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=12)


def as_index(edges):
    return torch.tensor(edges, dtype=torch.int64).view(-1, 2).t().contiguous()


@given(st.tuples(EDGES, EDGES, EDGES))
def test_it_is_the_plan_of_the_edges_put_together(relations):
    indices = [as_index(edges) for edges in relations]
    merged = merge_plans([plan_edges(index, 4, 5) for index in indices])
    together = torch.cat([index + torch.tensor([[4 * r], [0]]) for r, index in enumerate(indices)], dim=1)
    wanted = plan_edges(together, 12, 5)
    assert (merged.num_source, merged.num_target) == (12, 5)
    assert torch.equal(merged.source, wanted.source)
    assert torch.equal(merged.target, wanted.target)
    # One value an edge, in the order in which the edge indices came, finds its edge.
    assert torch.equal(merged.arrange(together[0]), wanted.source)
    assert torch.equal(merged.arrange(together[1]), wanted.target)


def test_one_plan_is_passed_on():
    plan = plan_edges(as_index([(0, 1), (2, 0)]), 3, 2)
    assert merge_plans([plan]) is plan


def test_the_same_plans_are_merged_once_and_not_kept_longer():
    one, two, three = (as_index([(n, 1), (0, n)]) for n in range(3))
    plans = [plan_edges(index, 3, 3) for index in (one, two, three)]
    merged = merge_plans(plans[:2])
    assert merge_plans(plans[:2]) is merged
    assert merge_plans([plans[0], plans[2]]).source.tolist() != merged.source.tolist()
    assert merge_plans([plans[1], plans[0]]) is not merged
    gc.collect()
    before = len(_KEPT)
    del one, two, three, plans
    gc.collect()
    assert len(_KEPT) == before - 2
