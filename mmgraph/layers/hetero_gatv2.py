"""Graph attention with dynamic scores over every relation of a heterogeneous graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from mmgraph.layers.attention_layer import AttentionLayer, AttentionReceiver, Sent, init_each
from mmgraph.layers.layer import Metadata, Triple
from mmgraph.ops import Projection
from mmgraph.registry import LAYERS


@LAYERS.register("hetero_gatv2")
class HeteroGATv2(AttentionLayer):
    r"""Dynamic attention (`Brody et al. 2022 <https://arxiv.org/abs/2105.14491>`_), relation by relation.

    .. math::
        m_i^r = \Vert_h \sum_j \alpha_{ij}^{rh} s_j^{rh}, \quad
        \alpha_{ij}^{rh} \propto w_{ij}^r \exp(a^{rh} \cdot \mathrm{LeakyReLU}(s_j^{rh} + t_i^{rh}))

        x_i' = x_i + \mathrm{dropout}(\mathrm{GELU}(W_0 \hat x_i + \mathrm{aggr}_r\, m_i^r))

    with :math:`\hat x` the norm of x, and :math:`s_j` and :math:`t_i` linear in :math:`\hat x_j` and
    :math:`\hat x_i`, each relation with maps of its own, as in ``HeteroConv({relation: GATv2Conv(...)})``.
    Unlike in ``hetero_gat``, which neighbour weighs most can differ from node to node; it costs a further
    projection, and a number for each edge and channel is computed rather than one for each edge and head.

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
            [E, width], as ``edge_attr_dict``, and a linear map of them is a further term inside
            the LeakyReLU, as by ``edge_dim`` of PyG's ``GATv2Conv``; it takes tensors as large as E values.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "b"], [("a", "to", "b")])
        >>> layer = HeteroGATv2(metadata, 8, heads=2)
        >>> x_dict = {"a": torch.randn(3, 8), "b": torch.randn(2, 8)}
        >>> out = layer(x_dict, {("a", "to", "b"): torch.tensor([[0, 1, 2], [0, 0, 1]])})
        >>> {name: tuple(x.shape) for name, x in out.items()}
        {'a': (3, 8), 'b': (2, 8)}
    """

    owner = "hetero_gatv2"
    score = "gatv2"

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
        """Return what makes values, which are the source's share of the score as well."""
        return _Sender(self.channels, self.heads, num_relations)

    def make_receiver(self, num_relations: int) -> nn.Module:
        """Return what makes the target's share of the score, as wide as the values."""
        return AttentionReceiver(
            self.owner, self.channels, self.heads, num_relations, self.aggr, width=self.head_width, bias=True
        )


class _Sender(nn.Module):
    """What the S nodes of one type send along their R outgoing relations."""

    def __init__(self, channels: int, heads: int, num_relations: int) -> None:
        super().__init__()
        self.shape = (num_relations, heads, channels // heads)
        self.project = nn.Linear(channels, num_relations * channels)
        self.vector = nn.Parameter(torch.empty(self.shape))
        init_each(self.project, num_relations)
        for vector in self.vector.data:
            nn.init.xavier_uniform_(vector)

    def forward(self, x: Tensor) -> list[Sent]:
        """Return the values [S, H, D] and the vector [H, D] of each relation."""
        weight, bias = self.project.weight.view(*self.shape, -1), self.project.bias.view(self.shape)
        sent = [Projection(x, weight, slot, bias) for slot in range(self.shape[0])]
        return [Sent(rows, rows, vector=vector) for rows, vector in zip(sent, self.vector, strict=True)]
