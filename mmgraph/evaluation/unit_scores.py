"""What the main metric of a task is the mean of, so that the doubt which rows are tested can be told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmgraph.tasks import LinkPrediction, Matching, MultiLabel, MultiTask, Task

_MOST_UNITS = 50


def unit_scores(task: Task, output: Tensor, rows: Tensor) -> npt.NDArray[np.float64] | None:
    """Return values whose mean is the task's main metric, one for each unit of the rows.

    Of a link prediction they are the reciprocal ranks of the links. Of a matching, of several labels and of
    several tasks, whose metrics are no means, they are the pseudo-values of the jackknife over at most fifty
    groups of rows.

    Args:
        task: The task.
        output: Of the rows, as :meth:`Task.output` makes it.
        rows: The rows, int64 [R].

    Returns:
        float64 [U], in the same order for every model of a task; more is better. Nothing of a task whose
        predictions hold them: classification, regression and retrieval; nor of fewer than three rows.
    """
    if isinstance(task, LinkPrediction):
        return task.reciprocal_ranks(output, rows).numpy()
    if not isinstance(task, (Matching, MultiLabel, MultiTask)) or len(rows) < 3:
        return None
    metric = task.monitor[0]
    return pseudo_values(lambda kept: task.metrics(output[kept], rows[kept])[metric], len(rows))


def pseudo_values(metric: Callable[[Tensor], float], count: int) -> npt.NDArray[np.float64]:
    """Return the pseudo-values of the delete-a-group jackknife, whose variance is that of the metric.

    Source: `Efron and Tibshirani 1993, An Introduction to the Bootstrap
    <https://doi.org/10.1201/9780429246593>`_, chapter 11.

    Args:
        metric: Measures some rows, int64 [K].
        count: How many rows there are.

    Returns:
        One for each of at most fifty groups of rows, drawn alike for the same count, moved such that their
        mean is the metric of all rows.

    Example:
        >>> values = torch.arange(6.0)
        >>> sorted(pseudo_values(lambda kept: values[kept].mean().item(), 6).round(6).tolist())
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    groups = min(_MOST_UNITS, count)
    of = np.random.default_rng(0).permutation(count) % groups
    whole = metric(torch.arange(count))
    without = np.array([metric(torch.from_numpy(np.flatnonzero(of != group))) for group in range(groups)])
    found = groups * whole - (groups - 1) * without
    return np.asarray(found - found.mean() + whole, dtype=np.float64)
