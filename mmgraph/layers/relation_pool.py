"""How the messages of several relations into one node type become one.

Shapes: N nodes, R relations, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmgraph.layers.options import require_choice

AGGREGATIONS = ("sum", "mean", "max", "attention", "semantic")


class RelationPool(nn.Module):
    r"""One message out of those of the relations that bring a node any.

    ``attention`` and ``semantic`` are sums weighted by :math:`\beta^r = \mathrm{softmax}_r(q \cdot
    \tanh(W z^r + b))`, as in `HAN <https://arxiv.org/abs/1903.07293>`_: ``attention`` by each node for
    itself, ``semantic`` as HAN has it, with the mean of the logits over all nodes, which so weigh the
    relations alike.

    Args:
        owner: The layer that it serves, for messages.
        channels: C.
        aggr: ``sum``, ``mean``, ``max``, ``attention`` or ``semantic``.

    Raises:
        ConfigError: If there is no such aggregation.
    """

    def __init__(self, owner: str, channels: int, aggr: str) -> None:
        super().__init__()
        self.aggr = require_choice(owner, "aggr", aggr, AGGREGATIONS)
        if aggr in ("attention", "semantic"):
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
            return messages.squeeze(0) if messages.shape[0] == 1 else messages.sum(0)
        present = torch.stack(list(has_message))
        if self.aggr == "mean":
            return messages.sum(0) / present.sum(0).clamp(min=1).unsqueeze(1)
        lowest = torch.finfo(messages.dtype).min
        if self.aggr == "max":
            top = messages.masked_fill(~present.unsqueeze(-1), lowest).amax(0)
            return top.masked_fill(~present.any(0).unsqueeze(-1), 0.0)
        logit: Tensor = self.query(torch.tanh(self.key(messages))).squeeze(-1)
        if self.aggr == "semantic":
            logit = logit.mean(1, keepdim=True)
        else:
            # A node without any message gets an even softmax over zeros rather than one over nothing.
            logit = logit.masked_fill(~present, lowest)
        return (logit.softmax(dim=0).unsqueeze(-1) * messages).sum(0)
