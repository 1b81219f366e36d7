"""One number for each entity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.regression import mean_absolute_error, mean_squared_error, r2_score

from mmgraph.errors import Fault, GraphError
from mmgraph.registry import TASKS
from mmgraph.tasks.class_loss import ClassLoss
from mmgraph.tasks.entity_task import EntityTask
from mmgraph.tasks.labels import SPLITS, Labels
from mmgraph.tasks.task import Direction


@TASKS.register("regression")
class Regression(EntityTask):
    """One number for each entity: squared error; R², mean absolute and mean squared error.

    The model learns the target standardised by the training entities; metrics and predictions are on the
    target's own scale.

    Args:
        labels: What the graph says about the task.
        target: The numbers, float64 [N].
        mean: Their mean over the training entities.
        std: Their standard deviation over the training entities.
    """

    def __init__(self, labels: Labels, *, target: Tensor, mean: float, std: float) -> None:
        super().__init__(labels, target)
        self.mean = mean
        self.std = std

    @classmethod
    def from_labels(cls, labels: Labels, class_loss: ClassLoss) -> Regression:
        """Return the task that some labels make.

        Raises:
            ConfigError: If something was set that needs classes.
            GraphError: If a target is no finite number, if the training entities all have the same, or if a
                split has a single one, which has no R².
        """
        class_loss.refuse(labels)
        target = _numbers(labels)
        train = target[labels.rows("train")]
        for split in SPLITS:
            if len(labels.rows(split)) == 1:
                raise GraphError(
                    f"the {split} split has one entity with a value in {labels.column!r}; R² needs two",
                    where=labels.where,
                    fix="Check the split in dataset.yaml, and build the graph anew.",
                )
        if np.ptp(train) == 0:
            raise GraphError(
                f"all {len(train)} training entities have the value {train[0]:g} in {labels.column!r}, "
                "so there is nothing to learn",
                where=labels.where,
                fix="Check the target's column and the split in dataset.yaml.",
            )
        return cls(labels, target=torch.tensor(target), mean=float(train.mean()), std=float(train.std()))

    @property
    def out_channels(self) -> int:
        """One."""
        return 1

    @property
    def monitor(self) -> tuple[str, Direction]:
        """R², the more the better."""
        return "r2_score", "max"

    def loss(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return the mean squared error on the standardised scale."""
        wanted = self.standardise(self.target[rows])
        return F.mse_loss(output[:, 0], wanted.to(output.dtype))

    def metrics(self, output: Tensor, rows: Tensor) -> dict[str, float]:
        """Return ``r2_score``, ``mean_absolute_error`` and ``mean_squared_error``."""
        predicted, target = self.rescale(output), self.target[rows]
        return {
            "r2_score": r2_score(predicted, target).item(),
            "mean_absolute_error": mean_absolute_error(predicted, target).item(),
            "mean_squared_error": mean_squared_error(predicted, target).item(),
        }

    def targets(self) -> pd.Series:
        """Return the number of each entity."""
        return pd.Series(self.target.cpu().numpy())

    def decode(self, output: Tensor) -> pd.DataFrame:
        """Return ``prediction``, on the target's own scale."""
        return pd.DataFrame({"prediction": self.rescale(output).numpy()})

    def describe(self) -> dict[str, Any]:
        """Return the task's name and kind and the scale that the model learns on."""
        return {**super().describe(), "mean": self.mean, "std": self.std}

    def standardise(self, target: Tensor) -> Tensor:
        """Return numbers of the target as the model learns them."""
        return (target - self.mean) / self.std

    def rescale(self, output: Tensor) -> Tensor:
        """Return a head's output [B, 1] on the target's own scale, float64 [B]."""
        return output[:, 0].double() * self.std + self.mean


def _numbers(labels: Labels) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the targets as numbers [N], not-a-number where there is none."""
    numbers = pd.to_numeric(labels.values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.flatnonzero(labels.values.notna().to_numpy() & ~np.isfinite(numbers))
    if len(bad):
        raise GraphError.of(
            Fault(
                f"{labels.where}: {labels.entity} {str(labels.ids[row])!r}",
                f"got {labels.values.iloc[row]!r} in {labels.column!r}; wanted a finite number",
                "Mend the value, empty the cell, or make the task a classification.",
            )
            for row in bad[:10]
        )
    return numbers
