"""Graph attention over every relation of a heterogeneous graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from mmgraph.layers.attention_layer import AttentionLayer, Sent, init_each
from mmgraph.layers.layer import Metadata, Triple
from mmgraph.ops import Projection
from mmgraph.registry import LAYERS


@LAYERS.register("hetero_gat")
class HeteroGAT(AttentionLayer):
    r"""Graph attention (`Veličković et al. 2018 <https://arxiv.org/abs/1710.10903>`_), relation by relation.

    .. math::
        m_i^r = \Vert_h \sum_j \alpha_{ij}^{rh} W^{rh} \hat x_j, \quad
        \alpha_{ij}^{rh} \propto w_{ij}^r \exp(\mathrm{LeakyReLU}(a^{rh} \cdot W^{rh} \hat x_j
        + b^{rh} \cdot \hat x_i))

        x_i' = x_i + \mathrm{dropout}(\mathrm{GELU}(W_0 \hat x_i + \mathrm{aggr}_r\, m_i^r))

    with :math:`\hat x` the norm of x, and the softmax over the edges of one relation into a node. Every
    relation has its own projection, as in ``HeteroConv({relation: GATConv(...)})``, whose parameters
    :math:`W_{dst}` and :math:`a_{dst}` only ever act as their product, b here. A node without messages keeps
    the self path.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state; ``heads`` divides it.
        heads: Number of attention heads.
        dropout: Share of the update that is dropped.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        aggr: What becomes of the messages of several relations: ``sum``, or the ``mean`` or ``max`` of those
            that bring a node any, or their sum weighted by ``attention`` or ``semantic`` attention.
        norm: ``layer`` or ``none``.
        negative_slope: Slope of the LeakyReLU below 0, itself below 1.
        edge_channels: The width of the features of each edge type that has any. ``forward`` then takes them,
            [E, width], as ``edge_attr_dict``, and a linear map of them is a further term of the
            score, as by ``edge_dim`` of PyG's ``GATConv``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "b"], [("a", "to", "b")])
        >>> layer = HeteroGAT(metadata, 8, heads=2)
        >>> x_dict = {"a": torch.randn(3, 8), "b": torch.randn(2, 8)}
        >>> out = layer(x_dict, {("a", "to", "b"): torch.tensor([[0, 1, 2], [0, 0, 1]])})
        >>> {name: tuple(x.shape) for name, x in out.items()}
        {'a': (3, 8), 'b': (2, 8)}
    """

    owner = "hetero_gat"
    score = "gat"

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
        negative_slope: float = 0.2,
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
            negative_slope=negative_slope,
            edge_channels=edge_channels,
            targets=targets,
        )

    def make_sender(self, num_relations: int) -> nn.Module:
        """Return what makes values and logits."""
        return _Sender(self.channels, self.heads, num_relations)


class _Sender(nn.Module):
    """What the S nodes of one type send along their R outgoing relations."""

    def __init__(self, channels: int, heads: int, num_relations: int) -> None:
        super().__init__()
        self.shape = (num_relations, heads, channels // heads)
        self.project = nn.Linear(channels, num_relations * channels, bias=False)
        self.attention = nn.Parameter(torch.empty(self.shape))
        init_each(self.project, num_relations)
        for attention in self.attention.data:
            nn.init.xavier_uniform_(attention)

    def forward(self, x: Tensor) -> list[Sent]:
        """Return the values [S, H, D] and the vector [H, D] of each relation."""
        weight = self.project.weight.view(*self.shape, -1)
        return [
            Sent(Projection(x, weight, slot), None, vector=vector)
            for slot, vector in enumerate(self.attention)
        ]
