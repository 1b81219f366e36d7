"""What a training says about its task."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmgraph.errors import ConfigError
from mmgraph.tasks.class_loss import ClassLoss
from mmgraph.tasks.few_labels import FewLabels
from mmgraph.tasks.labels import Labels
from mmgraph.tasks.link_options import LinkOptions
from mmgraph.tasks.matching_options import MatchingOptions
from mmgraph.tasks.objectives import Contrast
from mmgraph.tasks.task_weights import TaskWeights


@dataclass(frozen=True)
class Objectives:
    """What a pre-training asks for.

    Args:
        weights: The weight of each objective, by its name; nothing for the usual ones.
        mask_share: The share that an objective hides of what is to be found again.
        classes_of: The classification whose labels of training an objective reads; nothing for the only one
            of the entity type.
    """

    weights: dict[str, float] | None = None
    mask_share: float = 0.5
    classes_of: str | None = None

    def refuse_mask_share(self) -> None:
        """Refuse a share, for objectives that hide nothing.

        Raises:
            ConfigError: If one was set.
        """
        if self.mask_share != Objectives().mask_share:
            raise ConfigError(
                f"got {self.mask_share}, but none of the objectives hides anything",
                where="mask_share",
                fix="Leave it out, or set one that does, such as objectives.masked_modality.",
            )

    def refuse_classes(self) -> None:
        """Refuse a classification, for objectives that read no class.

        Raises:
            ConfigError: If one was named.
        """
        if self.classes_of is not None:
            raise ConfigError(
                f"got {self.classes_of!r}, but none of the objectives reads classes",
                where="classes_of",
                fix="Leave it out, or set objectives.supervised_contrastive.",
            )

    def refuse(self, labels: Labels) -> None:
        """Refuse whatever was set, for a task that has a target.

        Args:
            labels: What the graph says about the task.

        Raises:
            ConfigError: If something was set.
        """
        if self != Objectives():
            set_ = {"objectives": self.weights, "classes_of": self.classes_of, "mask_share": self.mask_share}
            key, value = next((key, value) for key, value in set_.items() if value)
            raise ConfigError(
                f"got {value}, but {labels.task!r} is a {labels.kind} and no pre-training",
                where=key,
                fix="Leave it out, or pre-train (--task pretrain) and go on from that (--init-from RUN).",
            )


@dataclass(frozen=True)
class TaskOptions:
    """What a training says about its task; each kind of task reads what is its own.

    Args:
        class_loss: The loss of a task with classes.
        links: How a task that asks for links scores and learns them.
        contrast: The loss of a task that brings two kinds of states together.
        matching: How a task learns that asks whether two modalities belong together.
        objectives: What a pre-training asks for.
        few_labels: How many labels of training a task with a target of each entity may read.
        task_weights: How much each of several tasks counts.
    """

    class_loss: ClassLoss = field(default_factory=ClassLoss)
    links: LinkOptions = field(default_factory=LinkOptions)
    contrast: Contrast = field(default_factory=Contrast)
    matching: MatchingOptions = field(default_factory=MatchingOptions)
    objectives: Objectives = field(default_factory=Objectives)
    few_labels: FewLabels = field(default_factory=FewLabels)
    task_weights: TaskWeights = field(default_factory=TaskWeights)

    def refuse_others(self, labels: Labels, *read: str) -> None:
        """Refuse whatever was set that a kind of task does not read.

        Args:
            labels: What the graph says about the task.
            read: The names of the options that it reads.

        Raises:
            ConfigError: If something else was set.
        """
        names = "class_loss", "links", "contrast", "matching", "objectives", "few_labels", "task_weights"
        for name in names:
            if name not in read:
                getattr(self, name).refuse(labels)
