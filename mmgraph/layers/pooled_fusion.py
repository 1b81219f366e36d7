"""The base of fusions that put one vector of each modality into the entity."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.blocks import FeedForward, make_norm
from mmgraph.layers.dropout import Dropout
from mmgraph.layers.group_layer import GroupLayer
from mmgraph.layers.groups import OF, Tokens
from mmgraph.layers.layer import Metadata, Triple
from mmgraph.layers.options import require_fraction, require_positive
from mmgraph.layers.row_blocks import row_by_row


class PooledFusion(GroupLayer):
    r"""A network and a linear map per modality, and a way to combine what they give.

    .. math::
        x_m' = x_m + \mathrm{MLP}_m(\hat x_m); \quad y_m = W_m \hat x_m' + b_m; \quad
        x \leftarrow x + \mathrm{combine}_m\, y_m; \quad x \leftarrow x + \mathrm{FF}(\hat x)

    Args:
        owner: The name of the layer, for messages.
        metadata: The node types and edge types.
        channels: Width of every state.
        dropout: Share dropped of what each block adds.
        expansion: Width of the networks in between, in channels.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.
    """

    def __init__(
        self,
        owner: str,
        metadata: Metadata,
        channels: int,
        *,
        dropout: float,
        expansion: int,
        norm: str,
        targets: Iterable[str] | None,
    ) -> None:
        super().__init__(metadata, channels, targets=targets)
        require_fraction(owner, "dropout", dropout)
        hidden = channels * require_positive(owner, "expansion", expansion)
        self.encode, self.project, self.feed_forward = ModuleDict(), ModuleDict(), ModuleDict()
        for entity, modalities in self.groups.items():
            for name in modalities:
                if name in self.targets or entity in self.targets:
                    self.encode[name] = FeedForward(owner, channels, hidden, dropout, norm)
                if entity in self.targets:
                    linear = nn.Linear(channels, self.projected_width(len(modalities)))
                    self.project[name] = nn.Sequential(make_norm(owner, norm, channels), linear)
            if entity in self.targets:
                self.feed_forward[entity] = FeedForward(owner, channels, hidden, dropout, norm)
        self.dropout = Dropout(dropout)

    @property
    def fused(self) -> dict[str, list[str]]:
        """The entity types that something is put into, each with its modality node types."""
        return {entity: names for entity, names in self.groups.items() if entity in self.targets}

    @property
    def reads(self) -> frozenset[str]:
        """The targets and the modalities of those that are entity types."""
        return self.targets.union(*self.fused.values())

    @property
    def hops(self) -> tuple[frozenset[Triple], ...]:
        """From entities to their modalities, whose own states depend on no others."""
        return (frozenset((name, OF, entity) for entity, names in self.fused.items() for name in names),)

    def projected_width(self, num_modalities: int) -> int:  # noqa: ARG002 - for subclasses to read
        """Return the width of y_m for an entity type with so many modalities; C unless a subclass differs."""
        return self.channels

    @abstractmethod
    def combine(self, entity: str, given: dict[str, Tensor], tokens: Tokens) -> Tensor:
        """Return what each entity gets, [N, C]; 0 for one without modalities.

        Args:
            entity: The entity type.
            given: y_m for the nodes of each modality, by node type.
            tokens: Which node belongs to which entity.
        """

    def fuse_groups(
        self, entity: str, x: Tensor | None, state: dict[str, Tensor], tokens: Tokens | None
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Return the new states; see :class:`GroupLayer`."""
        state = {name: self.encode[name](y) for name, y in state.items()}
        if x is not None:
            if tokens is not None:
                given = {name: row_by_row(self.project[name], y) for name, y in state.items()}
                x = x + self.dropout(self.combine(entity, given, tokens))
            x = self.feed_forward[entity](x)
        return x, state
