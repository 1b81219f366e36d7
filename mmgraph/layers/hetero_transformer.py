"""Dot-product attention over every relation of a heterogeneous graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from mmgraph.layers.attention_layer import AttentionLayer, AttentionReceiver, Sent, init_each
from mmgraph.layers.layer import Metadata, Triple
from mmgraph.ops import Projection
from mmgraph.registry import LAYERS


@LAYERS.register("hetero_transformer")
class HeteroTransformer(AttentionLayer):
    r"""The graph transformer (`Shi et al. 2021 <https://arxiv.org/abs/2009.03509>`_), relation by relation.

    .. math::
        m_i^r = \Vert_h \sum_j \alpha_{ij}^{rh} v_j^{rh}, \quad
        \alpha_{ij}^{rh} \propto w_{ij}^r \exp(q_i^{rh} \cdot k_j^{rh} / \sqrt{D})

        x_i' = x_i + \mathrm{dropout}(\mathrm{GELU}(W_0 \hat x_i + \mathrm{aggr}_r\, m_i^r))

    with :math:`\hat x` the norm of x, D the width of a head, and query, key and value linear in
    :math:`\hat x`, each relation with maps of its own, as in
    ``HeteroConv({relation: TransformerConv(...)})``. A key has no bias, as the softmax would cancel it.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state; ``heads`` divides it.
        heads: Number of attention heads.
        dropout: Share of the update that is dropped.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        aggr: What becomes of the messages of several relations: ``sum``, or the ``mean`` or ``max`` of those
            that bring a node any, or their sum weighted by ``attention`` or ``semantic`` attention.
        norm: ``layer`` or ``none``.
        edge_channels: The width of the features of each edge type that has any. ``forward`` then takes them,
            [E, width], as ``edge_attr_dict``, and a linear map of them is a further term of key
            and value, as by ``edge_dim`` of PyG's ``TransformerConv``; it takes tensors as large as E values.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "b"], [("a", "to", "b")])
        >>> layer = HeteroTransformer(metadata, 8, heads=2)
        >>> x_dict = {"a": torch.randn(3, 8), "b": torch.randn(2, 8)}
        >>> out = layer(x_dict, {("a", "to", "b"): torch.tensor([[0, 1, 2], [0, 0, 1]])})
        >>> {name: tuple(x.shape) for name, x in out.items()}
        {'a': (3, 8), 'b': (2, 8)}
    """

    owner = "hetero_transformer"
    score = "dot"

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        heads: int = 4,
        dropout: float = 0.0,
        edge_dropout: float = 0.0,
        aggr: str = "sum",
        norm: str = "layer",
        edge_channels: Mapping[Triple, int] | None = None,
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(
            metadata,
            channels,
            heads=heads,
            dropout=dropout,
            edge_dropout=edge_dropout,
            aggr=aggr,
            norm=norm,
            edge_channels=edge_channels,
            targets=targets,
        )

    def make_sender(self, num_relations: int) -> nn.Module:
        """Return what makes values and keys."""
        return _Sender(self.channels, self.heads, num_relations)

    def make_receiver(self, num_relations: int) -> nn.Module:
        """Return what makes queries."""
        return AttentionReceiver(
            self.owner, self.channels, self.heads, num_relations, self.aggr, width=self.head_width, bias=True
        )


class _Sender(nn.Module):
    """What the S nodes of one type send along their R outgoing relations."""

    def __init__(self, channels: int, heads: int, num_relations: int) -> None:
        super().__init__()
        self.shape = (num_relations, heads, channels // heads)
        self.key = nn.Linear(channels, num_relations * channels, bias=False)
        self.value = nn.Linear(channels, num_relations * channels)
        init_each(self.key, num_relations)
        init_each(self.value, num_relations)

    def forward(self, x: Tensor) -> list[Sent]:
        """Return the values [S, H, D] and the keys [S, H, D] of each relation."""
        key = self.key.weight.view(*self.shape, -1)
        value, bias = self.value.weight.view(*self.shape, -1), self.value.bias.view(self.shape)
        return [
            Sent(Projection(x, value, slot, bias), Projection(x, key, slot)) for slot in range(self.shape[0])
        ]
