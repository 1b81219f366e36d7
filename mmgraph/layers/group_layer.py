"""The base of layers that work inside each group: an entity and its modality nodes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping

from torch import Tensor

from mmgraph.layers.attention_weights import AttentionWeights, begin_record, record_attention
from mmgraph.layers.groups import OF, REVERSE_OF, Tokens, group_types, make_tokens
from mmgraph.layers.layer import UNSEEN_EDGES, Layer, Metadata, Triple


class GroupLayer(Layer):
    """A layer that fuses the modalities of each entity, found by the edges named ``of``, and reads no other.

    A modality that an entity lacks is no node; one that it has several nodes of is a sequence. A subclass
    says what becomes of one entity type's groups.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If ``channels`` is below 1, a target is no node type, or a modality has two owners.
    """

    reads_relations = False
    not_exportable = UNSEEN_EDGES
    not_weighted = (
        "modalities belong to an entity or do not, so weights of the edges that say so are not read"
    )

    def __init__(self, metadata: Metadata, channels: int, *, targets: Iterable[str] | None = None) -> None:
        super().__init__(metadata, channels, targets=targets)
        self.groups = group_types(metadata, self.targets)

    @property
    def reads(self) -> frozenset[str]:
        """The targets and all modalities of their groups."""
        return self.targets.union(*self.groups.values())

    @property
    def hops(self) -> tuple[frozenset[Triple], ...]:
        """From modality nodes that are targets to their entities, and from entities to their modalities."""
        back = {
            (entity, REVERSE_OF, name)
            for entity, names in self.groups.items()
            for name in names
            if name in self.targets
        }
        ties = {(name, OF, entity) for entity, names in self.groups.items() for name in names}
        return (frozenset(back), frozenset(ties)) if back else (frozenset(ties),)

    @abstractmethod
    def fuse_groups(
        self, entity: str, x: Tensor | None, state: dict[str, Tensor], tokens: Tokens | None
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Return the new states of one entity type and its modalities.

        Args:
            entity: The entity type.
            x: The states of the entities [N, C]; None if they are not there or not asked for.
            state: The states of the modality nodes, by node type.
            tokens: Which modality nodes belong to which entity; None if there are none.

        Returns:
            The same two, with new states.
        """

    def forward(
        self,
        x_dict: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return the new states; see :class:`Layer`."""
        self.check_inputs(x_dict, edge_index_dict, edge_weight_dict)
        begin_record()
        result = dict(x_dict)
        for entity, modalities in self.groups.items():
            state = {name: x_dict[name] for name in modalities if name in x_dict and name in self.reads}
            tokens = make_tokens(entity, list(state), x_dict, edge_index_dict)
            asked = x_dict.get(entity) if entity in self.targets else None
            x, state = self.fuse_groups(entity, asked, state, tokens)
            if x is not None:
                result[entity] = x
            result.update({name: new for name, new in state.items() if name in self.targets})
        return result

    def attention_weights(
        self, x_dict: Mapping[str, Tensor], edge_index_dict: Mapping[Triple, Tensor]
    ) -> AttentionWeights:
        """Run the layer and return who looked at whom, and how much; empty if it has no attention.

        For a layer inside a model see :func:`mmgraph.layers.record_attention`.

        Args:
            x_dict: As for :meth:`forward`.
            edge_index_dict: As for :meth:`forward`.

        Returns:
            (type looked at, step of the layer, type that looks) to edges int64 [2, P] and weights [P, H].
            Over all types that a node looks at in a step, its weights add up to 1 for each head, or to less
            if the layer lets it look away. Gates have the width of the states in place of H, and each is from
            0 to 1 by itself.
        """
        with record_attention() as records:
            self(x_dict, edge_index_dict)
        return records[0]
