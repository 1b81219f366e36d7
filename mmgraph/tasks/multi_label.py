"""Several labels for each entity: none, one or many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from mmgraph.counted import agreed, counted
from mmgraph.data.label_sets import read_label_set
from mmgraph.data.task_spec import MultiLabelTaskSpec
from mmgraph.errors import GraphError
from mmgraph.graph.graph import Graph
from mmgraph.registry import TASKS
from mmgraph.tasks.class_loss import ClassLoss
from mmgraph.tasks.entity_task import EntityTask
from mmgraph.tasks.label_head import LabelHead
from mmgraph.tasks.label_metrics import average_precision, best_threshold, f1_scores
from mmgraph.tasks.labels import SPLITS, Labels, find_task, read_labels
from mmgraph.tasks.options import TaskOptions
from mmgraph.tasks.task import Direction

_SHOWN = 5
# Targets and probabilities are dense; so many targets take 2 GiB, and the scores of all entities 8.
_MOST_CELLS = 2**31


@dataclass(frozen=True)
class LeftOut:
    """The labels that a task leaves out, as too few training entities have them.

    Args:
        names: Their names.
        min_count: How many training entities a label needs.
        share: Of all labels of validation and test entities, the share that they are.
    """

    names: Sequence[str]
    min_count: int
    share: float

    @property
    def note(self) -> str:
        """What a reader of the metrics should know."""
        few = f"fewer than {self.min_count} training entities have" if self.min_count > 1 else ""
        more = f" and {len(self.names) - _SHOWN:,} more" if len(self.names) > _SHOWN else ""
        return (
            f"{counted(len(self.names), 'label')} that {few or 'no training entity has'} "
            f"{agreed(len(self.names), 'is', 'are')} left out of loss and metrics, {self.share:.1%} of all "
            f"labels of validation and test: {', '.join(self.names[:_SHOWN])}{more}"
        )


@TASKS.register("multi_label")
class MultiLabel(EntityTask):
    """Several labels for each entity: binary cross-entropy or focal loss; average precision, F1.

    What it learns and is measured on are the labels that enough training entities have; a note says what is
    left out. Which ones it tells of an entity are those whose score surpasses one threshold for all labels,
    which is chosen on validation by the F1 score over all labels.

    Args:
        labels: What the graph says about the task; its values are JSON lists.
        names: The names of the L labels.
        left_out: Those that are left out.
        target: Which labels an entity has, bool [N, L]; none where that is not known.
        class_loss: The loss of each label.
    """

    has_classes = True

    weight: Tensor

    def __init__(
        self,
        labels: Labels,
        *,
        names: Sequence[str],
        left_out: LeftOut,
        target: Tensor,
        class_loss: ClassLoss,
    ) -> None:
        super().__init__(labels, target)
        self.names = tuple(names)
        self.left_out = left_out
        self.class_loss = class_loss
        share = self.shares()
        # As scikit-learn weighs the two classes of each label; a side that nobody is on has no loss.
        balanced = 0.5 / torch.stack([1 - share, share]).clamp_min(0.5 / len(self.rows("train")))
        weight = balanced if class_loss.class_weights == "balanced" else torch.ones(2, len(names))
        self.register_buffer("weight", weight, persistent=False)

    @classmethod
    def read(cls, graph: Graph, name: str, options: TaskOptions) -> MultiLabel:
        """Return the task of this kind that a graph has by a name."""
        spec = find_task(graph, name)
        assert isinstance(spec, MultiLabelTaskSpec)
        labels = read_labels(graph, name)
        options.refuse_others(labels, "class_loss")
        return cls.from_labels(labels, options.class_loss, min_count=spec.min_count)

    @classmethod
    def from_labels(cls, labels: Labels, class_loss: ClassLoss, *, min_count: int = 1) -> MultiLabel:
        """Return the task that some labels make.

        Args:
            labels: What the graph says about the task.
            class_loss: The loss.
            min_count: A label that fewer training entities have is left out.

        Raises:
            GraphError: If a value is no list of labels, no training entity has several, no label has enough
                training entities, none of those is among the labels of validation, or of test, or entities
                times labels are more than 2**31.
        """
        sets = _label_sets(labels)
        counts = Counter(label for row in labels.rows("train") for label in sets[row])
        names = sorted(label for label, count in counts.items() if count >= min_count)
        _check_several(labels, sets)
        _check_known(labels, sets, names, min_count)
        _check_size(labels, names, counts)
        held_out = [label for split in SPLITS[1:] for row in labels.rows(split) for label in sets[row]]
        dropped = sorted({*counts, *held_out} - {*names})
        position = {name: index for index, name in enumerate(names)}
        missing = sum(label not in position for label in held_out)
        target = torch.zeros(len(sets), len(names), dtype=torch.bool)
        for row, own in enumerate(sets):
            target[row, [position[label] for label in own if label in position]] = True
        return cls(
            labels,
            names=names,
            left_out=LeftOut(dropped, min_count, missing / max(len(held_out), 1)),
            target=target,
            class_loss=class_loss,
        )

    def shares(self) -> Tensor:
        """Return the share of training entities that have each label, float32 [L]."""
        return self.target[self.rows("train")].float().mean(dim=0)

    @property
    def out_channels(self) -> int:
        """The number of labels, and one more, what a label must surpass to be told: L + 1."""
        return len(self.names) + 1

    @property
    def monitor(self) -> tuple[str, Direction]:
        """Average precision, the more the better."""
        return "average_precision", "max"

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know: few entities with labels, labels that are left out."""
        return [*super().notes, *([self.left_out.note] if self.left_out.names else [])]

    def make_head(self, channels: int) -> nn.Module:
        """Return a linear map from unified states to labels, with fresh weights and the threshold."""
        balanced = self.class_loss.class_weights == "balanced"
        share = torch.full((len(self.names),), 0.5) if balanced else self.shares().cpu()
        return LabelHead(channels, share)

    def settle(self, head: nn.Module, output: Tensor, rows: Tensor) -> Tensor:
        """Choose the threshold, and return the output with it."""
        assert isinstance(head, LabelHead)
        chosen = best_threshold(output[:, :-1], self.target[rows])
        head.threshold.fill_(chosen)
        output = output.clone()
        output[:, -1] = head.threshold
        return output

    def loss(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return the mean loss over the rows and all labels."""
        return self.class_loss.of_labels(output[:, :-1], self.target[rows], self.weight)

    def metrics(self, output: Tensor, rows: Tensor) -> dict[str, float]:
        """Return how good the scores are, and the labels told by the threshold.

        ``average_precision`` and ``macro_f1_score`` are means over the labels that some of the rows have,
        ``ranking_average_precision`` is the mean over the rows that have a label of the average precision of
        their labels among all, and ``micro_f1_score`` counts all labels of all rows together.
        """
        scores, has = output[:, :-1], self.target[rows]
        micro, macro = f1_scores(scores > output[:, -1:], has)
        return {
            "average_precision": average_precision(scores.T, has.T).mean().item(),
            "micro_f1_score": micro,
            "macro_f1_score": macro,
            "ranking_average_precision": average_precision(scores, has).mean().item(),
        }

    def targets(self) -> pd.Series:
        """Return the labels of each entity, those that are left out not among them."""
        return self._named(self.target.cpu()).where(self.labels.values.notna().to_numpy(), None)

    def decode(self, output: Tensor) -> pd.DataFrame:
        """Return ``prediction``, the labels told, and ``probabilities`` (in the order of ``names``)."""
        probabilities = output[:, :-1].sigmoid().numpy()
        told = self._named(output[:, :-1] > output[:, -1:])
        return pd.DataFrame({"prediction": told, "probabilities": list(probabilities)})

    def describe(self) -> dict[str, Any]:
        """Return the task's name and kind, the order of its labels and how many are left out."""
        return {
            **super().describe(),
            "labels": list(self.names),
            "left_out": len(self.left_out.names),
            "min_count": self.left_out.min_count,
        }

    def _named(self, has: Tensor) -> pd.Series:
        """Return the names of the labels in each row of bool [R, L]."""
        names = np.array(self.names, dtype=object)
        return pd.Series([names[row].tolist() for row in has.numpy()], dtype=object)


def _label_sets(labels: Labels) -> list[list[str]]:
    """Return the labels of each entity, none where they are not known."""
    sets: list[list[str]] = []
    for row, (value, there) in enumerate(zip(labels.values, labels.values.notna(), strict=True)):
        try:
            sets.append(read_label_set(str(value)) if there else [])
        except ValueError as error:
            raise GraphError(
                f"{error} in {labels.column!r}",
                where=f"{labels.where}: {labels.entity} {str(labels.ids[row])!r}",
                fix="Build the graph anew, or make the task a classification.",
            ) from None
    return sets


def _check_several(labels: Labels, sets: Sequence[Sequence[str]]) -> None:
    """Raise if no training entity has several labels: a separator may have been forgotten."""
    if max(len(sets[row]) for row in labels.rows("train")) < 2:
        raise GraphError(
            f"no training entity has more than one label in {labels.column!r}",
            where=labels.where,
            fix="Name the separator that stands between labels, or make the task a classification.",
        )


def _check_known(labels: Labels, sets: Sequence[Sequence[str]], names: list[str], min_count: int) -> None:
    """Raise if what is asked later has nothing to do with what is learnt."""
    if not names:
        raise GraphError(
            f"no label in {labels.column!r} is had by {min_count:,} or more training entities",
            where=f"{labels.where}.min_count",
            fix="Take a smaller min_count.",
        )
    for split in SPLITS[1:]:
        rows = labels.rows(split)
        if len(rows) and not any({*names} & {*sets[row]} for row in rows):
            raise GraphError(
                f"no entity of the {split} split has one of the {counted(len(names), 'label')} of "
                f"{labels.column!r} that are learnt, so nothing could be measured",
                where=labels.where,
                fix="Choose another split, or a smaller min_count.",
            )


def _check_size(labels: Labels, names: Sequence[str], counts: Mapping[str, int]) -> None:
    """Raise if there are too many labels for a table of entities by labels."""
    entities = len(labels)
    most = _MOST_CELLS // entities
    if len(names) > most:
        # What is as frequent as the first one too many goes as well.
        frequent = sorted((counts[name] for name in names), reverse=True)
        fewest, size = frequent[most] + 1, len(names) * entities
        raise GraphError(
            f"{counted(len(names), 'label')} of {labels.column!r} for "
            f"{counted(entities, 'entity', 'entities')} are {size:,} answers; wanted at most "
            f"{_MOST_CELLS:,}, for a table of all to fit",
            where=f"{labels.where}.min_count",
            fix=f"Take a min_count of {fewest:,} or more."
            if fewest <= frequent[0]
            else "No min_count would do: build a graph with fewer of them, or of fewer entities.",
        )
