"""Tests and intervals against scipy and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mmgraph.evaluation.statistics import Part, between_seeds, holm, over_seeds, over_splits, spread


@pytest.fixture
def values() -> list[float]:
    """Return eight numbers around 0.3."""
    return list(0.3 + 0.2 * np.random.default_rng(0).normal(size=8))


def test_without_overlap_it_is_the_usual_t_test(values: list[float]) -> None:
    found, wanted = over_splits(values, 0.0), stats.ttest_1samp(values, 0.0)
    assert found.p == pytest.approx(wanted.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(wanted.confidence_interval(0.95)))
    assert found.effect == pytest.approx(np.mean(values) / np.std(values, ddof=1))
    assert found.degrees == 7


def test_overlap_widens_the_interval_as_nadeau_and_bengio_say(values: list[float]) -> None:
    usual, corrected = over_splits(values, 0.0), over_splits(values, 0.25)
    wider = math.sqrt((1 / 8 + 0.25) / (1 / 8))
    assert corrected.high - corrected.mean == pytest.approx(wider * (usual.high - usual.mean))
    statistic = np.mean(values) / math.sqrt((1 / 8 + 0.25) * np.var(values, ddof=1))
    assert corrected.p == pytest.approx(2 * stats.t.sf(statistic, 7))


def test_the_variance_of_a_split_has_a_floor(values: list[float]) -> None:
    own = float(np.var(values, ddof=1))
    assert over_splits(values, 0.25, least=own / 2) == over_splits(values, 0.25)
    wider = over_splits(values, 0.25, least=4 * own)
    assert wider.by_least
    assert not over_splits(values, 0.25, least=own / 2).by_least
    assert wider.high - wider.mean == pytest.approx(2 * (over_splits(values, 0.25).high - wider.mean))


def test_between_seeds_is_welch(values: list[float]) -> None:
    other = [0.1, 0.5, 0.2]
    found, wanted = between_seeds(values, other), stats.ttest_ind(values, other, equal_var=False)
    assert found.p == pytest.approx(wanted.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(wanted.confidence_interval(0.95)))
    assert found.degrees == pytest.approx(wanted.df)


def test_a_model_without_seeds_is_a_number(values: list[float]) -> None:
    found, wanted = between_seeds(values, [0.1]), stats.ttest_1samp(values, 0.1)
    assert found.p == pytest.approx(wanted.pvalue)
    assert found.mean == pytest.approx(np.mean(values) - 0.1)


def test_which_entities_are_tested_adds_to_the_doubt(values: list[float]) -> None:
    error = np.var(values, ddof=1) / 8
    found = over_seeds(values, drawn=Part(3 * error, 99))
    degrees = (4 * error) ** 2 / (error**2 / 7 + (3 * error) ** 2 / 99)
    assert found.degrees == pytest.approx(degrees)
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, degrees) * math.sqrt(4 * error))
    alone = over_seeds([0.5], drawn=Part(0.01, 50))
    assert (alone.degrees, alone.high) == pytest.approx((50, 0.5 + stats.t.ppf(0.975, 50) * 0.1))


def test_equal_values_leave_no_doubt() -> None:
    same, apart = over_splits([0.1 + 0.2, 0.3], 0.2), between_seeds([0.5, 0.5], [0.4])
    assert (same.low, same.high, same.p, same.effect) == (same.mean, same.mean, 0.0, math.inf)
    assert (apart.p, apart.effect) == (0.0, math.inf)
    assert (over_splits([0.0, 0.0], 0.2).p, over_splits([0.0, 0.0], 0.2).effect) == (1.0, 0.0)
    assert spread([7.0]) == 0.0


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03, 0.2]) == pytest.approx([0.09, 0.04, 0.09, 0.2])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_the_family_wise_error() -> None:
    rng = np.random.default_rng(1)
    wrong = sum(min(holm(list(rng.uniform(size=5)))) < 0.05 for _ in range(4000))
    assert wrong / 4000 == pytest.approx(0.05, abs=0.012)


def test_two_learners_that_are_equally_good_are_rarely_told_apart() -> None:
    # Each goes by the means of the classes in features of its own, which tell as much as those of the other.
    rng = np.random.default_rng(3)
    rates = {0.0: 0, 3 / 7: 0}
    for _ in range(200):
        kind = rng.integers(2, size=120)
        features = rng.normal(size=(2, 120, 4)) + 0.5 * kind[:, None]
        differences = []
        for _ in range(8):
            order = rng.permutation(120)
            train, test = order[:84], order[84:]
            means = np.stack([features[:, train[kind[train] == k]].mean(axis=1) for k in (0, 1)])
            distance = np.square(features[None, :, test] - means[:, :, None]).sum(axis=-1)
            right = (distance.argmin(axis=0) == kind[test]).mean(axis=1)
            differences.append(right[0] - right[1])
        for overlap in rates:
            rates[overlap] += over_splits(differences, overlap).p < 0.05
    assert rates[3 / 7] / 200 < 0.08
    assert rates[0.0] / 200 > 0.12


def test_corrected_splits_rarely_see_what_is_not_there() -> None:
    # Two rules that are right equally often, on random splits of the same 100 entities: what they differ by
    # on one split is known from the others in part, which the usual test does not know.
    rng = np.random.default_rng(2)
    rates = {0.0: 0, 0.25: 0}
    for _ in range(400):
        differs = rng.normal(size=100)
        means = [rng.choice(differs, 20, replace=False).mean() for _ in range(10)]
        for overlap in rates:
            rates[overlap] += over_splits(means, overlap).p < 0.05
    assert rates[0.25] / 400 < 0.08 < rates[0.0] / 400


def test_effects_count_which_entities_are_tested() -> None:
    first, second = [0.80, 0.82], [0.70, 0.72]
    alone, drawn = between_seeds(first, second), between_seeds(first, second, drawn=Part(0.0016, 99))
    assert alone.effect == pytest.approx(0.1 / np.sqrt(0.0002))
    assert drawn.effect == pytest.approx(0.1 / np.sqrt(0.0002 + 0.0016))
    turned = drawn.turned
    assert (turned.mean, turned.low, turned.high, turned.p) == (-drawn.mean, -drawn.high, -drawn.low, drawn.p)
