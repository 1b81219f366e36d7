from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from mmgraph.encoders.principal import PrincipalComponents

ROWS = np.random.default_rng(0).normal(size=(200, 30)) @ np.random.default_rng(1).normal(size=(30, 30))


def fit(rows, components=8, widths=None):
    return PrincipalComponents.fit(rows, widths=widths or [rows.shape[1]], components=components)


@pytest.mark.parametrize("rows", [ROWS, ROWS[:20]], ids=["many rows", "fewer rows than columns"])
def test_they_are_scikit_learns_up_to_one_factor(rows):
    expected = PCA(8, svd_solver="full").fit_transform(rows)
    got = fit(rows)(rows)
    signs = np.sign((expected * got).sum(axis=0))
    factor = np.linalg.norm(got) / np.linalg.norm(expected)
    np.testing.assert_allclose(got, expected * signs * factor, atol=1e-5)


def test_the_largest_entry_of_every_direction_is_positive():
    """The sign would be arbitrary otherwise, and could differ between machines."""
    directions = fit(ROWS).directions
    assert (directions.max(axis=0) == np.abs(directions).max(axis=0)).all()


def test_their_mean_variance_is_one():
    assert fit(ROWS)(ROWS).var(axis=0).mean() == pytest.approx(1, rel=1e-5)


def test_there_are_no_more_than_the_rows_vary_in():
    assert fit(ROWS[:4]).channels == 3
    low_rank = ROWS[:, :5] @ np.random.default_rng(2).normal(size=(5, 30))
    assert fit(low_rank).channels == 5


def test_equal_rows_give_one_channel_of_zeros():
    components = fit(np.ones((3, 4)))
    assert components.channels == 1
    assert components(np.array([[5.0, 1, 1, 1]])).tolist() == [[0.0]]


def test_a_part_that_varies_wildly_does_not_drown_another():
    signal = np.random.default_rng(3).normal(size=(200, 1))
    noise = 1000 * np.random.default_rng(4).normal(size=(200, 29))
    rows = np.concatenate([signal, noise], axis=1)
    first = fit(rows, 1, [1, 29])(rows)[:, 0]
    assert abs(np.corrcoef(first, signal[:, 0])[0, 1]) > 0.99
    drowned = fit(rows, 1, [30])(rows)[:, 0]
    assert abs(np.corrcoef(drowned, signal[:, 0])[0, 1]) < 0.5


def test_the_number_of_threads_does_not_change_a_bit():
    rows = np.random.default_rng(5).normal(size=(3000, 200))
    results = []
    for threads in (1, 4):
        with threadpool_limits(threads):
            components = fit(rows, 64)
            results.append((components.directions.tobytes(), components(rows).tobytes()))
    assert results[0] == results[1]


def test_they_come_back_from_their_arrays():
    components = fit(ROWS)
    again = PrincipalComponents.from_arrays(components.arrays())
    assert again(ROWS).tobytes() == components(ROWS).tobytes()
