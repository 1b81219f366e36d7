"""The mean or the maximum of the neighbours along every relation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.layer import Metadata, Triple
from mmgraph.layers.neighbours import neighbour_max, neighbour_mean
from mmgraph.layers.options import require_choice
from mmgraph.layers.relational_layer import RelationalLayer, RelationEdges, stack_by_target
from mmgraph.registry import LAYERS

_REDUCTIONS = {"mean": neighbour_mean, "max": neighbour_max}


@LAYERS.register("hetero_sage")
class HeteroSAGE(RelationalLayer):
    r"""GraphSAGE (`Hamilton et al. 2017 <https://arxiv.org/abs/1706.02216>`_), relation by relation.

    .. math::
        m_i^r = W^r\, \mathrm{reduce}_j\, \hat x_j

        x_i' = x_i + \mathrm{dropout}(\mathrm{GELU}(W_0 \hat x_i + \mathrm{aggr}_r\, m_i^r))

    with :math:`\hat x` the norm of x and reduce the weighted mean or the maximum over the neighbours along a
    relation, as in ``HeteroConv({relation: SAGEConv(...)})``, whose maps of :math:`x_i` and biases only ever
    act as their sum, :math:`W_0` here.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state.
        dropout: Share of the update that is dropped.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        reduce: What becomes of the neighbours along one relation: their ``mean`` or ``max``, which does not
            look at weights.
        aggr: What becomes of the messages of several relations: ``sum``, or the ``mean`` or ``max`` of those
            that bring a node any, or their sum weighted by ``attention`` or ``semantic`` attention.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "b"], [("a", "to", "b")])
        >>> layer = HeteroSAGE(metadata, 8, reduce="max")
        >>> x_dict = {"a": torch.randn(3, 8), "b": torch.randn(2, 8)}
        >>> out = layer(x_dict, {("a", "to", "b"): torch.tensor([[0, 1, 2], [0, 0, 1]])})
        >>> {name: tuple(x.shape) for name, x in out.items()}
        {'a': (3, 8), 'b': (2, 8)}
    """

    owner = "hetero_sage"

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        dropout: float = 0.0,
        edge_dropout: float = 0.0,
        reduce: str = "mean",
        aggr: str = "sum",
        norm: str = "layer",
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(
            metadata, channels, dropout=dropout, edge_dropout=edge_dropout, norm=norm, targets=targets
        )
        self.reduce = require_choice(self.owner, "reduce", reduce, tuple(_REDUCTIONS))
        self.project = ModuleDict(
            {relation: nn.Linear(channels, channels, bias=False) for relation in self.relations}
        )
        self.make_receivers(aggr)

    @property
    def not_weighted(self) -> str | None:
        """Why weights of edges make no difference: a maximum takes no notice of them."""
        return "a maximum is the same whatever the edges weigh" if self.reduce == "max" else None

    def messages(
        self,
        x_dict: Mapping[str, Tensor],
        edges: Mapping[Triple, RelationEdges],
        asked: Mapping[str, Tensor],  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Return the projected means or maxima; see :class:`RelationalLayer`."""
        reduce = _REDUCTIONS[self.reduce]
        reduced = {relation: reduce(x_dict[relation[0]], each) for relation, each in edges.items()}
        return stack_by_target({relation: self.project[relation](x) for relation, x in reduced.items()})
