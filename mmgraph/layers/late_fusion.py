"""Late fusion: each modality by itself, then all of an entity's into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.blocks import FeedForward, make_norm
from mmgraph.layers.dropout import Dropout
from mmgraph.layers.groups import group_types, make_tokens
from mmgraph.layers.layer import Layer, Metadata, Triple
from mmgraph.layers.options import require_choice, require_fraction, require_positive
from mmgraph.ops import segment_mean, segment_sum
from mmgraph.registry import LAYERS


@LAYERS.register("late_fusion")
class LateFusion(Layer):
    r"""A network per modality, and the mean or sum of what an entity's modalities give it.

    .. math::
        x_m' = x_m + \mathrm{MLP}_m(\hat x_m); \quad
        x \leftarrow x + \mathrm{aggr}_m\, W_m \hat x_m'; \quad x \leftarrow x + \mathrm{FF}(\hat x)

    with :math:`\hat{}` a norm and m the modalities that the entity has. As :math:`W_m` differs by modality,
    the sum is a linear map of all of them concatenated, with zeros for those that are missing. Groups are
    found by the edges named ``of``; no other relation is read.
    See `Baltrušaitis et al. 2019 <https://arxiv.org/abs/1705.09406>`_ on late fusion.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state.
        dropout: Share dropped of what each block adds.
        expansion: Width of the networks in between, in channels.
        aggr: ``mean`` or ``sum``.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "a/text"], [("a/text", "of", "a")])
        >>> layer = LateFusion(metadata, 8)
        >>> x_dict = {"a": torch.randn(3, 8), "a/text": torch.randn(2, 8)}
        >>> layer(x_dict, {("a/text", "of", "a"): torch.tensor([[0, 1], [0, 2]])})["a"].shape
        torch.Size([3, 8])
    """

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        dropout: float = 0.0,
        expansion: int = 2,
        aggr: str = "mean",
        norm: str = "layer",
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(metadata, channels, targets=targets)
        owner = "late_fusion"
        require_fraction(owner, "dropout", dropout)
        self.aggr = require_choice(owner, "aggr", aggr, ("mean", "sum"))
        hidden = channels * require_positive(owner, "expansion", expansion)
        self.groups = group_types(metadata, self.targets)
        self.encode, self.project, self.feed_forward = ModuleDict(), ModuleDict(), ModuleDict()
        for entity, modalities in self.groups.items():
            for name in modalities:
                if name in self.targets or entity in self.targets:
                    self.encode[name] = FeedForward(owner, channels, hidden, dropout, norm)
                if entity in self.targets:
                    self.project[name] = nn.Sequential(
                        make_norm(owner, norm, channels), nn.Linear(channels, channels)
                    )
            if entity in self.targets:
                self.feed_forward[entity] = FeedForward(owner, channels, hidden, dropout, norm)
        self.dropout = Dropout(dropout)

    @property
    def reads(self) -> frozenset[str]:
        """The targets and the modalities of those that are entity types."""
        return self.targets.union(*(self.groups[name] for name in self.targets & self.groups.keys()))

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
            state = {
                name: self.encode[name](x_dict[name])
                for name in modalities
                if name in x_dict and name in self.reads
            }
            if entity in self.targets and entity in x_dict:
                fused = x_dict[entity]
                tokens = make_tokens(entity, modalities, x_dict, edge_index_dict)
                if tokens is not None:
                    given = tokens.gather({name: self.project[name](x) for name, x in state.items()})
                    combine = segment_mean if self.aggr == "mean" else segment_sum
                    fused = fused + self.dropout(combine(given, tokens.entity, tokens.num_entities))
                result[entity] = self.feed_forward[entity](fused)
            result.update({name: x for name, x in state.items() if name in self.targets})
        return result
