"""Whether a classification is as often right as its probabilities say, and the temperature that helps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.evaluation.robustness.subject import Subject
from mmgraph.tasks import Classification
from mmgraph.tasks.temperature import COLDEST, HOTTEST, fit_temperature

BINS = 15


@dataclass(frozen=True, eq=False)
class Calibration:
    """How well the probabilities of a classification hold, as they are and at the temperature of validation.

    Args:
        split: The entities that were looked at.
        temperature: The temperature that the run's probabilities have now; 1 where none was fitted.
        fitted: The one for which validation entities have the least cross-entropy; nothing where they tell
            none, see :func:`temperature_of`.
        measures: By ``now`` and ``fitted``: ``expected_calibration_error``, ``maximum_calibration_error``,
            ``negative_log_likelihood`` and ``brier_score``.
        reliability: One row for each of 15 equally wide bins of the confidence that has entities, now and
            fitted: ``scale``, ``low``, ``high``, ``entities``, ``confidence``, ``accuracy``.
    """

    split: str
    temperature: float
    fitted: float | None
    measures: dict[str, dict[str, float]]
    reliability: pd.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "temperature": self.temperature,
            "fitted_temperature": self.fitted,
            **self.measures,
            "reliability": self.reliability.to_dict("records"),
        }


def calibration(subject: Subject, output: Tensor) -> Calibration:
    """Return how well the probabilities hold.

    The expected calibration error is the mean distance between confidence and accuracy over bins of the
    confidence, weighed by their entities (`Guo et al. 2017 <https://arxiv.org/abs/1706.04599>`_). An entity
    whose class no training entity has counts as wrong, and with the probability 0 for its class, which the
    likelihood leaves out.

    Args:
        subject: The run, of a classification.
        output: Of the entities that are measured, [R, C].
    """
    task = subject.task
    assert isinstance(task, Classification)
    target = task.target[subject.rows].numpy()
    now = float(subject.head.temperature)  # type: ignore[arg-type]
    fitted = temperature_of(subject)
    scales = {"now": 1.0} if fitted is None else {"now": 1.0, "fitted": now / fitted}
    measures, tables = {}, []
    for name, scale in scales.items():
        probabilities = (output.double() * scale).softmax(dim=1).numpy()
        table = _reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == target)
        measures[name] = _measures(table, probabilities, target)
        table.insert(0, "scale", name)
        tables.append(table)
    return Calibration(subject.split, now, fitted, measures, pd.concat(tables, ignore_index=True))


def temperature_of(subject: Subject) -> float | None:
    """Return the temperature that validation asks for; nothing where it tells none.

    That is so where no entity of it has a class that was learnt, where all are answered rightly (then the
    colder the better, without an end), and where scores tell nothing.
    """
    task = subject.task
    assert isinstance(task, Classification)
    if "validation" not in task.labelled_splits():
        return None
    validation = replace(subject, split="validation", rows=task.rows("validation"))
    target = task.target[validation.rows]
    learnt = (target < task.out_channels).nonzero().flatten()
    if not len(learnt):
        return None
    logits = validation.output()[learnt] * float(subject.head.temperature)  # type: ignore[arg-type]
    found = fit_temperature(logits, target[learnt])
    return found if COLDEST * 1.001 < found < HOTTEST / 1.001 else None


def _reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> pd.DataFrame:
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    rows = []
    for number in np.unique(bins):
        inside = bins == number
        rows.append(
            {
                "low": number / BINS,
                "high": (number + 1) / BINS,
                "entities": int(inside.sum()),
                "confidence": float(confidence[inside].mean()),
                "accuracy": float(right[inside].mean()),
            }
        )
    return pd.DataFrame(rows)


def _measures(
    table: pd.DataFrame, probabilities: NDArray[np.float64], target: NDArray[np.int64]
) -> dict[str, float]:
    away = (table["confidence"] - table["accuracy"]).abs()
    known = target < probabilities.shape[1]
    truth = np.zeros_like(probabilities)
    truth[known, target[known]] = 1
    # An unseen class would be one more column, of which the square is 1.
    brier = ((probabilities - truth) ** 2).sum(axis=1) + ~known
    likelihood = np.log(np.maximum(probabilities[known, target[known]], np.finfo(np.float64).tiny))
    return {
        "expected_calibration_error": float((away * table["entities"]).sum() / table["entities"].sum()),
        "maximum_calibration_error": float(away.max()),
        "negative_log_likelihood": float(-likelihood.mean()) if known.any() else float("nan"),
        "brier_score": float(brier.mean()),
    }


def selective_curve(subject: Subject, output: Tensor) -> pd.DataFrame:
    """Return the accuracy where a model answers only for the entities that it is surest of.

    Args:
        subject: The run, of a classification.
        output: Of the entities that are measured, [R, C].

    Returns:
        For each number of answers, from one to all: ``coverage``, ``accuracy``, and ``confidence``, the least
        probability among the answers.
    """
    task = subject.task
    assert isinstance(task, Classification)
    confidence, predicted = output.double().softmax(dim=1).max(dim=1)
    order = torch.argsort(confidence, descending=True, stable=True)
    right = (predicted == task.target[subject.rows])[order].double().numpy()
    count = np.arange(1, len(right) + 1)
    return pd.DataFrame(
        {
            "coverage": count / len(right),
            "accuracy": np.cumsum(right) / count,
            "confidence": confidence[order].numpy(),
        }
    )
