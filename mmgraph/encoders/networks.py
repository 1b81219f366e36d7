"""Pre-trained models as modules that take what a graph keeps of raw items.

Shapes: B items, L tokens, D channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class TokenNetwork(nn.Module):
    """Token ids to vectors.

    Args:
        model: The model, which is trained in place.
        vectors_of: Takes the model, token ids and mask, int64 [B, L], and returns vectors [B, D]; for a model
            that sees no mask, the mask is nothing.
        pad: The token that stands behind the last one of a text.
        masked: Whether the model is told which tokens are real.
    """

    def __init__(
        self,
        model: nn.Module,
        vectors_of: Callable[[Any, Tensor, Tensor | None], Tensor],
        *,
        pad: int,
        masked: bool = True,
    ) -> None:
        super().__init__()
        self.model = model
        self._vectors_of, self._pad, self._masked = vectors_of, pad, masked

    def forward(self, ids: Tensor) -> Tensor:
        """Return vectors [B, D] of token ids, integers [B, L] with -1 behind the last one of each."""
        real = ids >= 0
        width = int(real.sum(dim=1).max())
        real = real[:, :width]
        tokens = ids[:, :width].long().masked_fill(~real, self._pad)
        return self._vectors_of(self.model, tokens, real.long() if self._masked else None)


class PixelNetwork(nn.Module):
    """Pixels to vectors.

    Args:
        model: The model, which is trained in place.
        vectors_of: Takes the model and pixels, float32 [B, 3, height, width], and returns vectors [B, D].
        scale: What pixels of 0 to 255 are multiplied by.
        mean: What is subtracted then, of each of the 3 colours.
        spread: What they are divided by at last.
    """

    shift: Tensor
    spread: Tensor

    def __init__(
        self,
        model: nn.Module,
        vectors_of: Callable[[Any, Tensor], Tensor],
        *,
        scale: float,
        mean: Sequence[float],
        spread: Sequence[float],
    ) -> None:
        super().__init__()
        self.model = model
        self._vectors_of, self._scale = vectors_of, scale
        for name, values in (("shift", mean), ("spread", spread)):
            self.register_buffer(name, torch.tensor(list(values)).view(1, -1, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return vectors [B, D] of pixels, uint8 [B, 3, height, width]."""
        return self._vectors_of(self.model, (pixels.float() * self._scale - self.shift) / self.spread)
