"""Attention over relations: what weights and kept edges mean."""

import torch

from mmgraph.ops import RelationInput, plan_edges, relational_attention


def relation(edges, *, weight=None, keep=None):
    generator = torch.Generator().manual_seed(1)
    index = torch.tensor(edges).t()
    return RelationInput(
        values=torch.randn(4, 2, 3, dtype=torch.float64, generator=generator),
        source=torch.randn(4, 2, dtype=torch.float64, generator=generator),
        target=torch.randn(3, 2, dtype=torch.float64, generator=generator),
        edges=plan_edges(index, 4, 3),
        weight=weight,
        keep=keep,
    )


def attend(*relations, **options):
    return relational_attention({"x": relations}, **options)["x"]


EDGES = [(0, 0), (3, 1), (1, 0), (2, 1)]


def test_each_relation_has_a_softmax_of_its_own():
    alone = [attend(relation(EDGES))[0], attend(relation([(1, 2)]))[0]]
    together = attend(relation(EDGES), relation([(1, 2)]))
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))


def test_it_is_the_formula():
    inputs = relation(EDGES)
    for slope in (0.2, 0.7):
        out = attend(inputs, negative_slope=slope)[0]
        logit = torch.stack([inputs.source[s] + inputs.target[0] for s in (0, 1)])
        share = torch.where(logit > 0, logit, slope * logit).softmax(0)
        wanted = (share.unsqueeze(-1) * inputs.values[[0, 1]]).sum(0)
        torch.testing.assert_close(out[0], wanted)
        assert torch.equal(out[2], torch.zeros(2, 3).double())


def test_an_edge_of_weight_two_counts_like_two_parallel_edges():
    weighted = attend(relation(EDGES, weight=torch.tensor([2.0, 1.0, 1.0, 3.0])))[0]
    parallel = attend(relation([*EDGES, (0, 0), (2, 1), (2, 1)]))[0]
    torch.testing.assert_close(weighted, parallel)


def test_weights_and_kept_edges_follow_their_edges():
    weight, order = torch.tensor([2.0, 1.0, 0.5, 3.0]), torch.tensor([2, 0, 3, 1])
    keep = torch.tensor([True, True, True, False])
    shuffled = [EDGES[i] for i in order.tolist()]
    one = attend(relation(EDGES, weight=weight, keep=keep))[0]
    other = attend(relation(shuffled, weight=weight[order], keep=keep[order]))[0]
    torch.testing.assert_close(one, other)


def test_an_edge_that_is_not_kept_is_as_good_as_gone():
    kept = attend(relation(EDGES, keep=torch.tensor([True, False, True, False])))[0]
    without = attend(relation([EDGES[0], EDGES[2]]))[0]
    torch.testing.assert_close(kept, without)
