"""Ranking metrics equal torchmetrics, scikit-learn and the definition spelt out, and ties favour nobody."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, ndcg_score
from torch import Tensor
from torchmetrics.functional.retrieval import (
    retrieval_average_precision,
    retrieval_normalized_dcg,
    retrieval_recall,
    retrieval_reciprocal_rank,
)

from mmgraph.errors import DivergedError
from mmgraph.tasks.ranking import join, rank

QUERIES, CANDIDATES = 7, 23


@pytest.fixture(params=[0, 1, 2])
def drawn(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor]:
    """Scores without ties and at least one relevant candidate of each query."""
    generator = torch.Generator().manual_seed(request.param)
    scores = torch.rand(QUERIES, CANDIDATES, generator=generator)
    relevant = torch.rand(QUERIES, CANDIDATES, generator=generator) < 0.2
    relevant[:, 5] = True
    return scores, relevant


@pytest.mark.parametrize("k", [1, 3, 10, 100])
def test_metrics_equal_those_of_torchmetrics(drawn: tuple[Tensor, Tensor], k: int) -> None:
    scores, relevant = drawn
    ranking, rows = rank(scores, relevant), list(zip(scores, relevant, strict=True))
    recall = [retrieval_recall(s, r, top_k=min(k, CANDIDATES)).item() for s, r in rows]
    gain = [retrieval_normalized_dcg(s, r, top_k=min(k, CANDIDATES)).item() for s, r in rows]
    assert ranking.recall(k) == pytest.approx(np.mean(recall), abs=1e-6)
    assert ranking.ndcg(k) == pytest.approx(np.mean(gain), abs=1e-6)
    precision = [retrieval_average_precision(s, r).item() for s, r in rows]
    assert ranking.mean_average_precision() == pytest.approx(np.mean(precision), abs=1e-6)


def test_mrr_of_one_relevant_candidate_equals_that_of_torchmetrics(drawn: tuple[Tensor, Tensor]) -> None:
    scores, _ = drawn
    relevant = torch.zeros_like(scores, dtype=torch.bool)
    relevant[:, 5] = True
    expected = [retrieval_reciprocal_rank(s, r).item() for s, r in zip(scores, relevant, strict=True)]
    assert rank(scores, relevant).mrr() == pytest.approx(np.mean(expected), abs=1e-6)


@pytest.mark.parametrize("k", [1, 4, 10])
def test_ties_are_treated_as_scikit_learn_does(drawn: tuple[Tensor, Tensor], k: int) -> None:
    scores, relevant = drawn
    coarse = (scores * 5).round()
    ranking = rank(coarse, relevant)
    assert ranking.ndcg(k) == pytest.approx(ndcg_score(relevant.numpy(), coarse.numpy(), k=k))
    precision = [average_precision_score(r.numpy(), s.numpy()) for s, r in zip(coarse, relevant, strict=True)]
    assert ranking.mean_average_precision() == pytest.approx(np.mean(precision))


def test_every_metric_with_ties_and_exclusions_equals_the_mean_over_all_orders() -> None:
    scores = torch.tensor([[3.0, 2.0, 2.0, 2.0, 1.0, 9.0]])
    relevant = torch.tensor([[False, True, True, False, False, False]])
    excluded = torch.tensor([[False, False, False, False, False, True]])
    recalls, ranks = [], []
    for order in itertools.permutations((1, 2, 3)):
        places = {candidate: place for place, candidate in enumerate([0, *order, 4])}
        recalls.append(sum(places[c] < 2 for c in (1, 2)) / 2)
        ranks.append([1 + (places[0] < places[c]) + (places[3] < places[c]) for c in (1, 2)])
    ranking = rank(scores, relevant, excluded)
    assert ranking.recall(2) == pytest.approx(np.mean(recalls))
    assert ranking.ranks.tolist() == np.mean(ranks, axis=0).tolist() == [2.5, 2.5]
    assert ranking.mrr() == pytest.approx(np.mean(1 / np.array(ranks)))
    assert ranking.hits(2) == np.mean(np.array(ranks) <= 2) == 0.5
    assert ranking.num_candidates.tolist() == [4, 4]


def test_filtered_ranks_equal_brute_force(drawn: tuple[Tensor, Tensor]) -> None:
    scores, relevant = drawn
    excluded = (torch.arange(QUERIES * CANDIDATES).view(QUERIES, -1) % 4 == 0) & ~relevant
    ranking, expected = rank(scores, relevant, excluded), []
    for query, candidate in relevant.nonzero().tolist():
        others = scores[query][~relevant[query] & ~excluded[query]]
        expected.append(1 + int((others > scores[query, candidate]).sum()))
    assert ranking.ranks.tolist() == expected
    assert ranking.hits(3) == np.mean(np.array(expected) <= 3)
    assert ranking.median_rank() == np.median(expected)
    assert ranking.mrr() == pytest.approx(np.mean(1 / np.array(expected)))


def test_scores_that_are_all_alike_are_as_good_as_chance() -> None:
    relevant = torch.zeros(2, 101, dtype=torch.bool)
    relevant[0, 0] = relevant[1, 100] = True
    ranking = rank(torch.zeros(2, 101), relevant)
    assert ranking.ranks.tolist() == [51, 51]
    assert ranking.recall(10) == pytest.approx(10 / 101)
    assert ranking.hits(10) == pytest.approx(10 / 101)
    assert ranking.mrr() == pytest.approx(np.mean(1 / np.arange(1, 102)))


def test_parts_joined_equal_the_whole(drawn: tuple[Tensor, Tensor]) -> None:
    scores, relevant = drawn
    relevant[3] = False
    whole = rank(scores, relevant)
    joined = join(rank(scores[rows], relevant[rows]) for rows in ([0, 1, 2], [3], [4, 5, 6]))
    for metric in (lambda r: r.recall(3), lambda r: r.ndcg(3), lambda r: r.mean_average_precision()):
        assert metric(joined) == metric(whole)
    assert joined.ranks.tolist() == whole.ranks.tolist()
    some = whole.query < 2
    assert whole.take(some).ranks.tolist() == whole.ranks[some].tolist()


def test_a_score_that_is_not_finite_is_refused() -> None:
    scores = torch.tensor([[0.0, float("nan")]])
    with pytest.raises(DivergedError, match="not finite"):
        rank(scores, torch.tensor([[True, False]]))
