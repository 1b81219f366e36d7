"""Hierarchical attention: over the neighbours of each relation, then over the relations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.attention_layer import AttentionLayer, Sent
from mmgraph.layers.layer import Metadata, Triple
from mmgraph.layers.relational_layer import Receiver, RelationEdges
from mmgraph.registry import LAYERS


@LAYERS.register("han")
class HAN(AttentionLayer):
    r"""Hierarchical graph attention (`Wang et al. 2019 <https://arxiv.org/abs/1903.07293>`_, HAN).

    .. math::
        m_i^r = \mathrm{ReLU}(\Vert_h \sum_j \alpha_{ij}^{rh} z_j^h), \quad
        \alpha_{ij}^{rh} \propto w_{ij}^r \exp(\mathrm{LeakyReLU}(a^{rh} \cdot z_j^h + b^{rh} \cdot z_i^h))

        x_i' = x_i + \mathrm{dropout}(\mathrm{GELU}(W_0 \hat x_i + \textstyle\sum_r \beta^r m_i^r)), \quad
        \beta^r = \mathrm{softmax}_r(\mathrm{mean}_i\; q \cdot \tanh(W m_i^r + c))

    with :math:`\hat x` the norm of x and :math:`z = P \hat x + p`, one projection for each node type, which
    all its relations share; the paper's meta-paths are the relations here. W, c and q belong to the node type
    that the relations point at. A relation without edges takes no part in the second softmax, whose mean is
    over the nodes of the type that are in the batch.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state; ``heads`` divides it.
        heads: Number of attention heads.
        dropout: Share of the update that is dropped.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.
        negative_slope: Slope of the LeakyReLU below 0, itself below 1.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "b"], [("a", "to", "b"), ("b", "near", "b")])
        >>> layer = HAN(metadata, 8, heads=2)
        >>> x_dict = {"a": torch.randn(3, 8), "b": torch.randn(2, 8)}
        >>> out = layer(x_dict, {("a", "to", "b"): torch.tensor([[0, 1, 2], [0, 0, 1]])})
        >>> {name: tuple(x.shape) for name, x in out.items()}
        {'a': (3, 8), 'b': (2, 8)}
    """

    owner = "han"
    narrows = False
    score = "gat"

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        heads: int = 4,
        dropout: float = 0.0,
        edge_dropout: float = 0.0,
        norm: str = "layer",
        negative_slope: float = 0.2,
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(
            metadata,
            channels,
            heads=heads,
            dropout=dropout,
            edge_dropout=edge_dropout,
            aggr="semantic",
            norm=norm,
            negative_slope=negative_slope,
            targets=targets,
        )
        self.project = ModuleDict()
        for name in self.node_types:
            if self._relations_from(name) or self._relations_into(name):
                self.project[name] = nn.Linear(channels, channels)
                nn.init.xavier_uniform_(self.project[name].weight)

    def make_sender(self, num_relations: int) -> nn.Module:
        """Return what makes logits of what is projected already."""
        return _Sender(self.heads, self.head_width, num_relations)

    def make_receiver(self, num_relations: int) -> nn.Module:
        """Return what weighs the relations."""
        return _Receiver(self.owner, self.channels, self.heads, num_relations)

    def messages(
        self,
        x_dict: Mapping[str, Tensor],
        edges: Mapping[Triple, RelationEdges],
        asked: Mapping[str, Tensor],  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Return the messages of each relation; see :class:`RelationalLayer`."""
        met = {name for source, _, target in edges for name in (source, target)}
        projected = {name: self.project[name](x) for name, x in x_dict.items() if name in met}
        return {name: functional.relu(z) for name, z in super().messages(projected, edges, projected).items()}


class _Logits(nn.Module):
    """The share of the nodes of one type in the logits of their R relations on one side."""

    def __init__(self, heads: int, head_width: int, num_relations: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.empty(num_relations, heads, head_width))
        for vector in self.vector.data:
            nn.init.xavier_uniform_(vector)

    def forward(self, z: Tensor) -> tuple[Tensor, ...]:
        """Return [N, H] for each relation from [N, C]."""
        return torch.einsum("nhd,rhd->nrh", z.view(-1, *self.vector.shape[1:]), self.vector).unbind(1)


class _Sender(nn.Module):
    def __init__(self, heads: int, head_width: int, num_relations: int) -> None:
        super().__init__()
        self.shape = (heads, head_width)
        self.share = _Logits(heads, head_width, num_relations)

    def forward(self, z: Tensor) -> list[Sent]:
        """Return the values [S, H, D], the same for all, and the logits [S, H] of each relation."""
        values = z.view(-1, *self.shape)
        return [Sent(values, logits) for logits in self.share(z)]


class _Receiver(Receiver):
    def __init__(self, owner: str, channels: int, heads: int, num_relations: int) -> None:
        super().__init__(owner, channels, num_relations, "semantic")
        if num_relations:
            self.share = _Logits(heads, channels // heads, num_relations)
