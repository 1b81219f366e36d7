"""Shapley values against games whose values are known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from mmgraph.evaluation.explanation.shapley import Known, important, shapley


def by_orders(value, players: int) -> np.ndarray:
    """Return the mean over all orders, which is what Shapley values are."""
    total = np.zeros(players)
    for order in itertools.permutations(range(players)):
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            total[player] += value(before | {player}) - value(before)
    return total / math.factorial(players)


def test_values_are_the_mean_over_all_orders():
    rng = np.random.default_rng(0)
    table = {frozenset(s): rng.normal() for n in range(6) for s in itertools.combinations(range(5), n)}
    found = shapley(Known(table.__getitem__), 5)
    assert found.values == pytest.approx(by_orders(table.__getitem__, 5))
    assert found.exact
    assert found.coalitions == 32
    assert found.values.sum() == pytest.approx(found.everybody - found.nobody)


def test_sampled_values_come_near_and_say_how_near():
    weights = np.arange(12.0)

    def value(who: frozenset[int]) -> float:
        # Pairs of neighbours add something together: no order gives it to one of them alone.
        return sum(weights[list(who)]) + 5.0 * sum({p, p + 1} <= who for p in range(0, 12, 2))

    found = shapley(Known(value), 12, orders=200, seed=1)
    truth = weights + 2.5
    assert not found.exact
    assert np.abs(found.values - truth).max() < 5 * max(found.errors.max(), 1e-12)
    assert found.values.sum() == pytest.approx(found.everybody - found.nobody)
    again = shapley(Known(value), 12, orders=200, seed=1)
    assert (again.values == found.values).all()
    rough = shapley(Known(lambda who: value(who) ** 2), 12, orders=8, seed=1)
    fine = shapley(Known(lambda who: value(who) ** 2), 12, orders=400, seed=1)
    assert (rough.errors > 0).all()
    assert rough.errors.mean() > 2 * fine.errors.mean()


def test_nobody_adds_nothing():
    found = shapley(Known(lambda who: 3.0), 0)
    assert found.values.shape == (0,)
    assert important(found) == frozenset()


def test_the_fewest_who_make_up_most_are_important():
    found = shapley(
        Known(lambda who: 7.0 * (0 in who) + 2.0 * (1 in who) + 1.0 * (2 in who) - 4 * (3 in who)), 4
    )
    assert important(found) == {0, 1}
    assert important(found, share=0.7) == {0}
    assert important(found, share=1.0) == {0, 1, 2}
