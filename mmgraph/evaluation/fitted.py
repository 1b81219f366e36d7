"""What a baseline becomes once it is fitted, and how it chooses on validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from mmgraph.tasks.entity_task import EntityTask
from mmgraph.tasks.task import Task

Features = npt.NDArray[np.float32]
Choice = TypeVar("Choice")


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


def fitted_entities(task: EntityTask, output: Tensor, config: dict[str, Any]) -> Fitted:
    """Return a baseline with its output for all entities, [N, C]."""
    return Fitted(lambda rows: output[rows], task.predictions(output), config)


def best_on_validation(task: Task, outputs: Mapping[Choice, Tensor]) -> Choice:
    """Return the choice whose output, [N, C], has the best watched metric; among equal ones the first."""
    metric, direction = task.monitor
    rows, sign = task.rows("validation"), 1 if direction == "max" else -1
    return max(outputs, key=lambda choice: sign * task.metrics(outputs[choice][rows], rows)[metric])
