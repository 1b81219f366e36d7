"""Contrastive losses: equal to brute force, and to the formulas of those who published them."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks.objectives import (
    Contrast,
    Kin,
    LogitScale,
    SparsePairs,
    info_nce,
    neighbours_in,
    pair_sigmoid,
    related_pairs,
    shared_target,
    sparse_pairs,
    supervised_contrastive,
    two_steps_away,
)

ROWS = 7


@pytest.fixture
def logits():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(ROWS, ROWS, generator=generator, dtype=torch.float64) * 3


@pytest.fixture
def ties():
    upper = torch.rand(ROWS, ROWS, generator=torch.Generator().manual_seed(1)).triu(1) > 0.7
    return upper | upper.T


@pytest.fixture
def kin(ties):
    pairs = ties.nonzero().T
    return Kin(pairs, two_steps_away(pairs, pairs, ROWS))


@pytest.fixture(params=[1, 3, 100])
def rows_of_a_tile(request, monkeypatch):
    """Cut the matrix of logits into tiles of so many rows; the last one has fewer."""
    monkeypatch.setattr(sparse_pairs, "_ENTRIES", request.param * ROWS)
    return request.param


def given(logits):
    """Return vectors whose inner products these logits are."""
    return logits, torch.eye(ROWS, dtype=logits.dtype)


def dense(pairs, values=True):
    found = torch.zeros(ROWS, ROWS, dtype=torch.float64)
    found[pairs[0], pairs[1]] = torch.as_tensor(values, dtype=found.dtype)
    return found


def told(target, weight):
    """Return what is said where it is said of all pairs."""
    index = torch.ones(ROWS, ROWS).nonzero().T
    return SparsePairs(index, target.flatten(), weight.flatten())


def test_info_nce_is_the_loss_of_clip(logits, rows_of_a_tile):
    # As open_clip writes it, loss.py: ClipLoss.
    labels = torch.arange(ROWS)
    wanted = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    assert info_nce(*given(logits)).item() == pytest.approx(wanted.item(), abs=1e-12)


def dense_info_nce(logits, target, weight):
    """Return the loss of the whole matrix, whose gradient torch takes."""
    weight = torch.where(target > 0, weight.clamp_min(1), weight)
    losses = []
    for given, q, w in ((logits, target, weight), (logits.T, target.T, weight.T)):
        right = (q / q.sum(1, keepdim=True) * given).sum(1)
        losses.append(((given + w.log()).logsumexp(1) - right).mean())
    return sum(losses) / 2


def dense_pair_sigmoid(logits, target, weight):
    losses = target * F.logsigmoid(logits) + (1 - target) * F.logsigmoid(-logits)
    return -(weight * losses).sum() / len(logits)


DENSE = {"info_nce": dense_info_nce, "sigmoid": dense_pair_sigmoid}


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


def target_and_weight(kin, related, hard):
    """Return what a graph's word makes of all pairs, by the definition."""
    eye, ties = torch.eye(ROWS, dtype=torch.float64), dense(kin.related)
    weight = 1 + (hard - 1) * dense(kin.alike)
    if related == "shared":
        count = ties.sum(1, keepdim=True)
        return eye * torch.where(count > 0, 0.6, 1.0) + 0.4 * ties / count.clamp_min(1), weight
    return eye, weight * (1 - ties) if related == "ignored" else weight


@pytest.mark.parametrize("hard", [1.0, 4.0])
@pytest.mark.parametrize("related", ["negative", "ignored", "shared"])
@pytest.mark.parametrize("loss", ["info_nce", "sigmoid"])
def test_loss_and_gradients_are_those_of_the_whole_matrix(kin, loss, related, hard, rows_of_a_tile):
    generator = torch.Generator().manual_seed(3)
    query, answer = (
        torch.randn(ROWS, 4, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2)
    )
    target, weight = target_and_weight(kin, related, hard)
    wanted = DENSE[loss](query @ answer.T, target, weight)
    found = Contrast(loss, related=related, share=0.4, hard_negatives=hard).of(query, answer, kin)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-12)
    # As a part of something else, by whose gradient it is multiplied.
    for one, other in zip(
        torch.autograd.grad(3 * found, (query, answer)),
        torch.autograd.grad(3 * wanted, (query, answer)),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    if loss == "info_nce":
        assert found.item() == pytest.approx(brute_info_nce((query @ answer.T).detach(), target, weight))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("info_nce", 0.0), ("sigmoid", (math.log1p(math.exp(-5)) + math.log1p(math.exp(-1.5))) / 2)],
)
def test_a_pair_that_outweighs_all_others_is_left_out_without_a_trace(name, wanted):
    """Its share of a sum is all but everything: what is taken off that sum leaves nothing."""
    query = torch.tensor([[100.0, 0.0], [0.0, 3.0]], requires_grad=True)
    answer = torch.tensor([[0.05, 1.0], [1.0, 0.5]])
    tied = Kin(torch.tensor([[0, 1], [1, 0]]), torch.empty(2, 0, dtype=torch.int64))
    loss = Contrast(name, related="ignored").of(query, answer, tied)
    (gradient,) = torch.autograd.grad(loss, query)
    assert loss.item() == pytest.approx(wanted, abs=1e-6)
    assert gradient[0].abs().max() < 1e-2


@pytest.mark.parametrize("loss", [info_nce, pair_sigmoid])
def test_what_is_said_of_pairs_may_be_said_of_all(logits, loss):
    generator = torch.Generator().manual_seed(2)
    target, weight = (torch.rand(ROWS, ROWS, generator=generator, dtype=torch.float64) for _ in range(2))
    dense_loss = DENSE["info_nce" if loss is info_nce else "sigmoid"]
    found = loss(*given(logits), told(target, weight))
    assert found.item() == pytest.approx(dense_loss(logits, target, weight).item(), abs=1e-12)


@pytest.mark.parametrize("loss", [info_nce, pair_sigmoid])
def test_products_of_half_precision_are_not_taken(logits, loss):
    one, other = logits.float(), torch.randn(ROWS, ROWS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(one, other)
    assert found.item() == loss(one, other).item()


def test_what_is_taken_out_gets_no_gradient(logits, kin):
    logits.requires_grad_()
    ties = dense(kin.related).bool()
    for loss in ("info_nce", "sigmoid"):
        value = Contrast(loss, related="ignored").of(*given(logits), kin)
        (gradient,) = torch.autograd.grad(value, logits)
        assert ties.any()
        assert (gradient[ties] == 0).all()
        assert (gradient[~ties] != 0).all()


def test_a_hard_negative_is_pushed_more(logits, kin):
    logits.requires_grad_()
    hard = dense(kin.alike).bool()
    for loss in ("info_nce", "sigmoid"):
        plain, harder = (
            torch.autograd.grad(Contrast(loss, hard_negatives=weight).of(*given(logits), kin), logits)[0]
            for weight in (1.0, 3.0)
        )
        assert hard.any()
        assert (harder[hard] > plain[hard]).all()


def test_relatives_that_share_the_target_are_drawn_near(logits, kin):
    related = dense(kin.related).bool()
    logits = torch.zeros_like(logits).requires_grad_()
    for loss in ("info_nce", "sigmoid"):
        value = Contrast(loss, related="shared", share=0.9).of(*given(logits), kin)
        (gradient,) = torch.autograd.grad(value, logits)
        others = ~related & ~torch.eye(ROWS, dtype=torch.bool)
        assert gradient[related].mean() < gradient[others].mean()


def test_pair_sigmoid_is_the_loss_of_siglip(logits, rows_of_a_tile):
    # The pseudocode of the paper, algorithm 1.
    labels = 2 * torch.eye(ROWS, dtype=torch.float64) - torch.ones(ROWS, ROWS)
    wanted = -torch.sum(F.logsigmoid(labels * logits)) / ROWS
    assert pair_sigmoid(*given(logits)).item() == pytest.approx(wanted.item(), abs=1e-12)


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
        info_nce(left, right).backward()
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
        contrast.of(left, right).backward()
        optimiser.step()
    assert ((left @ right.T).argmax(1) == torch.arange(20)).all()


def test_related_are_those_that_an_edge_ties_in_either_direction():
    edges = [torch.tensor([[0, 4, 9], [4, 5, 0]]), torch.tensor([[5, 5], [5, 9]])]
    rows = torch.tensor([4, 0, 5])
    assert related_pairs(rows, edges, 10).T.tolist() == [[0, 1], [0, 2], [1, 0], [2, 0]]


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
    assert kin.related.T.tolist() == [[4, 5], [5, 4]]
    # The shop of 4 and 5 is not told, as they are related.
    assert kin.alike.T.tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]
    assert neighbours_in(batch, "thing", torch.tensor([1])).unique(dim=1).shape == (2, 1)
    assert Contrast(related="ignored").kin_in(batch, "thing", torch.arange(1, 7)).alike.shape == (2, 0)
    assert Contrast().kin_in(batch, "thing", torch.arange(1, 7)) is None


@pytest.mark.parametrize("edges", [0, 1, 40])
def test_pairs_two_steps_away_are_those_of_the_square_of_the_matrix(edges):
    generator = torch.Generator().manual_seed(edges)
    tied = torch.randint(ROWS, (2, edges), generator=generator)
    beside = torch.stack([tied[0], tied[1] % 4 + ROWS])
    related = related_pairs(torch.arange(ROWS), [tied[:, ::3]], ROWS)
    has = torch.zeros(ROWS, ROWS + 4, dtype=torch.bool)
    has[beside[0], beside[1]] = True
    wanted = (has.float() @ has.float().T > 0) & ~torch.eye(ROWS, dtype=torch.bool)
    wanted[related[0], related[1]] = False
    assert two_steps_away(beside, related, ROWS).T.tolist() == wanted.nonzero().tolist()


def test_shares_are_those_of_relatives_and_sum_up_to_one(kin):
    own, others = shared_target(kin.related, ROWS, 0.3)
    target = torch.diag(own).double() + dense(kin.related, others)
    assert torch.allclose(target.sum(1), torch.ones(ROWS, dtype=torch.float64))
    assert ((target > 0) == (dense(kin.related).bool() | torch.eye(ROWS).bool())).all()
    alone, nobody = shared_target(torch.empty(2, 0, dtype=torch.int64), 2, 0.3)
    assert (alone.tolist(), nobody.tolist()) == ([1, 1], [])


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


@pytest.mark.parametrize("related", ["ignored", "shared"])
@pytest.mark.parametrize("loss", ["info_nce", "sigmoid"])
def test_pairs_of_different_folds_are_not_compared(logits, kin, loss, related):
    fold = torch.tensor([0, 1, 1, 0, 2, 2, 0])
    same = fold[:, None] == fold
    within = Kin(*(pairs[:, same[pairs[0], pairs[1]]] for pairs in kin))
    assert all(0 < kept.shape[1] < every.shape[1] for kept, every in zip(within, kin, strict=True))
    target, weight = target_and_weight(within, related, 3.0)
    wanted = DENSE[loss](logits, target, weight * same)
    contrast = Contrast(loss, related=related, share=0.4, hard_negatives=3.0)
    assert contrast.of(*given(logits), kin, fold).item() == pytest.approx(wanted.item(), abs=1e-12)
    # What the logits of other folds are, says nothing.
    other = logits.masked_fill(~same, 5.0)
    assert contrast.of(*given(other), kin, fold).item() == pytest.approx(wanted.item(), abs=1e-12)


def test_a_temperature_at_its_limit_can_rise_again():
    scale = LogitScale()
    with torch.no_grad():
        scale.log_scale.fill_(7.0)
    one, other = scale(torch.eye(2), torch.eye(2).flip(0))
    assert scale.log_scale.item() == pytest.approx(math.log(100))
    # All pairs are wrong, so that less certainty is better.
    F.cross_entropy(one @ other.T, torch.arange(2)).backward()
    assert scale.log_scale.grad.item() > 0.1
