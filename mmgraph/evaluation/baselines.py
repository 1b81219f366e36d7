"""Baselines without a graph: linear models on features; for links, the links alone; for modalities, maps."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from torch import Tensor

from mmgraph.errors import ConfigError
from mmgraph.evaluation.label_baselines import one_vs_rest, prior
from mmgraph.evaluation.link_baselines import (
    Found,
    adamic_adar,
    common_neighbours,
    matrix_factorisation,
    popularity,
)
from mmgraph.evaluation.retrieval_baselines import Found as FoundSides
from mmgraph.evaluation.retrieval_baselines import (
    calibrated,
    cca,
    chance,
    closed_form,
    kernel_map,
    linear_map,
)
from mmgraph.tasks.classification import Classification
from mmgraph.tasks.entity_task import EntityTask
from mmgraph.tasks.link_prediction import LinkPrediction
from mmgraph.tasks.matching import Matching
from mmgraph.tasks.multi_label import MultiLabel
from mmgraph.tasks.pair_task import PairTask
from mmgraph.tasks.regression import Regression
from mmgraph.tasks.retrieval import Retrieval
from mmgraph.tasks.task import Task

_INVERSE_STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0, 10.0)
_PENALTIES = tuple(10.0**power for power in np.arange(-1, 6.5, 0.5))

Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Fitted:
    """A fitted baseline.

    Args:
        output: From rows of the task, int64 [R], to what its metrics take of them, [R, ...].
        predictions: What it says, as a run would.
        config: What was chosen on validation.
    """

    output: Callable[[Tensor], Tensor]
    predictions: pd.DataFrame
    config: dict[str, Any]


@dataclass(frozen=True)
class Baseline:
    """A simple model and the kinds of tasks that it is for.

    Args:
        name: Its name.
        kinds: The registered names of the tasks that it can do.
        fit: From a task, and the concatenated features where it reads them, to the fitted baseline.
        reads_features: Whether it does.
    """

    name: str
    kinds: tuple[str, ...]
    fit: Callable[[Task, Features | None], Fitted]
    reads_features: bool = True

    def check(self, task: Task) -> None:
        """Make sure that the baseline can do a task.

        Raises:
            ConfigError: If it cannot; the message names the baseline that can, if there is one.
        """
        if task.labels.kind not in self.kinds:
            others = [repr(other.name) for other in BASELINES.values() if task.labels.kind in other.kinds]
            raise ConfigError(
                f"the baseline {self.name!r} is for {' and '.join(self.kinds)}; "
                f"the task {task.labels.task!r} is {task.labels.kind}",
                where="--models",
                fix=f"Use {' or '.join(others)} instead." if others else "Leave it out.",
            )


def logistic_regression(task: Task, features: Features | None) -> Fitted:
    """Return multinomial logistic regression, its ``C`` chosen by the task's metric on validation.

    Args:
        task: A classification.
        features: The concatenated features, float32 [N, D].
    """
    assert isinstance(task, Classification)
    assert features is not None
    train = task.rows("train").numpy()
    model = LogisticRegression(max_iter=300, warm_start=True)
    outputs: dict[float, Tensor] = {}
    # From strong to weak regularisation, each starting from the one before.
    for strength in _INVERSE_STRENGTHS:
        model.C = strength
        with warnings.catch_warnings():
            # Stopping early only regularises a little more, and validation judges the result.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features[train], task.target[train].numpy())
        outputs[strength] = torch.from_numpy(model.predict_log_proba(features))
    chosen = _best_on_validation(task, outputs)
    return _fitted(task, outputs[chosen], {"name": "logistic_regression", "C": chosen})


def ridge(task: Task, features: Features | None) -> Fitted:
    """Return ridge regression, its ``alpha`` chosen by the task's metric on validation.

    Args:
        task: A regression.
        features: The concatenated features, float32 [N, D].
    """
    assert isinstance(task, Regression)
    assert features is not None
    train = task.rows("train").numpy()
    target = ((task.target - task.mean) / task.std).numpy()
    outputs: dict[float, Tensor] = {}
    for penalty in _PENALTIES:
        model = Ridge(alpha=penalty).fit(features[train].astype(np.float64), target[train])
        outputs[penalty] = torch.from_numpy(model.predict(features.astype(np.float64))[:, None])
    chosen = _best_on_validation(task, outputs)
    return _fitted(task, outputs[chosen], {"name": "ridge", "alpha": chosen})


def _fitted(task: EntityTask, output: Tensor, config: dict[str, Any]) -> Fitted:
    """Return a baseline with its output for all entities, [N, C]."""
    return Fitted(lambda rows: output[rows], task.predictions(output), config)


def _prior(task: Task, features: Features | None) -> Fitted:  # noqa: ARG001 - it reads none
    assert isinstance(task, MultiLabel)
    output, chosen = prior(task)
    return _fitted(task, output, {"name": "prior", **chosen})


def _one_vs_rest(task: Task, features: Features | None) -> Fitted:
    assert isinstance(task, MultiLabel)
    assert features is not None
    output, chosen = one_vs_rest(task, features)
    return _fitted(task, output, {"name": "one_vs_rest", **chosen})


def _of_links(name: str, find: Callable[[LinkPrediction], Found]) -> Baseline:
    """Return a baseline that scores links by the training links."""

    def fit(task: Task, features: Features | None) -> Fitted:  # noqa: ARG001 - others read them
        assert isinstance(task, LinkPrediction)
        score, chosen = find(task)
        return Fitted(lambda rows: task.rank(score, rows), task.recommend(score), {"name": name, **chosen})

    return Baseline(name, ("link_prediction",), fit, reads_features=False)


def _of_modalities(name: str, find: Callable[[PairTask], FoundSides]) -> Baseline:
    """Return a baseline that compares two modalities."""

    def fit(task: Task, features: Features | None) -> Fitted:  # noqa: ARG001 - it reads each by itself
        assert isinstance(task, Retrieval | Matching)
        sides, chosen = find(task)
        if isinstance(task, Matching):
            sides = calibrated(task, sides)

        def output(rows: Tensor) -> Tensor:
            return task.judge(sides, rows)

        return Fitted(output, task.predictions(output), {"name": name, **chosen})

    return Baseline(name, ("retrieval", "matching"), fit, reads_features=False)


BASELINES: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Baseline("logistic_regression", ("classification",), logistic_regression),
        Baseline("ridge", ("regression",), ridge),
        Baseline("prior", ("multi_label",), _prior, reads_features=False),
        Baseline("one_vs_rest", ("multi_label",), _one_vs_rest),
        _of_links("common_neighbours", common_neighbours),
        _of_links("adamic_adar", adamic_adar),
        _of_links("popularity", popularity),
        _of_links("matrix_factorisation", matrix_factorisation),
        _of_modalities("chance", chance),
        _of_modalities("cca", cca),
        _of_modalities("linear_map", linear_map),
        _of_modalities("kernel_map", kernel_map),
        _of_modalities("closed_form", closed_form),
    )
}


def _best_on_validation(task: Task, outputs: dict[float, Tensor]) -> float:
    """Return the strength with the best watched metric; among equal ones the first."""
    metric, direction = task.monitor
    rows, sign = task.rows("validation"), 1 if direction == "max" else -1
    return max(outputs, key=lambda strength: sign * task.metrics(outputs[strength][rows], rows)[metric])
