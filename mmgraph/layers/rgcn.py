"""Relational graph convolution: the mean of the neighbours along every relation, by shared bases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from mmgraph.layers.layer import Metadata, Triple
from mmgraph.layers.neighbours import neighbour_mean
from mmgraph.layers.options import require_positive
from mmgraph.layers.relational_layer import RelationalLayer, RelationEdges, stack_by_target
from mmgraph.registry import LAYERS


@LAYERS.register("rgcn")
class RGCN(RelationalLayer):
    r"""Relational graph convolution (`Schlichtkrull et al. 2018 <https://arxiv.org/abs/1703.06103>`_, R-GCN).

    .. math::
        m_i^r = W^r\, \mathrm{mean}_j\, \hat x_j, \quad W^r = \textstyle\sum_b a_{rb} B_b

        x_i' = x_i + \mathrm{dropout}(\mathrm{GELU}(W_0 \hat x_i + \mathrm{aggr}_r\, m_i^r))

    with :math:`\hat x` the norm of x and the weighted mean over the neighbours along one relation. Without
    ``num_bases`` every :math:`W^r` is a parameter; with it, all relations of the graph share the bases
    :math:`B_b`, so that many relations, or small ones, do not overfit. :math:`W_0` belongs to the node type.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state.
        dropout: Share of the update that is dropped.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        num_bases: Number of bases; None for a matrix for each relation.
        aggr: What becomes of the messages of several relations: ``sum``, or the ``mean`` or ``max`` of those
            that bring a node any, or their sum weighted by ``attention`` or ``semantic`` attention.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "b"], [("a", "to", "b"), ("b", "near", "b")])
        >>> layer = RGCN(metadata, 8, num_bases=1)
        >>> x_dict = {"a": torch.randn(3, 8), "b": torch.randn(2, 8)}
        >>> out = layer(x_dict, {("a", "to", "b"): torch.tensor([[0, 1, 2], [0, 0, 1]])})
        >>> {name: tuple(x.shape) for name, x in out.items()}
        {'a': (3, 8), 'b': (2, 8)}
    """

    owner = "rgcn"

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        dropout: float = 0.0,
        edge_dropout: float = 0.0,
        num_bases: int | None = None,
        aggr: str = "sum",
        norm: str = "layer",
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(
            metadata, channels, dropout=dropout, edge_dropout=edge_dropout, norm=norm, targets=targets
        )
        self.num_bases = None if num_bases is None else require_positive(self.owner, "num_bases", num_bases)
        if num_relations := len(self.relations):
            self.weight = nn.Parameter(torch.empty(self.num_bases or num_relations, channels, channels))
            for matrix in self.weight.data:
                nn.init.xavier_uniform_(matrix)
            if self.num_bases is not None:
                self.coefficient = nn.Parameter(torch.empty(num_relations, self.num_bases))
                nn.init.xavier_uniform_(self.coefficient)
        self.make_receivers(aggr)

    def messages(
        self,
        x_dict: Mapping[str, Tensor],
        edges: Mapping[Triple, RelationEdges],
        asked: Mapping[str, Tensor],  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Return the projected means; see :class:`RelationalLayer`."""
        if not edges:
            return {}
        weight: Tensor = self.weight
        if self.num_bases is not None:
            weight = torch.einsum("rb,bcd->rcd", self.coefficient, weight)
        matrices = dict(zip(self.relations, weight, strict=True))
        return stack_by_target(
            {
                relation: neighbour_mean(x_dict[relation[0]], each) @ matrices[relation]
                for relation, each in edges.items()
            }
        )
