"""A linear map to classes, and the temperature that makes probabilities of its scores."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ClassHead(nn.Linear):
    """A logit for each of C classes, over a temperature that is 1 until it is fitted.

    The temperature is no weight that a gradient moves: it is fitted on validation once the training is done
    (:func:`mmgraph.calibrate`), and saved with the weights.

    Args:
        channels: The width of the unified states.
        classes: The number C of classes.
    """

    temperature: Tensor

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(channels, classes)
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, input: Tensor) -> Tensor:
        """Return logits over the temperature, [N, C].

        Args:
            input: Unified states, [N, channels].
        """
        return super().forward(input) / self.temperature
