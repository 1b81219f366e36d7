"""The transformer block over groups: attention and feed-forward, both residual, pre-norm."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmgraph.layers.attention_weights import Attended
from mmgraph.layers.blocks import FeedForward, make_norm
from mmgraph.layers.buckets import Buckets
from mmgraph.layers.dropout import Dropout
from mmgraph.layers.group_attention import GroupAttention
from mmgraph.layers.groups import Tokens


class AttentionBlock(nn.Module):
    r"""Attention within the tokens of a group, or from queries to them, and a feed-forward network.

    .. math::
        q \leftarrow q + \mathrm{Attention}(\hat q, \hat t); \quad q \leftarrow q + \mathrm{FF}(\hat q)

    Args:
        owner: The layer that it serves, for messages.
        channels: Width of every state; ``heads`` divides it.
        heads: Number of attention heads.
        hidden: Width of the feed-forward network.
        dropout: Share dropped of the attention weights, and of what each part adds.
        norm: ``layer`` or ``none``.
        cross: Whether the queries are others than the tokens, which then have a norm of their own.

    Raises:
        ConfigError: If ``heads`` does not divide ``channels``, or there is no such norm.
    """

    def __init__(
        self, owner: str, channels: int, heads: int, hidden: int, dropout: float, norm: str, *, cross: bool
    ) -> None:
        super().__init__()
        self.query_norm = make_norm(owner, norm, channels)
        if cross:
            self.token_norm = make_norm(owner, norm, channels)
        self.attention = GroupAttention(owner, channels, heads, dropout)
        self.dropout = Dropout(dropout)
        self.feed_forward = FeedForward(owner, channels, hidden, dropout, norm)

    def forward(
        self,
        queries: Tensor,
        tokens: Tensor | None,
        buckets: Buckets | None,
        attended: Attended | None = None,
    ) -> Tensor:
        """Return new queries [Q, C].

        Args:
            queries: [Q, C].
            tokens: [T, C]; None where the queries are the tokens, or there are none.
            buckets: Which queries see which tokens; None if none sees any.
            attended: What the rows stand for, if weights may be asked for.
        """
        if buckets is not None:
            query = self.query_norm(queries)
            token = query if tokens is None else self.token_norm(tokens)
            queries = queries + self.dropout(self.attention(query, token, buckets, attended))
        result: Tensor = self.feed_forward(queries)
        return result


def decode(
    block: AttentionBlock, entity: str, x: Tensor, values: Tensor | None, tokens: Tokens | None
) -> Tensor:
    """Return what the entities become when each asks its own tokens.

    Args:
        block: A block with ``cross``.
        entity: The entity type.
        x: The states of the entities [N, C].
        values: The states of the tokens [T, C].
        tokens: Which token belongs to which entity; None if there are none.
    """
    if tokens is None:
        result: Tensor = block(x, None, None)
        return result
    attended = Attended("decode", {entity: torch.arange(x.shape[0], device=x.device)}, tokens.node)
    result = block(x, values, tokens.asked, attended)
    return result
