"""Intervals inside the range of a metric: against Wilson's own, in their range, and as often right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mmgraph.evaluation.bounds import bounded_difference, bounded_score
from mmgraph.evaluation.statistics import Part, estimate, over_seeds, over_splits


@pytest.mark.parametrize("hits", [1, 37, 88, 99])
def test_a_single_share_has_the_interval_of_wilson(hits: int) -> None:
    share = hits / 100
    plain = estimate(share, [Part(share * (1 - share) / 100, 1e12)], 0.0)
    found = bounded_score(plain, "accuracy", tested=100)
    wanted = stats.binomtest(hits, 100).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert (found.mean, found.p) == (plain.mean, plain.p)


def test_scores_at_an_end_leave_the_doubt_of_so_many_entities() -> None:
    found = bounded_score(over_splits([1.0] * 5, 0.5), "recall@10", tested=72)
    assert (found.low, found.high) == pytest.approx((72 / (72 + 1.959964**2), 1.0))
    assert bounded_score(over_seeds([0.0]), "accuracy", tested=72).high == pytest.approx(1 - found.low)


@pytest.mark.parametrize("metric", ["accuracy", "task/f1_score", "image_to_text_recall@10", "mrr"])
def test_shares_stay_between_0_and_1(metric: str) -> None:
    plain = over_splits([0.99, 0.9, 1.0, 0.97], 0.5)
    assert plain.high > 1
    found = bounded_score(plain, metric, tested=50)
    assert 0 < found.low < plain.mean < found.high < 1


def test_metrics_with_one_end_stay_on_their_side_of_it() -> None:
    plain = over_splits([0.1, 0.2, 0.05, 0.12], 0.5)
    assert plain.low < 0
    error = bounded_score(plain, "mean_absolute_error", tested=50)
    assert 0 < error.low < plain.mean < plain.high == error.high
    r2 = bounded_score(over_splits([0.9, 0.99, 0.8, 0.97], 0.5), "r2_score", tested=50)
    assert r2.low < 0.8 < r2.mean < r2.high < 1
    assert r2.low == over_splits([0.9, 0.99, 0.8, 0.97], 0.5).low
    assert bounded_score(plain, "weighted_score", tested=50) == plain


def test_a_metric_that_nobody_knows_has_no_ends() -> None:
    plain = over_splits([3.0, 9.0, 1.0], 0.5)
    assert bounded_score(plain, "perplexity", tested=9) == plain
    assert bounded_difference(plain, "perplexity") == plain


def test_differences_are_cut_off_at_what_is_possible() -> None:
    plain = over_splits([0.2, 0.9], 0.5)
    found = bounded_difference(plain, "accuracy")
    assert (found.low, found.high, found.p) == (-1.0, 1.0, plain.p)
    assert bounded_difference(plain, "r2_score") == plain


def test_the_interval_of_a_high_share_holds_it_as_often_as_it_says() -> None:
    # Shares near 1 that few seeds measure on 60 entities each.
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(600):
        found = bounded_score(over_seeds(list(rng.binomial(60, 0.97, 5) / 60)), "accuracy", tested=60)
        assert found.high <= 1
        held += found.low <= 0.97 <= found.high
    assert 0.93 < held / 600 < 0.99
