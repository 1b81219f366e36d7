"""How wrong probabilities of classes or labels are: cross-entropy or focal loss, weights and smoothing.

Shapes: R rows, C classes, L labels.
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
    """The loss of a task with classes, or with labels of which an entity may have several.

    Args:
        name: ``cross_entropy`` or ``focal``.
        focal_gamma: How much less a class counts that is predicted well already, 2 by default; nothing for
            cross-entropy.
        class_weights: ``balanced`` weighs each class by the inverse of its frequency in training; of labels,
            having one and not having it.
        label_smoothing: The share of the target that is spread over all classes, from 0 up to 1; of a label,
            over having it and not.

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
        log_p = output.log_softmax(dim=1)
        # Never 0, where the gradient of a root would not be finite.
        others = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
        wanted = F.one_hot(target.clamp_min(0), output.shape[1]).to(log_p) * (1 - self.label_smoothing)
        wanted += self.label_smoothing / output.shape[1]
        losses = -(wanted * weight * others**self._gamma * log_p).sum(dim=1)
        return (losses * (target != UNLABELLED)).sum()

    def of_labels(self, output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        r"""Return the mean loss of rows that have several labels or none, over rows and labels, a scalar.

        Each label is a question of its own. With its probability p = sigmoid(output), the target q, which for
        a smoothing of s is 1 - s / 2 where a row has the label and s / 2 where not, and the weights
        :math:`w_1` of having it and :math:`w_0` of not, its loss is

        .. math::
            -q \, w_1 (1 - p)^\gamma \log p - (1 - q) \, w_0 \, p^\gamma \log (1 - p) ,

        for a gamma of 0 the binary cross-entropy, else the focal loss.

        Args:
            output: Logits [R, L].
            target: Which labels a row has, bool [R, L].
            weight: Of not having a label, and of having it, float32 [2, L].

        Example:
            >>> sure, target = torch.tensor([[9.0, -9.0]]), torch.tensor([[True, False]])
            >>> ClassLoss().of_labels(sure, target, torch.ones(2, 2)).item() < 0.001
            True
        """
        wanted = target.to(output) * (1 - self.label_smoothing) + self.label_smoothing / 2
        tiny = torch.finfo(output.dtype).tiny
        easy, hard = (output.sigmoid().clamp_min(tiny), (-output).sigmoid().clamp_min(tiny))
        has = wanted * weight[1] * hard**self._gamma * F.logsigmoid(output)
        lacks = (1 - wanted) * weight[0] * easy**self._gamma * F.logsigmoid(-output)
        return -(has + lacks).mean()

    @property
    def _gamma(self) -> float:
        if self.name != "focal":
            return 0.0
        return _USUAL_GAMMA if self.focal_gamma is None else self.focal_gamma
