"""Contrastive losses: equal to brute force, and to the formulas of those who published them."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks.objectives import (
    Contrast,
    Kin,
    LogitScale,
    info_nce,
    neighbours_in,
    pair_sigmoid,
    related_pairs,
    shared_target,
    supervised_contrastive,
    two_steps_away,
)

ROWS = 7


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(ROWS, ROWS, generator=generator, dtype=torch.float64) * 3


@pytest.fixture
def related():
    upper = torch.rand(ROWS, ROWS, generator=torch.Generator().manual_seed(1)).triu(1) > 0.7
    return upper | upper.T


@pytest.fixture
def kin(related):
    return Kin(related, two_steps_away(related.nonzero().T, related))


def test_info_nce_is_the_loss_of_clip(logits):
    # As open_clip writes it, loss.py: ClipLoss.
    labels = torch.arange(ROWS)
    wanted = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    assert info_nce(logits).item() == pytest.approx(wanted.item(), abs=1e-12)


def brute_info_nce(logits, target, weight):
    total = 0.0
    for turned in (False, True):
        given, q, w = ((t.T if turned else t).tolist() for t in (logits, target, weight))
        for i in range(ROWS):
            below = sum(
                (w[i][k] if q[i][k] == 0 else max(w[i][k], 1)) * math.exp(given[i][k]) for k in range(ROWS)
            )
            for j in range(ROWS):
                total -= q[i][j] / sum(q[i]) * math.log(math.exp(given[i][j]) / below) / ROWS / 2
    return total


@pytest.mark.parametrize("hard", [1.0, 4.0])
@pytest.mark.parametrize("soft", [False, True])
def test_info_nce_with_targets_and_weights_is_the_sum_that_it_says(logits, kin, soft, hard):
    target = shared_target(kin.related, 0.4).double() if soft else torch.eye(ROWS, dtype=torch.float64)
    weight = torch.where(kin.alike, hard, 1.0).double()
    if not soft:
        weight = weight * ~kin.related
    wanted = brute_info_nce(logits, target, weight)
    assert info_nce(logits, target=target, weight=weight).item() == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("soft", [False, True])
def test_what_counts_or_does_not_is_a_weight_of_one_or_none(logits, kin, soft):
    target = shared_target(kin.related, 0.4).double() if soft else None
    # Also where it says so of a right answer, that counts.
    counts = torch.rand(ROWS, ROWS, generator=torch.Generator().manual_seed(2)) > 0.5
    for loss in (info_nce, pair_sigmoid):
        found, wanted = (loss(logits, target=target, weight=w).item() for w in (counts, counts.double()))
        assert found == pytest.approx(wanted, abs=1e-12)


def test_what_is_taken_out_gets_no_gradient(logits, kin):
    logits.requires_grad_()
    related = kin.related
    for loss in ("info_nce", "sigmoid"):
        (gradient,) = torch.autograd.grad(Contrast(loss, related="ignored").of(logits, kin), logits)
        assert related.any()
        assert (gradient[related] == 0).all()
        assert (gradient[~related] != 0).all()


def test_a_hard_negative_is_pushed_more(logits, kin):
    logits.requires_grad_()
    hard = kin.alike
    for loss in ("info_nce", "sigmoid"):
        plain, harder = (
            torch.autograd.grad(Contrast(loss, hard_negatives=weight).of(logits, kin), logits)[0]
            for weight in (1.0, 3.0)
        )
        assert hard.any()
        assert (harder[hard] > plain[hard]).all()


def test_relatives_that_share_the_target_are_drawn_near(logits, kin):
    related = kin.related
    logits = torch.zeros_like(logits).requires_grad_()
    for loss in ("info_nce", "sigmoid"):
        (gradient,) = torch.autograd.grad(Contrast(loss, related="shared", share=0.9).of(logits, kin), logits)
        others = ~related & ~torch.eye(ROWS, dtype=torch.bool)
        assert gradient[related].mean() < gradient[others].mean()


def test_pair_sigmoid_is_the_loss_of_siglip(logits):
    # The pseudocode of the paper, algorithm 1.
    labels = 2 * torch.eye(ROWS, dtype=torch.float64) - torch.ones(ROWS, ROWS)
    wanted = -torch.sum(F.logsigmoid(labels * logits)) / ROWS
    assert pair_sigmoid(logits).item() == pytest.approx(wanted.item(), abs=1e-12)


def test_pair_sigmoid_takes_soft_targets_and_weights(logits, related):
    target, weight = shared_target(related, 0.4).double(), torch.rand(ROWS, ROWS, dtype=torch.float64)
    wanted = sum(
        -weight[i, j]
        * (target[i, j] * F.logsigmoid(logits[i, j]) + (1 - target[i, j]) * F.logsigmoid(-logits[i, j]))
        for i, j in itertools.product(range(ROWS), repeat=2)
    )
    found = pair_sigmoid(logits, target=target, weight=weight)
    assert found.item() == pytest.approx(wanted.item() / ROWS, abs=1e-12)


def test_logits_are_scaled_cosines_with_a_bias():
    one, other = torch.randn(4, 5), torch.randn(6, 5)
    scale = LogitScale(temperature=0.2, bias=-3.0)
    left, right = scale(one, other)
    wanted = F.cosine_similarity(one[:, None], other[None], dim=2) / 0.2 - 3
    assert torch.allclose(left @ right.T, wanted, atol=1e-5)
    assert not torch.allclose(LogitScale(temperature=0.2)(one, other)[0] @ right.T, wanted)


def test_the_temperature_is_learnt_and_stays_above_a_hundredth():
    scale = LogitScale(temperature=0.5)
    one = F.normalize(torch.randn(5, 3), dim=1)
    optimiser = torch.optim.SGD(scale.parameters(), lr=100.0)
    for _ in range(20):
        left, right = scale(one, one)
        optimiser.zero_grad()
        info_nce(left @ right.T).backward()
        optimiser.step()
    left, right = scale(one, one)
    assert (left @ right.T).max().item() == pytest.approx(100, rel=1e-5)


@pytest.mark.parametrize("loss", ["info_nce", "sigmoid"])
def test_pairs_find_each_other(loss):
    torch.manual_seed(0)
    contrast = Contrast(loss)
    scale, one, other = contrast.make_scale(), torch.randn(20, 8), torch.randn(20, 8)
    weights = [torch.nn.Parameter(one), torch.nn.Parameter(other), *scale.parameters()]
    optimiser = torch.optim.Adam(weights, lr=0.05)
    for _ in range(150):
        left, right = scale(weights[0], weights[1])
        optimiser.zero_grad()
        contrast.of(left @ right.T).backward()
        optimiser.step()
    assert ((left @ right.T).argmax(1) == torch.arange(20)).all()


def test_related_are_those_that_an_edge_ties_in_either_direction():
    edges = [torch.tensor([[0, 4, 9], [4, 5, 0]]), torch.tensor([[5, 5], [5, 9]])]
    rows = torch.tensor([4, 0, 5])
    assert related_pairs(rows, edges, 10).nonzero().tolist() == [[0, 1], [0, 2], [1, 0], [2, 0]]


def test_a_neighbour_in_common_may_be_any_node_but_a_part_of_the_entity():
    """Of 0 to 5, which the batch numbers from 1: two have a tag, two lie beside one that is not asked for."""
    edges = {
        ("thing", "tagged", "tag"): [[1, 2, 3, 4], [0, 0, 1, 2]],
        ("tag", "rev_tagged", "thing"): [[0, 0, 1, 2], [1, 2, 3, 4]],
        ("thing", "beside", "thing"): [[3, 0, 5], [0, 4, 6]],
        ("thing/text", "of", "thing"): [[0, 0], [1, 6]],
        ("thing", "rev_of", "thing/text"): [[1, 6], [0, 0]],
        ("shop", "sells", "thing"): [[0, 0], [5, 6]],
    }
    batch = GraphBatch(
        {name: torch.zeros(count, 1) for name, count in (("thing", 7), ("tag", 3), ("shop", 1))},
        {triple: torch.tensor(index) for triple, index in edges.items()},
        {},
        {},
    )
    kin = Contrast(hard_negatives=2).kin_in(batch, "thing", torch.arange(1, 7))
    assert kin.related.nonzero().tolist() == [[4, 5], [5, 4]]
    # The shop of 4 and 5 is not told, as they are related.
    assert kin.alike.nonzero().tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]
    assert neighbours_in(batch, "thing", torch.tensor([1])).unique(dim=1).shape == (2, 1)
    assert not Contrast(related="ignored").kin_in(batch, "thing", torch.arange(1, 7)).alike.any()
    assert Contrast().kin_in(batch, "thing", torch.arange(1, 7)) is None


def test_shares_are_those_of_relatives_and_sum_up_to_one(related):
    target = shared_target(related, 0.3)
    assert torch.allclose(target.sum(1), torch.ones(ROWS))
    assert ((target > 0) == (related | torch.eye(ROWS).bool())).all()
    alone = shared_target(torch.zeros(2, 2, dtype=torch.bool), 0.3)
    assert torch.equal(alone, torch.eye(2))


def reference_sup_con(features, labels, temperature):
    """SupContrast's losses.py, for one view: what the paper's authors published."""
    mask = torch.eq(labels[:, None], labels[None]).to(features)
    logits = features @ features.T / temperature
    logits = logits - logits.max(dim=1, keepdim=True).values
    logits_mask = 1 - torch.eye(len(features), dtype=features.dtype)
    mask = mask * logits_mask
    log_prob = logits - torch.log((torch.exp(logits) * logits_mask).sum(1, keepdim=True))
    return -((mask * log_prob).sum(1) / mask.sum(1)).mean()


def test_supervised_contrastive_is_what_its_authors_published():
    torch.manual_seed(0)
    x, labels = torch.randn(9, 4, dtype=torch.float64), torch.tensor([0, 1, 2] * 3)
    wanted = reference_sup_con(F.normalize(x, dim=1), labels, 0.1)
    assert supervised_contrastive(x, labels).item() == pytest.approx(wanted.item(), abs=1e-10)


def test_who_is_alone_in_its_class_is_no_anchor_and_who_has_none_is_a_negative():
    torch.manual_seed(0)
    x = torch.randn(4, 3, dtype=torch.float64)
    alone = supervised_contrastive(x, torch.tensor([0, 0, 1, 2]))
    unknown = supervised_contrastive(x, torch.tensor([0, 0, -1, -1]))
    assert alone.item() == pytest.approx(unknown.item())
    z = F.normalize(x, dim=1) @ F.normalize(x, dim=1).T / 0.1
    wanted = sum(-z[i, 1 - i] + torch.logsumexp(z[i][torch.arange(4) != i], 0) for i in (0, 1)) / 2
    assert alone.item() == pytest.approx(wanted.item())
    assert supervised_contrastive(x, torch.arange(4)).item() == 0
