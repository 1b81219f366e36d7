from __future__ import annotations

import numpy as np
import pytest

from mmgraph.encoders.standardise import Standardise
from mmgraph.errors import ConfigError, DataError

ROWS = np.random.default_rng(0).normal(5, [1, 100], size=(20, 2)).astype(np.float32)


def test_training_rows_get_zero_mean_and_unit_variance(raw, quiet):
    encoder = Standardise()
    described = encoder.describe(raw("features", ROWS), quiet)
    encoder.fit(described)
    features = encoder.transform(described)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(features.std(axis=0), 1, rtol=1e-5)


def test_none_leaves_every_bit(raw, quiet):
    encoder = Standardise(method="none")
    encoder.fit(ROWS)
    assert encoder.transform(encoder.describe(raw("features", ROWS), quiet)).tobytes() == ROWS.tobytes()


def test_vectors_of_another_width_are_refused():
    encoder = Standardise()
    encoder.fit(ROWS)
    with pytest.raises(DataError, match="got vectors of width 3; wanted 2"):
        encoder.transform(np.zeros((4, 3), dtype=np.float32))


def test_a_misspelt_method_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"got 'standart'.*Did you mean 'standard'\?"):
        Standardise.from_config({"method": "standart"}, where="a.yaml")
