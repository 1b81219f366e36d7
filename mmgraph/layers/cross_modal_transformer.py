"""The cross-modal transformer: attention among the modalities of each entity."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.attention_block import AttentionBlock, decode
from mmgraph.layers.attention_weights import Attended
from mmgraph.layers.blocks import FeedForward
from mmgraph.layers.group_layer import GroupLayer
from mmgraph.layers.groups import Tokens
from mmgraph.layers.layer import Metadata
from mmgraph.layers.options import require_fraction, require_positive
from mmgraph.registry import LAYERS

OWNER = "cross_modal_transformer"


@LAYERS.register(OWNER)
class CrossModalTransformer(GroupLayer):
    r"""Encode each modality, attend across them, decode into the entity (Vaswani et al. 2017).

    .. math::
        t_m &= x_m + \mathrm{MLP}_m(\hat x_m) + e_m \\
        t &\leftarrow t + \mathrm{Attention}(\hat t, \hat t); \quad t \leftarrow t + \mathrm{FF}(\hat t) \\
        x &\leftarrow x + \mathrm{Attention}(\hat x, \hat t); \quad x \leftarrow x + \mathrm{FF}(\hat x)

    with :math:`\hat{}` a norm (pre-norm throughout), :math:`t` the states of the modalities that an entity
    has, :math:`e_m` a learned embedding of the modality (the last bias of its network), and :math:`x` the
    entity's state, which queries them. For each head,

    .. math:: \mathrm{Attention}(q, t)_i = \sum_j a_{ij} V t_j, \quad
        a_{ij} = \mathrm{softmax}_j\bigl((Q q_i) \cdot (K t_j) / \sqrt{D}\bigr)

    with j over the tokens of i's own entity. A modality that an entity lacks is no token. Groups are found
    by the edges named ``of``; no other relation is read. After
    `Vaswani et al. 2017 <https://arxiv.org/abs/1706.03762>`_; :class:`MulT` is that of
    `Tsai et al. 2019 <https://arxiv.org/abs/1906.00295>`_, with a transformer for every pair of modalities.

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
        require_fraction(OWNER, "dropout", dropout)
        hidden = channels * require_positive(OWNER, "expansion", expansion)
        self.encode, self.mix, self.decode = ModuleDict(), ModuleDict(), ModuleDict()
        for entity, modalities in self.groups.items():
            for name in modalities:
                self.encode[name] = FeedForward(OWNER, channels, hidden, dropout, norm)
            self.mix[entity] = AttentionBlock(OWNER, channels, heads, hidden, dropout, norm, cross=False)
            if entity in self.targets:
                self.decode[entity] = AttentionBlock(
                    OWNER, channels, heads, hidden, dropout, norm, cross=True
                )

    def fuse_groups(
        self, entity: str, x: Tensor | None, state: dict[str, Tensor], tokens: Tokens | None
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Return the new states; see :class:`GroupLayer`."""
        state = {name: self.encode[name](y) for name, y in state.items()}
        mixed = None
        if tokens is not None:
            attended = Attended("mix", tokens.node, tokens.node)
            mixed = self.mix[entity](tokens.gather(state), None, tokens.within, attended)
            state = tokens.scatter(mixed, state)
        if x is not None:
            x = decode(self.decode[entity], entity, x, mixed, tokens)
        return x, state
