"""Multi-head attention over the tokens of each group, packed by the number of tokens.

Shapes: T tokens, N entities, B entities of one bucket, L tokens of an entity, C channels, H heads, D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmgraph.layers.attention_weights import Attended
from mmgraph.layers.buckets import NOBODY, Buckets
from mmgraph.layers.options import head_width
from mmgraph.ops import group_attention, loops_suit


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
            buckets: Which queries see which tokens.
            attended: What the rows stand for, if weights may be asked for.

        Returns:
            [Q, C].
        """
        query = self.query(queries).view(-1, self.heads, self.head_width)
        if attended is not None and attended.wanted:
            key = self.key_value(tokens).view(-1, 2, *query.shape[1:])[:, 0]
            attended.keep(*_weights(query, key, buckets))
        # Where tokens outnumber queries it is cheaper to make no key and no value of any token: a query is
        # brought into the space of the tokens, q . K t = K'q . t, and what it gathers there is made a value
        # afterwards.
        few = 2 * queries.shape[0] <= tokens.shape[0]
        gathered = self._gather_raw(query, tokens, buckets) if few else self._gather(query, tokens, buckets)
        return buckets.clear_others(self.out(gathered))

    def _gather(self, query: Tensor, tokens: Tensor, buckets: Buckets) -> Tensor:
        """Return what the queries [Q, H, D] gather, [Q, C]."""
        memory = self.key_value(tokens)
        if loops_suit(query, memory, buckets.most_tokens):
            return self._loop(query, memory, buckets, query[0].numel(), self.head_width).flatten(1)
        asking = buckets.split_queries(query)
        asked = buckets.split_tokens(memory.view(-1, 2, self.heads, self.head_width))
        mixed = []
        for q, key_value, mask in zip(asking, asked, buckets.masks, strict=True):
            key, value = key_value.transpose(1, 3).unbind(2)
            mixed.append(self._multiply(q.transpose(1, 2), key, value, mask).transpose(1, 2).flatten(0, 1))
        return buckets.give_back(torch.cat(mixed).flatten(1), query.shape[0])

    def _gather_raw(self, query: Tensor, tokens: Tensor, buckets: Buckets) -> Tensor:
        """Return the same, with keys and values of no token."""
        to_key, to_value = self.key_value.weight.view(2, self.heads, self.head_width, -1).unbind()
        query = torch.einsum("qhd,hdc->qhc", query, to_key)
        if loops_suit(query, tokens, buckets.most_tokens):
            gathered = self._loop(query, tokens, buckets, 0, 0)
        else:
            asking, asked, mixed = buckets.split_queries(query), buckets.split_tokens(tokens), []
            for q, token, mask in zip(asking, asked, buckets.masks, strict=True):
                row = token.unsqueeze(1)
                mixed.append(
                    self._multiply(q.flatten(1, 2).unsqueeze(1), row, row, mask).view(-1, *query.shape[1:])
                )
            gathered = buckets.give_back(torch.cat(mixed), query.shape[0])
        return torch.einsum("qhc,hdc->qhd", gathered, to_value).flatten(1)

    def _loop(
        self, query: Tensor, memory: Tensor, buckets: Buckets, value_start: int, head_step: int
    ) -> Tensor:
        result: Tensor = group_attention(
            query,
            memory,
            buckets.groups,
            value_start=value_start,
            head_step=head_step,
            scale=1 / math.sqrt(self.head_width),
            dropout=self.dropout if self.training else 0.0,
        )
        return result

    def _multiply(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Return the attention of the queries of a bucket on the keys that are there, bool [B, L]."""
        return functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if mask is None else mask[:, None, None],
            dropout_p=self.dropout if self.training else 0.0,
            scale=1 / math.sqrt(self.head_width),
        )


def _weights(query: Tensor, key: Tensor, buckets: Buckets) -> tuple[Tensor, Tensor, Tensor]:
    """Return all pairs of a query and a token of its group, int64 [P] each, and their weights [P, H]."""
    asking, asked, weights = [], [], []
    for rows, columns in buckets.pairs:
        logits = torch.einsum("bkhd,blhd->bklh", query[rows], key[columns]) / math.sqrt(query.shape[-1])
        there = (columns != NOBODY).unsqueeze(1).expand(logits.shape[:3])
        weight = logits.masked_fill(~there.unsqueeze(3), -torch.inf).softmax(2)
        both = there & (rows != NOBODY).unsqueeze(2)
        asking.append(rows.unsqueeze(2).expand(both.shape)[both])
        asked.append(columns.unsqueeze(1).expand(both.shape)[both])
        weights.append(weight[both])
    return torch.cat(asking), torch.cat(asked), torch.cat(weights)
