"""Multi-head attention over the tokens of each group, packed by the number of tokens: no padding.

Shapes: T tokens, N entities, B entities of one bucket, L tokens of an entity, C channels, H heads, D width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmgraph.layers.attention_weights import Attended
from mmgraph.layers.options import head_width

Buckets: TypeAlias = Sequence[tuple[Tensor, Tensor]]
"""Pairs of the queries int64 [B, K] and the tokens int64 [B, L] of B groups of one shape."""


class GroupAttention(nn.Module):
    r"""Scaled dot-product attention (`Vaswani et al. 2017 <https://arxiv.org/abs/1706.03762>`_) in groups.

    :math:`\alpha_{ij} = \mathrm{softmax}_j(q_i \cdot k_j / \sqrt{D})` over the tokens j of i's own group.
    It gives what ``torch.nn.MultiheadAttention`` gives on padded groups with a ``key_padding_mask``.

    Args:
        owner: The layer that it serves, for messages.
        channels: C; ``heads`` divides it.
        heads: H.
        dropout: Share of the attention weights that are dropped.

    Raises:
        ConfigError: If ``heads`` does not divide ``channels``.
    """

    def __init__(self, owner: str, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = head_width(owner, channels, heads)
        self.dropout = dropout
        self.query = nn.Linear(channels, channels, bias=False)
        self.key_value = nn.Linear(channels, 2 * channels, bias=False)
        self.out = nn.Linear(channels, channels)
        for weight in (self.query.weight, *self.key_value.weight.data.chunk(2)):
            nn.init.xavier_uniform_(weight)

    def forward(
        self, queries: Tensor, tokens: Tensor, buckets: Buckets, attended: Attended | None = None
    ) -> Tensor:
        """Return what each query gathers from the tokens of its group; 0 for a query in no bucket.

        Args:
            queries: [Q, C].
            tokens: [T, C].
            buckets: Pairs of the queries int64 [B, K] and the tokens int64 [B, L] of B groups.
            attended: What the rows stand for, if weights may be asked for.

        Returns:
            [Q, C].
        """
        query = self.query(queries).view(-1, self.heads, self.head_width)
        key, value = self.key_value(tokens).view(-1, 2, self.heads, self.head_width).unbind(1)
        if attended is not None and attended.wanted:
            attended.keep(*_weights(query, key, buckets))
        dropout = self.dropout if self.training else 0.0
        gathered = [queries.new_empty(0, queries.shape[1])]
        asked = [torch.empty(0, dtype=torch.int64, device=queries.device)]
        for rows, columns in buckets:
            mixed = functional.scaled_dot_product_attention(
                query[rows].transpose(1, 2),
                key[columns].transpose(1, 2),
                value[columns].transpose(1, 2),
                dropout_p=dropout,
            )
            gathered.append(mixed.transpose(1, 2).reshape(-1, queries.shape[1]))
            asked.append(rows.flatten())
        out = self.out(torch.cat(gathered))
        return torch.zeros_like(queries).index_copy(0, torch.cat(asked), out)


def _weights(query: Tensor, key: Tensor, buckets: Buckets) -> tuple[Tensor, Tensor, Tensor]:
    """Return all pairs of a query and a token of its group, int64 [P] each, and their weights [P, H]."""
    asking, asked, weights = [], [], []
    for rows, columns in buckets:
        logits = torch.einsum("bkhd,blhd->bklh", query[rows], key[columns]) / math.sqrt(query.shape[-1])
        shape = logits.shape[:3]
        asking.append(rows.unsqueeze(2).expand(shape).flatten())
        asked.append(columns.unsqueeze(1).expand(shape).flatten())
        weights.append(logits.softmax(2).flatten(0, 2))
    return torch.cat(asking), torch.cat(asked), torch.cat(weights)
