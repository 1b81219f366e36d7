"""The cross-modal transformer: attention among the modalities of each entity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.blocks import FeedForward, make_norm
from mmgraph.layers.dropout import Dropout
from mmgraph.layers.group_attention import GroupAttention
from mmgraph.layers.groups import group_types, make_tokens
from mmgraph.layers.layer import Layer, Metadata, Triple
from mmgraph.layers.options import require_fraction, require_positive
from mmgraph.registry import LAYERS


@LAYERS.register("cross_modal_transformer")
class CrossModalTransformer(Layer):
    r"""Encoder per modality, scaled dot-product attention across modalities, and a decoder into the entity.

    .. math::
        t_m &= x_m + \mathrm{MLP}_m(\hat x_m) + e_m \\
        t &\leftarrow t + \mathrm{Attention}(\hat t, \hat t); \quad t \leftarrow t + \mathrm{FF}(\hat t) \\
        x &\leftarrow x + \mathrm{Attention}(\hat x, \hat t); \quad x \leftarrow x + \mathrm{FF}(\hat x)

    with :math:`\hat{}` a norm (pre-norm throughout), :math:`t` the states of the modalities that an entity
    has, :math:`e_m` a learned embedding of the modality, and :math:`x` the entity's state, which queries
    them. A modality that an entity lacks is no token. Groups are found by the edges named ``of``; no other
    relation is read. After `Vaswani et al. 2017 <https://arxiv.org/abs/1706.03762>`_ and
    `Tsai et al. 2019 <https://arxiv.org/abs/1906.00295>`_ (MulT).

    Args:
        metadata: The node types and edge types.
        channels: Width of every state; ``heads`` divides it.
        heads: Number of attention heads.
        dropout: Share dropped of the attention weights, and of what each block adds.
        expansion: Width of the feed-forward networks, in channels.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "a/text", "a/image"], [("a/text", "of", "a"), ("a/image", "of", "a")])
        >>> layer = CrossModalTransformer(metadata, 8, heads=2)
        >>> x_dict = {"a": torch.randn(2, 8), "a/text": torch.randn(2, 8), "a/image": torch.randn(1, 8)}
        >>> of = {("a/text", "of", "a"): torch.tensor([[0, 1], [0, 1]])}
        >>> of["a/image", "of", "a"] = torch.tensor([[0], [1]])
        >>> {name: tuple(x.shape) for name, x in layer(x_dict, of).items()}
        {'a': (2, 8), 'a/text': (2, 8), 'a/image': (1, 8)}
    """

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        heads: int = 4,
        dropout: float = 0.0,
        expansion: int = 2,
        norm: str = "layer",
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(metadata, channels, targets=targets)
        owner = "cross_modal_transformer"
        require_fraction(owner, "dropout", dropout)
        hidden = channels * require_positive(owner, "expansion", expansion)
        self.groups = group_types(metadata, self.targets)
        self.encode, self.mix, self.decode = ModuleDict(), ModuleDict(), ModuleDict()
        for entity, modalities in self.groups.items():
            for name in modalities:
                self.encode[name] = FeedForward(owner, channels, hidden, dropout, norm)
            self.mix[entity] = _AttentionBlock(channels, heads, hidden, dropout, norm, cross=False)
            if entity in self.targets:
                self.decode[entity] = _AttentionBlock(channels, heads, hidden, dropout, norm, cross=True)

    @property
    def reads(self) -> frozenset[str]:
        """The targets and all modalities of their groups."""
        return self.targets.union(*self.groups.values())

    def forward(
        self,
        x_dict: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return the new states; see :class:`Layer`."""
        self.check_inputs(x_dict, edge_index_dict, edge_weight_dict)
        result = dict(x_dict)
        for entity, modalities in self.groups.items():
            state = {name: self.encode[name](x_dict[name]) for name in modalities if name in x_dict}
            tokens = make_tokens(entity, modalities, x_dict, edge_index_dict)
            mixed, buckets = None, []
            if tokens is not None:
                buckets = tokens.buckets
                within = [(members, members) for _, members in buckets]
                mixed = self.mix[entity](tokens.gather(state), None, within)
                state = tokens.scatter(mixed, state)
            if entity in self.targets and entity in x_dict:
                asking = [(entities.unsqueeze(1), members) for entities, members in buckets]
                result[entity] = self.decode[entity](x_dict[entity], mixed, asking)
            result.update({name: x for name, x in state.items() if name in self.targets})
        return result


class _AttentionBlock(nn.Module):
    """Attention and feed-forward, both residual: within the tokens of a group, or from an entity to them."""

    def __init__(
        self, channels: int, heads: int, hidden: int, dropout: float, norm: str, *, cross: bool
    ) -> None:
        super().__init__()
        owner = "cross_modal_transformer"
        self.query_norm = make_norm(owner, norm, channels)
        if cross:
            self.token_norm = make_norm(owner, norm, channels)
        self.attention = GroupAttention(owner, channels, heads, dropout)
        self.dropout = Dropout(dropout)
        self.feed_forward = FeedForward(owner, channels, hidden, dropout, norm)

    def forward(self, queries: Tensor, tokens: Tensor | None, buckets: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Return new queries [Q, C]; where the queries are the tokens, or there are none, pass None."""
        if buckets:
            query = self.query_norm(queries)
            token = query if tokens is None else self.token_norm(tokens)
            queries = queries + self.dropout(self.attention(query, token, buckets))
        result: Tensor = self.feed_forward(queries)
        return result
