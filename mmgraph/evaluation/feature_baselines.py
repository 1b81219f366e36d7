"""Baselines of scikit-learn on the concatenated features, without a graph: linear models and boosted trees.

Shapes: N entities, D features, C classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from torch import Tensor

from mmgraph.evaluation.fitted import Features, Fitted, best_on_validation, fitted_entities
from mmgraph.tasks.classification import Classification
from mmgraph.tasks.entity_task import EntityTask
from mmgraph.tasks.regression import Regression
from mmgraph.tasks.task import Task

_INVERSE_STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0, 10.0)
_PENALTIES = tuple(float(10.0**power) for power in np.arange(-1, 6.5, 0.5))

_LEAVES = (4, 31)
_MOST_TREES = 3000
_MOST_ROUNDS, _FEWEST_ROUNDS = 200, 20
_WIDEST = 128
"""Trees look at each feature by itself, so that wide ones take long and mean little."""


def logistic_regression(task: Task, features: Features) -> Fitted:
    """Return multinomial logistic regression, its ``C`` chosen by the task's metric on validation.

    Args:
        task: A classification.
        features: The concatenated features, float32 [N, D].
    """
    assert isinstance(task, Classification)
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
        # Of a class that is out of the question the probability is 0, whose logarithm is none.
        probabilities = np.maximum(model.predict_proba(features), np.finfo(np.float64).tiny)
        outputs[strength] = torch.from_numpy(np.log(probabilities))
    chosen = best_on_validation(task, outputs)
    return fitted_entities(task, outputs[chosen], {"name": "logistic_regression", "C": chosen})


def ridge(task: Task, features: Features) -> Fitted:
    """Return ridge regression, its ``alpha`` chosen by the task's metric on validation.

    Args:
        task: A regression.
        features: The concatenated features, float32 [N, D].
    """
    assert isinstance(task, Regression)
    train = task.rows("train").numpy()
    target = task.standardise(task.target).numpy()
    outputs: dict[float, Tensor] = {}
    for penalty in _PENALTIES:
        model = Ridge(alpha=penalty).fit(features[train].astype(np.float64), target[train])
        outputs[penalty] = torch.from_numpy(model.predict(features.astype(np.float64))[:, None])
    chosen = best_on_validation(task, outputs)
    return fitted_entities(task, outputs[chosen], {"name": "ridge", "alpha": chosen})


def gradient_boosting(task: Task, features: Features) -> Fitted:
    """Return gradient boosted trees (`Friedman 2001 <https://doi.org/10.1214/aos/1013203451>`_).

    The number of leaves of a tree and that of rounds are chosen by the task's metric on validation. Features
    wider than 128 are reduced to their principal components, which are fitted on training entities.

    Args:
        task: A classification or a regression.
        features: The concatenated features, float32 [N, D].
    """
    assert isinstance(task, Classification | Regression)
    train = task.rows("train").numpy()
    known = _narrow(features, train)
    outputs: dict[tuple[int, int], Tensor] = {}
    for leaves in _LEAVES:
        best_round, best_output = 0, torch.empty(0)
        for number, output in enumerate(_rounds(task, known, train, leaves), start=1):
            kept = {best_round: best_output} if best_round else {}
            best_round = best_on_validation(task, kept | {number: output})
            best_output = (kept | {number: output})[best_round]
        outputs[leaves, best_round] = best_output
    chosen = best_on_validation(task, outputs)
    config = {"name": "gradient_boosting", "max_leaf_nodes": chosen[0], "max_iter": chosen[1]}
    return fitted_entities(task, outputs[chosen], config)


def _rounds(
    task: EntityTask, features: Features, train: npt.NDArray[np.int64], leaves: int
) -> Iterator[Tensor]:
    """Yield the output for all entities after each round, [N, C] or [N, 1]."""
    staged: Iterable[npt.NDArray[np.float64]]
    fewest = int(np.clip(len(train) // 20, 2, 20))
    if isinstance(task, Classification):
        rounds = int(np.clip(_MOST_TREES // len(task.classes), _FEWEST_ROUNDS, _MOST_ROUNDS))
        trees = HistGradientBoostingClassifier(
            max_iter=rounds,
            max_leaf_nodes=leaves,
            min_samples_leaf=fewest,
            early_stopping=False,
            random_state=0,
        )
        staged = trees.fit(features[train], task.target[train].numpy()).staged_predict_proba(features)
        for probabilities in staged:
            yield torch.from_numpy(np.log(np.clip(probabilities, 1e-12, None)))
        return
    assert isinstance(task, Regression)
    target = task.standardise(task.target).numpy()
    forest = HistGradientBoostingRegressor(
        max_iter=_MOST_ROUNDS,
        max_leaf_nodes=leaves,
        min_samples_leaf=fewest,
        early_stopping=False,
        random_state=0,
    )
    staged = forest.fit(features[train], target[train]).staged_predict(features)
    for values in staged:
        yield torch.from_numpy(values[:, None])


def _narrow(features: Features, train: npt.NDArray[np.int64]) -> Features:
    """Return features that trees can take, [N, D], or the first components of wide ones."""
    width = min(_WIDEST, len(train) - 1)
    if features.shape[1] <= _WIDEST or width < 1:
        return features
    components = PCA(width, svd_solver="randomized", random_state=0).fit(features[train])
    return np.asarray(components.transform(features), dtype=np.float32)
