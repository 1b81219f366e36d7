"""How often what is said of an entity is nearer to its own answer than to those of others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmgraph.evaluation.audit.figures import DOUBT, at_least

TOP = 0.1
"""The part of the gallery that the own answer must stand in; by chance it does in as many cases."""

FEWEST = 20
"""Of a gallery of fewer than this nothing is said."""

_NOTHING = 1e-9


def own_share(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for which queries the own answer is in the first tenth of the gallery, bool [R].

    Args:
        scores: How well each query goes with each answer, [R, R]; the own one has the same number. Answers of
            the same score share their places.
    """
    own = np.diagonal(scores)[:, None]
    better, same = (scores > own).sum(axis=1), (scores == own).sum(axis=1)
    return np.asarray(better + (same + 1) / 2 <= max(TOP * len(scores), 1))


def surely(hits: NDArray[np.bool_], tests: int) -> float:
    """Return what the share of hits is at the least, with a doubt of 1 % for all that a check looks at."""
    return at_least(int(hits.sum()), len(hits), doubt=DOUBT / max(tests, 1))


def units(
    values: NDArray[np.float32] | NDArray[np.float64], centre: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the directions of vectors from a centre, float64 [R, D]."""
    apart = np.asarray(values, dtype=np.float64) - centre
    return np.asarray(apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), _NOTHING))
