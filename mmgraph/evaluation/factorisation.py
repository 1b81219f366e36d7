"""Matrix factorisations of links: truncated singular value decompositions, and alternating least squares.

Shapes: N sources, M targets, R components.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD

_RANKS, _POWERS = (4, 8, 16, 32, 64, 128), (1, 2, 3)
_ALS_RANKS, _ALS_PENALTIES, _ALS_CONFIDENCES = (8, 32), (0.1, 1.0), (1.0, 10.0, 40.0)
_ALS_ALONE = (16, 0.1, 10.0)
_FEW, _MANY = 10_000, 200_000
"""Up to how many nodes with links all settings of least squares are tried, and one."""

_STEPS = 10
_AT_ONCE = 2048

Factors = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Vectors of sources [N, R] and of targets [M, R], whose inner products are scores."""


def factorisations(adjacency: sp.csr_array) -> Iterator[tuple[dict[str, Any], Factors]]:
    """Yield factorisations of links, each with what was chosen for it.

    Of more than 10,000 nodes with links one setting of least squares is tried, of more than 200,000 none.

    Args:
        adjacency: Ones where a source has a link to a target, [N, M].
    """
    most = min(max(_RANKS), min(adjacency.shape) - 1)
    for normalised in (False, True) if most > 0 else ():
        matrix = _normalised(adjacency) if normalised else adjacency
        model = TruncatedSVD(most, n_iter=10, random_state=0)
        source, strength = model.fit_transform(matrix), model.singular_values_
        for rank, power in itertools.product(sorted({min(rank, most) for rank in _RANKS}), _POWERS):
            scaled = source[:, :rank] * strength[:rank] ** (power - 1)
            chosen = {"by": "svd", "components": rank, "power": power, "normalised": normalised}
            yield chosen, (scaled, model.components_[:rank].T)
    nodes = sum(map(len, _linked(adjacency)))
    settings = [*itertools.product(_ALS_RANKS, _ALS_PENALTIES, _ALS_CONFIDENCES)] if nodes <= _FEW else []
    for rank, penalty, confidence in settings or [_ALS_ALONE][: nodes <= _MANY]:
        chosen = {"by": "als", "components": rank, "penalty": penalty, "confidence": confidence}
        yield chosen, least_squares(adjacency, rank=rank, penalty=penalty, confidence=confidence)


def least_squares(adjacency: sp.csr_array, *, rank: int, penalty: float, confidence: float) -> Factors:
    """Return vectors by alternating least squares: every pair counts, those that are linked for more.

    Hu, Koren and Volinsky, `Collaborative filtering for implicit feedback datasets
    <https://doi.org/10.1109/ICDM.2008.22>`_, 2008.

    Args:
        adjacency: Ones where a source has a link to a target, [N, M].
        rank: How many components.
        penalty: Of the squared length of vectors.
        confidence: How much more a linked pair counts than another one.

    Example:
        >>> two_groups = sp.csr_array(np.kron(np.eye(2), np.ones((3, 3))))
        >>> source, target = least_squares(two_groups, rank=2, penalty=0.1, confidence=10.0)
        >>> (source @ target.T > 0.5)[0].tolist()
        [True, True, True, False, False, False]
    """
    rows, columns = _linked(adjacency)
    links = sp.csr_array(adjacency[rows][:, columns])
    back = sp.csr_array(links.T)
    target = np.random.default_rng(0).normal(scale=0.1, size=(len(columns), rank))
    for _ in range(_STEPS):
        source = _solved(links, target, penalty, confidence)
        target = _solved(back, source, penalty, confidence)
    # Who has no link is at 0, and need not be there while the others are sought.
    found = np.zeros((adjacency.shape[0], rank)), np.zeros((adjacency.shape[1], rank))
    found[0][rows], found[1][columns] = source, target
    return found


def _linked(adjacency: sp.csr_array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sources and the targets that have a link, ascending."""
    return np.flatnonzero(np.diff(adjacency.indptr)), np.unique(adjacency.indices).astype(np.int64)


def _solved(
    links: sp.csr_array, other: NDArray[np.float64], penalty: float, confidence: float
) -> NDArray[np.float64]:
    """Return the vectors of one end, each of which has a link, that fit those of the other one best."""
    rank = other.shape[1]
    common = other.T @ other + penalty * np.eye(rank)
    squares = (other[:, :, None] * other[:, None, :]).reshape(len(other), -1)
    found = np.empty((links.shape[0], rank))
    for start in range(0, len(found), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        own = links[rows]
        left = common + confidence * (own @ squares).reshape(-1, rank, rank)
        right = (1 + confidence) * (own @ other)
        found[rows] = np.linalg.solve(left, right[:, :, None])[:, :, 0]
    return found


def _normalised(adjacency: sp.csr_array) -> sp.csr_array:
    """Return a matrix whose entries are divided by the roots of both degrees."""
    rows, columns = (np.maximum(adjacency.sum(axis=axis), 1) ** -0.5 for axis in (1, 0))
    return sp.csr_array(adjacency.multiply(rows[:, None]).multiply(columns[None]))
