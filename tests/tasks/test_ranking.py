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

from mmgraph.errors import ConfigError, DivergedError
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


def test_arrays_numbers_and_lists_say_the_same_as_tensors() -> None:
    scores = torch.tensor([[3, 2, 2], [0, 5, 1]])
    relevant = torch.tensor([[False, True, False], [True, False, False]])
    expected = [2.5, 3.0]
    assert rank(scores, relevant).ranks.tolist() == expected
    assert rank(scores.numpy(), relevant.numpy()).ranks.tolist() == expected
    assert rank(scores.tolist(), relevant.int().tolist()).ranks.tolist() == expected
    assert rank(scores.numpy(), relevant.numpy(), scores.numpy() == 3).ranks.tolist() == [1.5, 3.0]


@pytest.mark.parametrize("shape", [(3, 5), (3, 0), (0, 5)])
def test_without_a_relevant_candidate_every_metric_is_nan(shape: tuple[int, int]) -> None:
    ranking = rank(torch.rand(shape), torch.zeros(shape, dtype=torch.bool))
    metrics = [ranking.mrr(), ranking.median_rank(), ranking.hits(1), ranking.recall(1), ranking.ndcg(1)]
    assert np.isnan([*metrics, ranking.mean_average_precision()]).all()


def test_a_gallery_of_one_is_no_task() -> None:
    ranking = rank(torch.rand(3, 1), torch.ones(3, 1, dtype=torch.bool))
    metrics = [ranking.mrr(), ranking.median_rank(), ranking.hits(1), ranking.recall(9), ranking.ndcg(9)]
    assert metrics == pytest.approx([1] * 5)


@pytest.mark.parametrize(
    ("relevant", "wanted"),
    [
        ([True, False, True], r"relevant: got \[3\] beside scores of \[2, 3\]"),
        ([[2, 0, 1], [0, 0, 1]], "relevant: got numbers other than 0 and 1"),
    ],
)
def test_what_says_of_no_candidate_yes_or_no_is_refused(relevant: list[object], wanted: str) -> None:
    with pytest.raises(ConfigError, match=wanted):
        rank(torch.rand(2, 3), np.array(relevant))


def test_the_first_none_are_refused() -> None:
    ranking = rank(torch.rand(2, 3), torch.ones(2, 3, dtype=torch.bool))
    for metric in (ranking.hits, ranking.recall, ranking.ndcg):
        with pytest.raises(ConfigError, match="k: got 0; wanted at least 1"):
            metric(0)
