"""Groups: the modality nodes of one entity, found by the edges named ``of``.

Shapes: T tokens, C channels, N entities, B entities of one bucket, L tokens of an entity.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from mmgraph.errors import ConfigError
from mmgraph.layers.buckets import NOBODY, Buckets, bucket_lengths, fill_places
from mmgraph.layers.layer import Metadata, Triple
from mmgraph.ops import EdgePlan, plan_edges, segment_mean

OF = "of"
REVERSE_OF = "rev_of"


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
    _met: dict[tuple[str, str], tuple[Tensor, Buckets] | None] = field(default_factory=dict, repr=False)

    def gather(self, state: Mapping[str, Tensor]) -> Tensor:
        """Return the tokens' states [T, C] from those of the modality nodes."""
        return torch.cat(
            [
                state[name] if self._is_everyone(name, state[name]) else state[name].index_select(0, node)
                for name, node in self.node.items()
            ]
        )

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
            if self._is_everyone(name, old):
                result[name] = part
            elif self._is_shared[name]:
                has_token = torch.bincount(node, minlength=old.shape[0]) > 0
                mean = segment_mean(part, node, old.shape[0])
                result[name] = torch.where(has_token.unsqueeze(1), mean, old)
            else:
                result[name] = old.index_copy(0, node, part)
        return result

    @cached_property
    def _in_order(self) -> dict[str, bool]:
        """For each modality whether its tokens are the nodes 0, 1, 2, ..."""
        return {
            name: torch.equal(node, torch.arange(node.numel(), device=node.device))
            for name, node in self.node.items()
        }

    @cached_property
    def _is_shared(self) -> dict[str, bool]:
        """For each modality whether a node has several tokens."""
        return {name: bool((torch.bincount(node) > 1).any()) for name, node in self.node.items()}

    def _is_everyone(self, name: str, state: Tensor) -> bool:
        """Return whether the tokens of a modality are its nodes, one by one."""
        return self._in_order[name] and self.node[name].numel() == state.shape[0]

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
    def meetings(self, one: str, other: str) -> tuple[Tensor, Buckets] | None:
        """Group the entities that have two modalities by how many tokens they have of each.

        Returns:
            The entities bucket after bucket, int64, and buckets in which their tokens of the one ask those
            of the other, counted within the modality; None if no entity has both.
        """
        if (one, other) not in self._met:
            self._met[one, other] = self._meet(one, other)
        return self._met[one, other]

    def _meet(self, one: str, other: str) -> tuple[Tensor, Buckets] | None:
        entity = self.split(self.entity)
        if one not in entity or other not in entity:
            return None
        counts = [torch.bincount(entity[name], minlength=self.num_entities) for name in (one, other)]
        firsts = [count.cumsum(0) - count for count in counts]
        met = (counts[0] * counts[1]).nonzero().flatten()
        # One number for each pair of lengths: much quicker to sort than rows.
        lengths = [bucket_lengths(count[met]) for count in counts]
        key = lengths[0] * (1 + lengths[1].max()) + lengths[1] if met.numel() else met
        pairs, entities = [], []
        for code in torch.unique(key):
            entities.append(met[key == code])
            left, right = (
                fill_places(first[entities[-1]], count[entities[-1]])
                for first, count in zip(firsts, counts, strict=True)
            )
            pairs.append((left, right))
        return (torch.cat(entities), Buckets(pairs)) if pairs else None

    @cached_property
    def buckets(self) -> list[tuple[Tensor, Tensor]]:
        """Entities with about equally many tokens: entities [B] and their tokens [B, L], -1 for nobody."""
        order = torch.argsort(self.entity, stable=True)
        count = torch.bincount(self.entity, minlength=self.num_entities)
        first, length = count.cumsum(0) - count, bucket_lengths(count)
        found = []
        for size in torch.unique(length[count > 0]):
            entities = (length == size).nonzero().flatten()
            places = fill_places(first[entities], count[entities])
            members = torch.where(places == NOBODY, NOBODY, order[places.clamp(min=0)])
            found.append((entities, members))
        return found

    @cached_property
    def within(self) -> Buckets:
        """Buckets in which each token asks all tokens of its entity."""
        return Buckets([(members, members) for _, members in self.buckets])

    @cached_property
    def asked(self) -> Buckets:
        """Buckets in which each entity asks its tokens."""
        return Buckets([(entities.unsqueeze(1), members) for entities, members in self.buckets])


@torch.compiler.disable  # type: ignore[untyped-decorator]
def make_tokens(
    entity_type: str,
    modalities: list[str],
    x_dict: Mapping[str, Tensor],
    edge_index_dict: Mapping[Triple, Tensor],
) -> Tokens | None:
    """Return the tokens of an entity type, or None if no entity has any.

    The same edge indexes get the same tokens for as long as they live, and so the same buckets.

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
    key = (tuple(plans), num_entities)
    kept = _KEPT.setdefault(next(iter(plans.values())), {})
    if key in kept and all(old() is new for old, new in zip(kept[key].plans, plans.values(), strict=True)):
        return kept[key].tokens
    entity = torch.cat([plan.target for plan in plans.values()])
    tokens = Tokens({name: plan.source for name, plan in plans.items()}, entity, num_entities)
    kept[key] = _Kept([weakref.ref(plan) for plan in plans.values()], tokens)
    return tokens


class _Kept(NamedTuple):
    plans: list[weakref.ref[EdgePlan]]
    tokens: Tokens


# A plan lives as long as its edge index; with the first of its plans, the tokens go as well.
_KEPT: WeakKeyDictionary[EdgePlan, dict[tuple[tuple[str, ...], int], _Kept]] = WeakKeyDictionary()
