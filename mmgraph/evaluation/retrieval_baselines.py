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
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mmgraph.relations.cca import CCA
from mmgraph.tasks.closed_form import ClosedForm
from mmgraph.tasks.matching import Matching
from mmgraph.tasks.pair_task import PairTask, Sides
from mmgraph.tasks.ridge_maps import KERNELS, Kernel, RidgeLikeness

Found = tuple[Sides, dict[str, Any]]
"""What both sides are, and what was chosen on validation."""

_COMPONENTS, _SHRINKAGES = (16, 64, 256), (0.1, 0.3, 0.6, 0.9)
_WIDTH = 64


def chance(task: PairTask) -> Found:
    """Return vectors at random: what the size of the gallery alone gives.

    Args:
        task: The task.
    """
    sides = torch.randn(len(task.labels), 2, _WIDTH, generator=torch.Generator().manual_seed(0))
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
    """Return ridge regression in both directions, each penalty chosen on training pairs left out of the fit.

    See :class:`~mmgraph.tasks.ridge_maps.RidgeLikeness`.

    Args:
        task: The task.
    """
    return _by_ridge(task, "linear")


def kernel_map(task: PairTask) -> Found:
    """Return the same, linear or with a Gaussian kernel, where that is better.

    Args:
        task: The task.
    """
    return _by_ridge(task, *KERNELS)


def closed_form(task: PairTask) -> Found:
    """Return the same and canonical correlations together: what ``contrastive.ridge`` begins with.

    See :class:`~mmgraph.tasks.closed_form.ClosedForm`. What it chooses, it chooses on training pairs.

    Args:
        task: The task.
    """
    return _likeness(task, task.fit_closed_form()[0])


def _by_ridge(task: PairTask, *kernels: Kernel) -> Found:
    return _likeness(task, task.fit_ridge(*kernels)[0])


def _likeness(task: PairTask, likeness: RidgeLikeness | ClosedForm) -> Found:
    def output(rows: Tensor) -> Tensor:
        return torch.stack(likeness(*task.modalities(rows), task.fold[rows]), dim=1)

    return output, likeness.describe()


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
    one, other = (x.double().numpy() for x in task.modalities(rows))
    return one, other


def _placed(fitted: CCA, view: int, components: int) -> _Map:
    return lambda features: fitted.place(view, features)[:, :components]


def _sides(task: PairTask, query: _Map, answer: _Map) -> Sides:
    """Return both sides of entities, whose inner products are cosines."""

    def output(rows: Tensor) -> Tensor:
        held = [x.double().numpy() for x in task.modalities(rows)]
        sides = [torch.from_numpy(map_(x)).float() for map_, x in zip((query, answer), held, strict=True)]
        return torch.stack([F.normalize(side, dim=1) for side in sides], dim=1)

    return output


def _best(task: PairTask, tried: Iterable[Found]) -> Found:
    """Return what has the best watched metric on validation; among equal ones the first."""
    rows, metric = task.rows("validation"), task.monitor[0]
    return max(tried, key=lambda found: task.metrics(task.judge(found[0], rows), rows)[metric])
