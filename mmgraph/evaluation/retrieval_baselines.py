"""Baselines for two modalities that read these alone: chance, canonical correlations, linear maps.

Shapes: N entities, T for training, R of any, P and Q widths of the two modalities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from torch import Tensor

from mmgraph.relations.cca import CCA
from mmgraph.tasks.matching import Matching
from mmgraph.tasks.pair_task import PairTask, Sides

Found = tuple[Sides, dict[str, Any]]
"""What both sides are, and what was chosen on validation."""

_COMPONENTS, _SHRINKAGES = (16, 64, 256), (0.1, 0.3, 0.6, 0.9)
_PENALTIES = tuple(10.0**power for power in range(-2, 5))
_WIDTH = 64


def chance(task: PairTask) -> Found:
    """Return vectors at random: what the size of the gallery alone gives.

    Args:
        task: The task.
    """
    sides = torch.randn(len(task.labels.ids), 2, _WIDTH, generator=torch.Generator().manual_seed(0))
    return (lambda rows: sides[rows]), {}


def cca(task: PairTask) -> Found:
    """Return canonical correlation analysis, its components and its shrinkage chosen on validation.

    See :class:`~mmgraph.relations.cca.CCA`. Vectors are compared by their cosine.

    Args:
        task: The task.
    """
    x, y = _training(task)
    # The maps for fewer components are the first columns of those for more.
    fits = {s: CCA.fit(x, y, components=max(_COMPONENTS), shrinkage=s) for s in _SHRINKAGES}

    def tried() -> Iterable[Found]:
        for components, shrinkage in product(_COMPONENTS, _SHRINKAGES):
            chosen = {"components": components, "shrinkage": shrinkage}
            yield _sides(task, *(_placed(fits[shrinkage], view, components) for view in (0, 1))), chosen

    return _best(task, tried())


def linear_map(task: PairTask) -> Found:
    """Return ridge regression from each modality to the other, its penalty chosen on validation.

    How well two go together is the cosine of what the query predicts and the answer, plus that of what the
    answer predicts and the query; both modalities less their means over the training entities.

    Args:
        task: The task.
    """
    x, y = _training(task)
    means = x.mean(axis=0), y.mean(axis=0)

    def tried() -> Iterable[Found]:
        for penalty in _PENALTIES:
            onwards = Ridge(alpha=penalty).fit(x - means[0], y - means[1])
            back = Ridge(alpha=penalty).fit(y - means[1], x - means[0])
            maps = (
                _joined(onwards.predict, lambda query: query, means[0]),
                _joined(lambda answer: answer, back.predict, means[1]),
            )
            yield _sides(task, *maps), {"alpha": penalty}

    return _best(task, tried())


def calibrated(task: Matching, sides: Sides) -> Sides:
    """Return sides whose inner products are logits, by a logistic regression on the pairs of validation.

    Args:
        task: Says which pairs these are.
        sides: What both sides of entities are.
    """
    logits = task.judge(sides, task.rows("validation"))[:, :-1].numpy()
    right = np.zeros(logits.shape, dtype=bool)
    right[:, 0] = True
    fitted = LogisticRegression().fit(logits.reshape(-1, 1), right.ravel())
    slope, bias = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])

    def output(rows: Tensor) -> Tensor:
        query, answer = sides(rows).unbind(dim=1)
        ones = answer.new_ones(len(answer), 1)
        return torch.stack([torch.cat([slope * query, bias * ones], 1), torch.cat([answer, ones], 1)], dim=1)

    return output


_Map = Callable[[NDArray[np.float64]], NDArray[Any]]


def _training(task: PairTask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both modalities of the training entities, float64 [T, P] and [T, Q]."""
    rows = task.rows("train")
    one, other = (content.of(rows).double().numpy() for content in task.content)
    return one, other


def _placed(fitted: CCA, view: int, components: int) -> _Map:
    return lambda features: fitted.place(view, features)[:, :components]


def _joined(in_answers: _Map, in_queries: _Map, mean: NDArray[np.float64]) -> _Map:
    """Return what a modality is among the answers beside what it is among the queries, each at length 1."""

    def join(features: NDArray[np.float64]) -> NDArray[Any]:
        parts = [torch.from_numpy(np.asarray(map_(features - mean))) for map_ in (in_answers, in_queries)]
        return torch.cat([F.normalize(part, dim=1) for part in parts], dim=1).numpy()

    return join


def _sides(task: PairTask, query: _Map, answer: _Map) -> Sides:
    """Return both sides of entities, whose inner products are cosines."""

    def output(rows: Tensor) -> Tensor:
        held = [content.of(rows).double().numpy() for content in task.content]
        sides = [torch.from_numpy(map_(x)).float() for map_, x in zip((query, answer), held, strict=True)]
        return torch.stack([F.normalize(side, dim=1) for side in sides], dim=1)

    return output


def _best(task: PairTask, tried: Iterable[Found]) -> Found:
    """Return what has the best watched metric on validation; among equal ones the first."""
    rows, metric = task.rows("validation"), task.monitor[0]
    return max(tried, key=lambda found: task.metrics(task.judge(found[0], rows), rows)[metric])
