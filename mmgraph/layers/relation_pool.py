"""How the messages of several relations into one node type become one.

Shapes: N nodes, R relations, H heads, D width of a head, C = H x D channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmgraph.layers.options import require_choice

AGGREGATIONS = ("sum", "mean", "attention")


class RelationPool(nn.Module):
    r"""The sum, mean or attention-weighted sum over the relations that bring a node any message.

    Attention is that of `HAN <https://arxiv.org/abs/1903.07293>`_, but for each node by itself:
    :math:`\beta_i^r = \mathrm{softmax}_r(q \cdot \tanh(W z_i^r + b))`.

    Args:
        channels: C.
        aggr: ``sum``, ``mean`` or ``attention``.

    Raises:
        ConfigError: If there is no such aggregation.
    """

    def __init__(self, channels: int, aggr: str) -> None:
        super().__init__()
        self.aggr = require_choice("hetero_gat", "aggr", aggr, AGGREGATIONS)
        if aggr == "attention":
            self.key = nn.Linear(channels, channels)
            self.query = nn.Linear(channels, 1, bias=False)

    def forward(self, messages: Tensor, has_message: Sequence[Tensor]) -> Tensor:
        """Return the messages of at least one relation as one.

        Args:
            messages: [R, N, C]; 0 for a node without a message.
            has_message: bool [N] for each relation.

        Returns:
            [N, C]; 0 for a node without any message.
        """
        if self.aggr == "sum":
            return messages[0] if messages.shape[0] == 1 else messages.sum(0)
        present = torch.stack(list(has_message))
        if self.aggr == "mean":
            return messages.sum(0) / present.sum(0).clamp(min=1).unsqueeze(1)
        logit: Tensor = self.query(torch.tanh(self.key(messages))).squeeze(-1)
        # A node without any message gets an even softmax over zeros rather than one over nothing.
        logit = logit.masked_fill(~present, torch.finfo(logit.dtype).min)
        return (logit.softmax(dim=0).unsqueeze(-1) * messages).sum(0)
