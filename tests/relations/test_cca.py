"""Canonical correlation analysis against the textbook's equation and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from sklearn.cross_decomposition import CCA as SklearnCCA

from mmgraph.relations.cca import CCA


def views(n=300, seed=0):
    """Return two views of the same things, which share two directions."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 2))
    x = shared @ rng.normal(size=(2, 5)) + rng.normal(size=(n, 5))
    y = shared @ rng.normal(size=(2, 4)) + rng.normal(size=(n, 4)) + 3
    return x, y


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_it_solves_the_textbooks_equation(shrinkage):
    x, y = views()
    cca = CCA.fit(x, y, components=4, shrinkage=shrinkage)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)

    def covariance(view):
        c = view.T @ view / len(view)
        return (1 - shrinkage) * c + shrinkage * np.trace(c) / len(c) * np.eye(len(c))

    cxx, cyy, cxy = covariance(x), covariance(y), (1 - shrinkage) * x.T @ y / len(x)
    squares, directions = scipy.linalg.eigh(cxy @ np.linalg.inv(cyy) @ cxy.T, cxx)
    assert cca.correlations**2 == pytest.approx(squares[::-1][:4], abs=1e-9)
    for c in range(4):
        assert np.abs(cca.maps[0][:, c]) == pytest.approx(np.abs(directions[:, -1 - c]), abs=1e-6)
    assert cca.maps[0].T @ cxx @ cca.maps[0] == pytest.approx(np.eye(4), abs=1e-9)
    assert cca.maps[1].T @ cyy @ cca.maps[1] == pytest.approx(np.eye(4), abs=1e-9)


def test_without_shrinkage_it_agrees_with_scikit_learn():
    x, y = views()
    cca = CCA.fit(x, y, components=2, shrinkage=0.0)
    theirs = SklearnCCA(n_components=2, max_iter=5000, tol=1e-12).fit_transform(x, y)
    for view, (data, other) in enumerate(zip((x, y), theirs, strict=True)):
        ours = cca.place(view, data).astype(float)
        for c in range(2):
            assert abs(np.corrcoef(ours[:, c], other[:, c])[0, 1]) == pytest.approx(1, abs=1e-4)


def test_images_are_scaled_by_their_correlation():
    x, y = views()
    cca = CCA.fit(x, y, components=3, shrinkage=0.0)
    a, b = cca.place(0, x).astype(float), cca.place(1, y).astype(float)
    assert a.std(axis=0) == pytest.approx(cca.correlations, rel=1e-4)
    assert [np.corrcoef(a[:, c], b[:, c])[0, 1] for c in range(3)] == pytest.approx(
        cca.correlations, rel=1e-4
    )


def test_shrinkage_takes_away_what_agrees_by_chance():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 30)), rng.normal(size=(20, 30))
    assert CCA.fit(x, y, components=1, shrinkage=0.0).correlations[0] == pytest.approx(1)
    assert CCA.fit(x, y, components=1, shrinkage=0.5).correlations[0] < 0.9


def test_dimensions_that_do_not_vary_are_left_out():
    x, y = views()
    x = np.column_stack([x, np.ones(len(x)), x[:, 0]])
    cca = CCA.fit(x, y, components=10, shrinkage=0.0)
    assert np.isfinite(cca.place(0, x)).all()
    assert cca.place(0, x).shape == cca.place(1, y).shape == (len(x), 4)
