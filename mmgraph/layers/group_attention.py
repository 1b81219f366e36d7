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
        few = 2 * queries.shape[0] <= tokens.shape[0]
        gathered = (self._gather_raw if few else self._gather)(query, tokens, buckets)
        return buckets.give_back(self.out(gathered), queries.shape[0])

    def _gather(self, query: Tensor, tokens: Tensor, buckets: Buckets) -> Tensor:
        """Return what the queries [Q, H, D] that are in a bucket gather, bucket after bucket, [., C]."""
        key_value = self.key_value(tokens).view(-1, 2, self.heads, self.head_width)
        asking = buckets.split_queries(query.index_select(0, buckets.query_places))
        asked = buckets.split_tokens(key_value.index_select(0, buckets.token_places))
        mixed = []
        for q, kv, mask in zip(asking, asked, buckets.masks, strict=True):
            key, value = kv.transpose(1, 3).unbind(2)
            mixed.append(self._attend(q.transpose(1, 2), key, value, mask).transpose(1, 2).flatten(0, 1))
        return buckets.drop_nobody(torch.cat(mixed)).flatten(1)

    def _gather_raw(self, query: Tensor, tokens: Tensor, buckets: Buckets) -> Tensor:
        """Return the same, with no key and no value of any token: cheaper where tokens outnumber queries.

        A query is brought into the space of the tokens, :math:`q \\cdot K t = K^T q \\cdot t`, and what it
        gathers there is made a value afterwards, :math:`\\sum_j a_j V t_j = V \\sum_j a_j t_j`.
        """
        to_key, to_value = self.key_value.weight.view(2, self.heads, self.head_width, -1).unbind()
        query = torch.einsum("qhd,hdc->qhc", query.index_select(0, buckets.query_places), to_key)
        asking = buckets.split_queries(query)
        asked = buckets.split_tokens(tokens.index_select(0, buckets.token_places))
        mixed = []
        for q, token, mask in zip(asking, asked, buckets.masks, strict=True):
            token = token.unsqueeze(1)
            raw = self._attend(q.flatten(1, 2).unsqueeze(1), token, token, mask)
            mixed.append(raw.view(-1, self.heads, raw.shape[-1]))
        return torch.einsum("qhc,hdc->qhd", buckets.drop_nobody(torch.cat(mixed)), to_value).flatten(1)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Return the attention of queries on the keys of their group that are there, bool [B, L]."""
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
