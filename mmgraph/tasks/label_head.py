"""A linear map to labels of which an entity may have several, and what tells which ones it has."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LabelHead(nn.Module):
    """A logit for each of L labels, and beside them the one that a label must surpass to be told.

    That threshold is no weight that a gradient moves: it is chosen on validation, and saved with the weights.

    Args:
        channels: The width of the unified states.
        share: How probable each label is at first, float [L]: where most are rare, a bias that begins at 0
            takes long to get there (Lin et al. 2017, https://arxiv.org/abs/1708.02002, section 4.1).
    """

    threshold: Tensor

    def __init__(self, channels: int, share: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, len(share))
        with torch.no_grad():
            self.linear.bias.copy_(prior_logits(share))
        self.register_buffer("threshold", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits and threshold, [N, L + 1].

        Args:
            x: Unified states, [N, channels].
        """
        return with_threshold(self.linear(x), self.threshold)


def with_threshold(logits: Tensor, threshold: Tensor | float) -> Tensor:
    """Return logits of labels, [N, L], with the threshold as one more column, float32 [N, L + 1].

    Args:
        logits: [N, L].
        threshold: One number.
    """
    # In half precision the threshold, which lies between two logits, could become one of them.
    logits = logits.float()
    column = torch.as_tensor(threshold, dtype=logits.dtype, device=logits.device)
    return torch.cat([logits, column.expand(len(logits), 1)], dim=1)


def prior_logits(share: Tensor) -> Tensor:
    """Return the logits of shares, [L]; one below 0.001 or above 0.999 counts as that.

    Args:
        share: From 0 to 1, [L].
    """
    return share.logit(eps=1e-3)
