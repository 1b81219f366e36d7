"""Groups: the modality nodes of one entity, found by the edges named ``of``.

Shapes: T tokens, C channels, N entities, B entities of one bucket, L tokens of an entity.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mmgraph.errors import ConfigError
from mmgraph.layers.layer import Metadata, Triple
from mmgraph.ops import plan_edges, segment_mean

OF = "of"


def group_types(metadata: Metadata, targets: Collection[str]) -> dict[str, list[str]]:
    """Return the entity node types that have modalities, each with its modality node types.

    Args:
        metadata: The node types and edge types.
        targets: Only groups that hold one of these node types are returned.

    Raises:
        ConfigError: If a node type is a modality of two entity types.

    Example:
        >>> group_types((["a", "a/text"], [("a/text", "of", "a"), ("a", "rev_of", "a/text")]), ["a"])
        {'a': ['a/text']}
    """
    found: dict[str, list[str]] = {}
    owner: dict[str, str] = {}
    for source, name, target in metadata[1]:
        if name != OF:
            continue
        if owner.setdefault(source, target) != target:
            raise ConfigError(
                f"the node type {source!r} is a modality of {owner[source]!r} and of {target!r}",
                where="edge types named 'of'",
                fix="Give each entity type its own modality nodes.",
            )
        found.setdefault(target, []).append(source)
    return {
        entity: modalities
        for entity, modalities in found.items()
        if entity in targets or any(name in targets for name in modalities)
    }


@dataclass(frozen=True, eq=False)
class Tokens:
    """The modality nodes of all entities of one type, one token for each ``of`` edge.

    A missing modality is no token.

    Args:
        node: For each modality, the node that each of its tokens stands for, int64 [T of the modality].
        entity: The entity that each token belongs to, modality after modality, each ascending, int64 [T].
        num_entities: N.
    """

    node: dict[str, Tensor]
    entity: Tensor
    num_entities: int

    def gather(self, state: Mapping[str, Tensor]) -> Tensor:
        """Return the tokens' states [T, C] from those of the modality nodes."""
        return torch.cat([state[name].index_select(0, node) for name, node in self.node.items()])

    def split(self, values: Tensor) -> dict[str, Tensor]:
        """Return what stands for all tokens [T, ...] modality by modality."""
        sizes = [node.numel() for node in self.node.values()]
        return dict(zip(self.node, values.split_with_sizes(sizes), strict=True))

    def scatter(self, values: Tensor, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the modality nodes' states from the tokens' [T, C]; a node without a token keeps its own.

        A node that several entities share gets the mean of its tokens.
        """
        result = dict(state)
        for name, part in self.split(values).items():
            node, old = self.node[name], state[name]
            has_token = torch.bincount(node, minlength=old.shape[0]) > 0
            mean = segment_mean(part, node, old.shape[0])
            result[name] = torch.where(has_token.unsqueeze(1), mean, old)
        return result

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def pairs(self, one: str, other: str) -> tuple[Tensor, Tensor]:
        """Return all pairs of a token of one modality and a token of another that share an entity.

        Returns:
            The pairs' tokens, int64 [P] each, counted within the modality; none if a modality has no tokens.
        """
        entity = self.split(self.entity)
        nothing = self.entity.new_empty(0)
        left, right = entity.get(one, nothing), entity.get(other, nothing)
        count = torch.bincount(right, minlength=self.num_entities)
        first = count.cumsum(0) - count
        partners = count[left]
        lefts = torch.repeat_interleave(partners)
        place = torch.arange(lefts.numel(), device=left.device) - (partners.cumsum(0) - partners)[lefts]
        return lefts, first[left[lefts]] + place

    def pool(self, values: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return one vector an entity for each modality: the mean of its tokens.

        Args:
            values: What stands for the modality nodes, by node type.

        Returns:
            The means [N, ...], 0 for an entity without tokens, and whether it has any, bool [N].
        """
        means, there = {}, {}
        for name, entity in self.split(self.entity).items():
            means[name] = segment_mean(values[name][self.node[name]], entity, self.num_entities)
            there[name] = torch.bincount(entity, minlength=self.num_entities) > 0
        return means, there

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def meetings(self, one: str, other: str) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Group the entities that have two modalities by how many tokens they have of each.

        Returns:
            Entities [B], their tokens of the one [B, L] and of the other [B, L'], counted within the
            modality.
        """
        entity = self.split(self.entity)
        if one not in entity or other not in entity:
            return []
        counts = [torch.bincount(entity[name], minlength=self.num_entities) for name in (one, other)]
        firsts = [count.cumsum(0) - count for count in counts]
        met = (counts[0] * counts[1]).nonzero().flatten()
        # One number for each pair of lengths: much quicker to sort than rows.
        shape = torch.stack(counts)[:, met]
        base = int(shape[1].max()) + 1 if met.numel() else 1
        key = shape[0] * base + shape[1]
        found = []
        for code in torch.unique(key).tolist():
            entities, lengths = met[key == code], divmod(code, base)
            members = [
                first[entities].unsqueeze(1) + torch.arange(length, device=first.device)
                for first, length in zip(firsts, lengths, strict=True)
            ]
            found.append((entities, members[0], members[1]))
        return found

    @cached_property
    def buckets(self) -> list[tuple[Tensor, Tensor]]:
        """Entities with equally many tokens: pairs of entities [B] and their tokens [B, L]; L is above 0."""
        order = torch.argsort(self.entity, stable=True)
        count = torch.bincount(self.entity, minlength=self.num_entities)
        first = count.cumsum(0) - count
        found = []
        for length in torch.unique(count[count > 0]).tolist():
            entities = (count == length).nonzero().flatten()
            places = first[entities].unsqueeze(1) + torch.arange(length, device=order.device)
            found.append((entities, order[places]))
        return found


@torch.compiler.disable  # type: ignore[untyped-decorator]
def make_tokens(
    entity_type: str,
    modalities: list[str],
    x_dict: Mapping[str, Tensor],
    edge_index_dict: Mapping[Triple, Tensor],
) -> Tokens | None:
    """Return the tokens of an entity type, or None if no entity has any.

    Raises:
        GraphError: If an edge names a node that is not there.
    """
    edges = {name: edge_index_dict.get((name, OF, entity_type)) for name in modalities if name in x_dict}
    present = {name: edge for name, edge in edges.items() if edge is not None and edge.shape[1] > 0}
    if not present:
        return None
    if entity_type in x_dict:
        num_entities = x_dict[entity_type].shape[0]
    else:
        num_entities = 1 + max(int(edge[1].max()) for edge in present.values())
    plans = {
        name: plan_edges(edge, x_dict[name].shape[0], num_entities, where=str((name, OF, entity_type)))
        for name, edge in present.items()
    }
    entity = torch.cat([plan.target for plan in plans.values()])
    return Tokens({name: plan.source for name, plan in plans.items()}, entity, num_entities)
