"""A training that may read a part of the labels alone: as if nobody had given the others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mmgraph.errors import ConfigError
from mmgraph.tasks.labels import Labels

_FEWEST_NUMBERS = 2


@dataclass(frozen=True)
class FewLabels:
    """How many labels of training are read.

    Of each class at least one is kept, and of numbers two; which ones, the seed says, and those of a smaller
    share are among those of a larger one. Validation and test keep theirs.

    Args:
        share: The share of the training labels, above 0.
        seed: Says which.
    """

    share: float = 1.0
    seed: int = 0

    def of(self, labels: Labels) -> Labels:
        """Return labels of which the others are missing.

        Args:
            labels: What the graph says about the task.
        """
        if self.share == 1:
            return labels
        rows = labels.rows("train")
        groups, least = [rows], _FEWEST_NUMBERS
        if labels.kind == "classification":
            classes = labels.values.iloc[rows].astype(str).to_numpy()
            groups, least = [rows[classes == name] for name in np.unique(classes)], 1
        lots = np.random.default_rng(self.seed).permutation(len(labels))
        hidden = np.zeros(len(labels), dtype=bool)
        for group in groups:
            count = max(math.ceil(self.share * len(group)), least)
            hidden[group[np.argsort(lots[group])[count:]]] = True
        return replace(labels, values=labels.values.mask(hidden), unread=int(hidden.sum()))

    def refuse(self, labels: Labels) -> None:
        """Refuse a share, for a task that has no labels, or whose labels would be others with fewer entities.

        Args:
            labels: What the graph says about the task.

        Raises:
            ConfigError: If one was set.
        """
        if self.share != 1:
            raise ConfigError(
                f"got {self.share:g}, but {labels.task!r} is a {labels.kind}, which has none, or takes all",
                where="label_share",
                fix="Leave it out.",
            )
