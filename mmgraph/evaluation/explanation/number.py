"""The number of an answer that is explained: what a model's state of one entity makes of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from mmgraph.tasks import Classification, EntityTask, MultiLabel, Regression

Beside = Literal["content", "structure"]
"""What a number may read beside the state: a modality as it is, or what links say of both ends."""


@dataclass(frozen=True, eq=False)
class Content:
    """A modality of the entity that a number reads as it is, beside the state.

    Args:
        modality: Its name.
        features: float32 [1, P].
        mean: Of the entities that train, float32 [1, P].
    """

    modality: str
    features: Tensor
    mean: Tensor


class Number(ABC):
    """A number that depends on the state of one entity; all else that it depends on stays as it is.

    Attributes:
        head: What makes it.
    """

    head: nn.Module

    @property
    def content(self) -> Content | None:
        """The modality that it reads beside the state, if it does."""
        return None

    @property
    def structure(self) -> bool:
        """Whether it also reads what links say of both ends of a pair."""
        return False

    @property
    def measured(self) -> bool:
        """Whether it is a quantity, where neither more nor less speaks for the answer, and no log-odds."""
        return False

    @property
    @abstractmethod
    def unit(self) -> str:
        """What the number is, in words."""

    @abstractmethod
    def of(self, state: Tensor, lost: Collection[Beside] = (), features: Tensor | None = None) -> Tensor:
        """Return the number, a scalar that has gradients where the state has.

        Args:
            state: [1, C].
            lost: What the number is to do without.
            features: What stands in the place of the content's features, [1, P], on the way from their mean
                to them; vectors keep the lengths that these give them.
        """

    def plain(self, number: float) -> float:
        """Return a number as people know it: of log-odds the probability."""
        return 1 / (1 + math.exp(-number)) if number > -700 else 0.0

    def rank(self, state: Tensor, lost: Collection[Beside] = ()) -> float | None:  # noqa: ARG002 - see below
        """Return where the answer stands among others, from 1; nothing where none are compared with.

        Args:
            state: [1, C].
            lost: What it is to do without.
        """
        return None


@dataclass(frozen=True, eq=False)
class EntityNumber(Number):
    """A number of an answer that is a target of the entity: the log-odds of a class or label, or itself.

    Args:
        task: The task.
        head: What turns states into answers.
        answer: The class or the label whose log-odds are asked for; nothing of a regression. Probabilities
            would hardly move where a model is sure, whatever is added or taken.
    """

    task: EntityTask
    head: nn.Module
    answer: str | None

    @property
    def measured(self) -> bool:
        """Whether it is the number of a regression."""
        return self.answer is None

    @property
    def unit(self) -> str:
        """What the number is, in words."""
        return self.task.labels.column if self.answer is None else f"log-odds of {self.answer}"

    def plain(self, number: float) -> float:
        """Return a number as people know it: of log-odds the probability, of a regression itself."""
        return number if self.answer is None else super().plain(number)

    def output(self, state: Tensor) -> Tensor:
        """Return the head's output, [C]."""
        return self.task.answer(self.head, state)[0]

    def of(self, state: Tensor, lost: Collection[Beside] = (), features: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return the number; see :class:`Number`."""
        output = self.output(state)
        if isinstance(self.task, Regression):
            return self.task.rescale(output[None])[0]
        assert self.answer is not None
        place = names_of(self.task).index(self.answer)
        logits = output.double()
        if isinstance(self.task, Classification):
            others = torch.arange(len(logits)) != place
            return logits[place] - logits[others].logsumexp(dim=0)
        return logits[place]


def names_of(task: EntityTask) -> tuple[str, ...]:
    """Return the names of a task's classes or labels, in the order of its output."""
    if isinstance(task, Classification):
        return task.classes
    assert isinstance(task, MultiLabel)
    return task.names


@dataclass(frozen=True, eq=False)
class Rivals:
    """All that could be the answer, and where the one that is asked about stands among them.

    Args:
        place: Of the answer.
        others: With which it is compared, bool [T], not with itself.
    """

    place: int
    others: Tensor

    def log_odds(self, scores: Tensor) -> Tensor:
        """Return the log-odds of the answer: its score against those of the others, a scalar.

        Args:
            scores: float64 [T].
        """
        return scores[self.place] - scores[self.others].logsumexp(dim=0)

    def rank(self, scores: Tensor) -> float:
        """Return the rank of the answer, of equals the mean one.

        Args:
            scores: [T].
        """
        others = scores[self.others]
        above, tied = int((others > scores[self.place]).sum()), int((others == scores[self.place]).sum())
        return 1 + above + tied / 2

    def __len__(self) -> int:
        return int(self.others.sum()) + 1
