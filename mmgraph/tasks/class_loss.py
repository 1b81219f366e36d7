"""How wrong a distribution over classes is: cross-entropy or focal loss, with weights and smoothing.

Shapes: R rows, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgraph.errors import ConfigError
from mmgraph.tasks.labels import Labels
from mmgraph.tasks.refuse import refuse_set

ClassWeights = Literal["none", "balanced"]
LossName = Literal["cross_entropy", "focal"]

UNLABELLED = -1

_USUAL_GAMMA = 2.0


@dataclass(frozen=True)
class ClassLoss:
    """The loss of a task with classes.

    Args:
        name: ``cross_entropy`` or ``focal``.
        focal_gamma: How much less a class counts that is predicted well already, 2 by default; nothing for
            cross-entropy.
        class_weights: ``balanced`` weighs each class by the inverse of its frequency in training.
        label_smoothing: The share of the target that is spread over all classes, from 0 up to 1.

    Raises:
        ConfigError: If there is a gamma, but not the loss that has one.
    """

    name: LossName = "cross_entropy"
    focal_gamma: float | None = None
    class_weights: ClassWeights = "none"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if self.focal_gamma is not None and self.name != "focal":
            raise ConfigError(
                f"got {self.focal_gamma:g}, but the loss is {self.name}, which has no gamma",
                where="focal_gamma",
                fix="Set the loss to focal, or leave focal_gamma out.",
            )

    def refuse(self, labels: Labels) -> None:
        """Refuse whatever was set, for a task that has no classes.

        Args:
            labels: What the graph says about the task.

        Raises:
            ConfigError: If something was set.
        """
        usual = ClassLoss()
        settings = {
            "loss": (self.name, usual.name),
            "class_weights": (self.class_weights, usual.class_weights),
            "label_smoothing": (self.label_smoothing, usual.label_smoothing),
        }
        refuse_set(labels, "has no classes", settings)

    def total(self, output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        r"""Return the sum of the losses of the rows that have a class, a scalar.

        With probabilities p = softmax(output), the weight w of each class, and the target q, which is 1 - s
        at the true class and 0 at the others, plus s / C everywhere for a smoothing of s, a row's loss is

        .. math::
            -\sum_c q_c \, w_c \, (1 - p_c)^\gamma \, \log p_c .

        That is the focal loss of `Lin et al. 2017 <https://arxiv.org/abs/1708.02002>`_, equation 5, for
        several classes, and with a gamma of 0 the cross-entropy.

        Args:
            output: Logits [R, C].
            target: The position of the class, int64 [R]; -1 where there is none.
            weight: Of each class, float32 [C].

        Example:
            >>> output, target = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])
            >>> easy_and_hard = ClassLoss("focal", focal_gamma=2.0)
            >>> easy_and_hard.total(output[:1], target[:1], torch.ones(2)).item() < 0.01
            True
        """
        if self.name == "cross_entropy":
            return F.cross_entropy(
                output,
                target,
                weight=weight,
                ignore_index=UNLABELLED,
                label_smoothing=self.label_smoothing,
                reduction="sum",
            )
        gamma = _USUAL_GAMMA if self.focal_gamma is None else self.focal_gamma
        log_p = output.log_softmax(dim=1)
        # Never 0, where the gradient of a root would not be finite.
        others = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
        wanted = F.one_hot(target.clamp_min(0), output.shape[1]).to(log_p) * (1 - self.label_smoothing)
        wanted += self.label_smoothing / output.shape[1]
        losses = -(wanted * weight * others**gamma * log_p).sum(dim=1)
        return (losses * (target != UNLABELLED)).sum()
