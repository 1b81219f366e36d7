"""One class out of several for each entity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_f1_score,
    multiclass_recall,
)

from mmgraph.counted import agreed, counted
from mmgraph.errors import GraphError
from mmgraph.registry import TASKS
from mmgraph.tasks.class_head import ClassHead
from mmgraph.tasks.class_loss import UNLABELLED, ClassLoss
from mmgraph.tasks.entity_task import EntityTask
from mmgraph.tasks.labels import Labels
from mmgraph.tasks.task import Direction


@TASKS.register("classification")
class Classification(EntityTask):
    """One class out of several for each entity: cross-entropy or focal loss; accuracy, macro F1.

    A class that no training entity has cannot be learnt, so the output has no place for it. The metrics
    still count its entities, as wrong.

    Args:
        labels: What the graph says about the task.
        classes: The names of the C classes of the training entities.
        unseen: The names of the classes that only other entities have.
        target: Position of the class in ``classes + unseen``, int64 [N]; -1 where there is none.
        class_weight: The weight of each class in the loss, float32 [C].
        class_loss: The loss that they are weighed in.
    """

    has_classes = True

    class_weight: Tensor

    def __init__(
        self,
        labels: Labels,
        *,
        classes: Sequence[str],
        unseen: Sequence[str],
        target: Tensor,
        class_weight: Tensor,
        class_loss: ClassLoss,
    ) -> None:
        super().__init__(labels, target)
        self.classes = tuple(classes)
        self.unseen = tuple(unseen)
        self.class_loss = class_loss
        self.register_buffer("class_weight", class_weight, persistent=False)

    @classmethod
    def from_labels(cls, labels: Labels, class_loss: ClassLoss) -> Classification:
        """Return the task that some labels make.

        Raises:
            GraphError: If the training entities have fewer than two classes.
        """
        code, names = _coded(labels.values)
        classes = sorted({names[each] for each in np.unique(code[labels.rows("train")])})
        unseen = sorted({*names} - {*classes})
        if len(classes) < 2:
            raise GraphError(
                f"all training entities have the value {classes[0]!r} in {labels.column!r}; "
                "wanted at least two classes",
                where=labels.where,
                fix="Check the target's column and the split in dataset.yaml.",
            )
        position = {name: index for index, name in enumerate([*classes, *unseen])}
        # The code of a missing value, -1, is that of the last place.
        target = torch.from_numpy(np.array([*(position[name] for name in names), UNLABELLED])[code])
        counts = torch.bincount(target[labels.rows("train")], minlength=len(classes))
        balanced = counts.sum() / (len(classes) * counts)
        return cls(
            labels,
            classes=classes,
            unseen=unseen,
            target=target,
            class_weight=balanced if class_loss.class_weights == "balanced" else torch.ones(len(classes)),
            class_loss=class_loss,
        )

    @property
    def out_channels(self) -> int:
        """The number C of classes that the training entities have."""
        return len(self.classes)

    def make_head(self, channels: int) -> nn.Module:
        """Return a linear map from unified states to classes, with fresh weights."""
        return ClassHead(channels, self.out_channels)

    @property
    def monitor(self) -> tuple[str, Direction]:
        """Accuracy, the more the better."""
        return "accuracy", "max"

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know: few labels, classes that no training entity has."""
        if not self.unseen:
            return super().notes
        held_out = torch.cat([self.get_buffer("validation_rows"), self.get_buffer("test_rows")])
        count = int((self.target[held_out] >= self.out_channels).sum())
        return [
            *super().notes,
            f"{counted(len(self.unseen), 'class has', 'classes have')} no training entity, so "
            f"{agreed(len(self.unseen), 'its', 'their')} {counted(count, 'entity', 'entities')} of "
            f"validation and test {agreed(count, 'counts', 'count')} as wrong: {_listed(self.unseen)}",
        ]

    def loss(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return the weighted loss of the rows whose class can be learnt, a mean over these.

        The weights of the training entities' classes have the mean 1. By the weights of the rows themselves,
        as torch would have it, is not divided: in a batch of one entity its weight would make no difference.
        """
        target = self.target[rows]
        learnable = target.masked_fill(target >= self.out_channels, UNLABELLED)
        total = self.class_loss.total(output, learnable, self.class_weight)
        return total / (learnable != UNLABELLED).sum()

    def metrics(self, output: Tensor, rows: Tensor) -> dict[str, float]:
        """Return ``accuracy``, ``balanced_accuracy`` (mean recall) and ``f1_score`` (macro)."""
        target, predicted = self.target[rows], output.argmax(dim=1)
        count = len(self.classes) + len(self.unseen)
        # torchmetrics' macro recall takes a class that is predicted but not there as 0; the mean recall is
        # over the classes that are there, as scikit-learn has it.
        recall = multiclass_recall(predicted, target, count, average="none", validate_args=False)
        there = torch.bincount(target, minlength=count) > 0
        accuracy = multiclass_accuracy(predicted, target, count, average="micro", validate_args=False)
        f1_score = multiclass_f1_score(predicted, target, count, average="macro", validate_args=False)
        return {
            "accuracy": accuracy.item(),
            "balanced_accuracy": recall[there].mean().item(),
            "f1_score": f1_score.item(),
        }

    def targets(self) -> pd.Series:
        """Return the name of each entity's class."""
        code, names = _coded(self.labels.values)
        return pd.Series(np.array([*names, None], dtype=object)[code])

    def decode(self, output: Tensor) -> pd.DataFrame:
        """Return ``prediction`` and ``probabilities`` (in the order of ``classes``)."""
        names = np.array(self.classes, dtype=object)
        probabilities = output.softmax(dim=1).numpy()
        return pd.DataFrame(
            {"prediction": names[output.argmax(dim=1).numpy()], "probabilities": list(probabilities)}
        )

    def describe(self) -> dict[str, Any]:
        """Return the task's name and kind and the order of its classes."""
        return {**super().describe(), "classes": list(self.classes), "unseen_classes": list(self.unseen)}


def _coded(values: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the number of each value [N], -1 for an empty one, and what the numbers stand for, as text."""
    code, found = pd.factorize(values)
    return code, [str(value) for value in found]


def _listed(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
