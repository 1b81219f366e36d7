from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from mmgraph.encoders.number_scale import NumberScale

METHODS = ["quantile", "log", "standard"]
POPULATIONS = 10 ** np.random.default_rng(0).uniform(1, 9, size=500)

finite = st.floats(-1e300, 1e300)
columns = arrays(np.float64, st.integers(1, 30), elements=finite | st.just(float("nan")))


@pytest.mark.parametrize("method", METHODS)
@given(training=columns, others=columns)
@example(training=np.array([1e-278, *[0.0] * 13]), others=np.array([5e29]))
def test_any_numbers_are_scaled_to_few_finite_ones(method, training, others):
    scaled = NumberScale.fit(training, method=method)(others)
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() <= 10
    assert not scaled[np.isnan(others)].any()


@pytest.mark.parametrize("method", METHODS)
def test_training_values_get_zero_mean_and_unit_variance(method):
    values = np.random.default_rng(1).lognormal(size=200)
    scaled = NumberScale.fit(values, method=method)(values)
    assert scaled.mean() == pytest.approx(0, abs=0.02)
    assert scaled.std() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_order_is_kept(method):
    scaled = NumberScale.fit(POPULATIONS[:200], method=method)(np.sort(POPULATIONS[:200]))
    assert (np.diff(scaled) >= 0).all()


def test_quantiles_of_heavy_tails_become_normal():
    scaled = NumberScale.fit(POPULATIONS, method="quantile")(np.sort(POPULATIONS))
    expected = norm.ppf((np.arange(500) + 0.5) / 500)
    np.testing.assert_allclose(scaled, expected, atol=0.05)


def test_heavy_tails_tell_small_values_apart_unless_merely_standardised():
    small = np.array([100.0, 10_000.0])
    spread = {m: np.ptp(NumberScale.fit(POPULATIONS, method=m)(small)) for m in METHODS}
    assert spread["quantile"] > 0.5
    assert spread["standard"] < 1e-3


def test_log_is_logarithmic_far_from_zero_in_both_directions():
    scale = NumberScale.fit(np.concatenate([POPULATIONS, -POPULATIONS]), method="log")
    steps = np.diff(scale(np.array([1e8, 1e9, 1e10])))
    assert steps[0] == pytest.approx(steps[1], rel=0.01)
    np.testing.assert_allclose(scale(np.array([1e9])), -scale(np.array([-1e9])), atol=0.05)


def test_values_beyond_the_training_ones_are_drawn_in():
    scale = NumberScale.fit(POPULATIONS, method="quantile")
    assert scale(np.array([1e30])) == scale(np.array([POPULATIONS.max()]))
    assert NumberScale.fit(np.array([1.0, 2.0]), method="standard")(np.array([1e9])) == [10.0]


def test_equal_values_share_the_middle_of_their_ranks():
    scale = NumberScale.fit(np.array([0.0, 0.0, 0.0, 5.0]), method="quantile")
    assert scale.points == [0.0, 5.0]
    np.testing.assert_allclose(norm.cdf(scale.scores), [3 / 8, 7 / 8])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("values", [[3.0, 3.0, 3.0], [7.0], [np.nan, np.nan], [0.1] * 9])
def test_a_column_that_tells_nothing_is_zero(method, values):
    scale = NumberScale.fit(np.array(values), method=method)
    assert scale(np.array([3.0, 7.0, 1e9, np.nan])).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("method", METHODS)
def test_json_keeps_every_bit(method):
    scale = NumberScale.fit(POPULATIONS, method=method)
    again = NumberScale(**json.loads(json.dumps(asdict(scale))))
    assert again(POPULATIONS).tobytes() == scale(POPULATIONS).tobytes()


def test_of_many_different_values_a_thousand_are_kept():
    values = np.random.default_rng(2).lognormal(size=20_000)
    scale = NumberScale.fit(values, method="quantile")
    assert len(scale.points) == 1_000
    expected = norm.ppf((np.argsort(np.argsort(values)) + 0.5) / 20_000)
    assert np.corrcoef(scale(values), expected)[0, 1] > 0.999
