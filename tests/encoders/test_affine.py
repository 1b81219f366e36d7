from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from mmgraph.encoders.affine import Affine

ROWS = np.random.default_rng(0).normal(3, [1, 10, 0.1, 1000], size=(50, 4)).astype(np.float32)


def test_standardising_is_scikit_learns():
    expected = StandardScaler().fit(ROWS.astype(float)).transform(ROWS.astype(float))
    np.testing.assert_allclose(Affine.standardising(ROWS)(ROWS), expected, rtol=1e-6)


def test_blocks_get_a_total_variance_of_one_and_keep_their_proportions():
    scaled = Affine.balancing(ROWS, [1, 3])(ROWS)
    assert scaled[:, :1].var(axis=0).sum() == pytest.approx(1)
    assert scaled[:, 1:].var(axis=0).sum() == pytest.approx(1)
    assert scaled[:, 3].std() / scaled[:, 1].std() == pytest.approx(ROWS[:, 3].std() / ROWS[:, 1].std())


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8, -3e30])
@pytest.mark.parametrize("fit", [Affine.standardising, lambda rows: Affine.balancing(rows, [1])])
def test_a_constant_column_is_zero_also_where_it_is_not_constant(value, fit):
    scale = fit(np.full((7, 1), value, dtype=np.float32))
    assert scale(np.array([[value], [5.0]])).tolist() == [[0.0], [0.0]]


def test_great_values_do_not_overflow():
    rows = np.array([[-3e38], [3e38]], dtype=np.float32)
    assert Affine.standardising(rows)(rows).tolist() == [[-1.0], [1.0]]
