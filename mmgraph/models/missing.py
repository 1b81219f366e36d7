"""What becomes of the modalities that an entity lacks, before the first layer.

Shapes: N entities, C channels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn.parameter_dict import ParameterDict

from mmgraph.graph.schema import GraphSchema, Triple
from mmgraph.layers.groups import OF, group_types
from mmgraph.layers.options import require_choice, require_fraction
from mmgraph.models.completion import (
    Completion,
    CompletionCache,
    NewNodes,
    entities_with,
    neighbours,
)
from mmgraph.ops import plan_edges, segment_mean

MISSING = ("absent", "token", "neighbours")

Completed: TypeAlias = tuple[
    dict[str, Tensor], Mapping[Triple, Tensor], Mapping[Triple, Tensor], Mapping[Triple, Tensor]
]
"""States, edges, and the weights and the features of edges."""


class MissingModalities(nn.Module):
    """Gives entities nodes for modalities that they lack, and in training takes modalities away.

    ``absent`` leaves a missing modality missing. ``token`` gives each entity that lacks a modality a node
    with a learned state, one for each modality, as for
    `Ma et al. 2022 <https://arxiv.org/abs/2204.05454>`_ a transformer should be made robust. ``neighbours``
    gives it a node with the mean of the modality's states among the entity's neighbours that have it; an
    entity without such neighbours still lacks it. Neighbours are the entities of the same type from which a
    relation leads to the entity, directly or between the modality nodes of both; a node that entities share
    stands for all of them. Which nodes there are to be is worked out once for the same edges.

    Modality dropout (`Neverova et al. 2015 <https://arxiv.org/abs/1501.00102>`_) takes each modality of each
    entity away with a probability, anew in every training step, with all edges of its node, and then treats
    it as missing. An entity that would lose all of its modalities keeps one of them. A pair goes with either
    modality in it.

    Args:
        schema: The node types and edge types of the graph.
        channels: Width of the states, C.
        node_types: The node types whose states are made; modalities among the others are left alone.
        missing: ``absent``, ``token`` or ``neighbours``.
        modality_dropout: Probability with which each modality of an entity is taken away in training.

    Raises:
        ConfigError: If an option has a value that cannot be used.
    """

    def __init__(
        self,
        schema: GraphSchema,
        channels: int,
        *,
        node_types: Collection[str],
        missing: str,
        modality_dropout: float,
    ) -> None:
        super().__init__()
        self.missing = require_choice("model", "missing", missing, MISSING)
        self.modality_dropout = require_fraction("model", "modality_dropout", modality_dropout)
        self.edge_types = schema.metadata[1]
        self.all_groups = group_types(schema.metadata, schema.metadata[0])
        read = {entity: [m for m in names if m in node_types] for entity, names in self.all_groups.items()}
        self.groups = {entity: names for entity, names in read.items() if names}
        self.reverse = {
            (edge_type.target, edge_type.source): edge_type.triple
            for edge_type in schema.edge_types
            if edge_type.reverse_of == OF
        }
        self.skipped = frozenset([OF, *(triple[1] for triple in self.reverse.values())])
        self.pairs = {t.name: t.made_from for t in schema.node_types if t.made_from}
        self.token = ParameterDict()
        if missing == "token":
            for name in (name for names in self.groups.values() for name in names):
                self.token[name] = nn.Parameter(torch.randn(channels))

    @property
    def adds_nothing(self) -> bool:
        """Whether the nodes and edges of a graph come out as they went in."""
        return self.missing == "absent" and not (self.training and self.modality_dropout)

    @property
    def hops(self) -> tuple[frozenset[Triple], ...]:
        """The edge types that lead from an entity to what stands for its missing modalities, hop after hop.

        To see what is missing takes its own modalities; the mean of neighbours takes theirs as well, who may
        be neighbours by their modality nodes.
        """
        if self.missing == "absent":
            return ()
        ties = {(name, OF, entity) for entity in self.groups for name in self.all_groups[entity]}
        if self.missing == "token":
            return (frozenset(ties),)
        back = {self.reverse[name, entity] for name, _, entity in ties if (name, entity) in self.reverse}
        relations = {
            triple
            for triple in self.edge_types
            for entity in self.groups
            if triple[1] not in self.skipped and {triple[0], triple[2]} <= {entity, *self.all_groups[entity]}
        }
        return (frozenset(ties | relations), frozenset(relations), frozenset(back), frozenset(ties))

    def forward(
        self,
        state: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor],
        edge_attr_dict: Mapping[Triple, Tensor],
        sizes: Mapping[str, int],
    ) -> Completed:
        """Return states with those of new nodes at the end, and edges with what these carry.

        Args:
            state: Node type to state, [N, C].
            edge_index_dict: Edge type to edges, int64 [2, E].
            edge_weight_dict: Edge type to weights [E].
            edge_attr_dict: Edge type to standardised features [E, A]; those of new edges are 0, the mean.
            sizes: The number of nodes of every node type.

        Raises:
            GraphError: If an edge names a node that is not there.
        """
        if self.adds_nothing:
            return dict(state), edge_index_dict, edge_weight_dict, edge_attr_dict
        for triple, index in edge_index_dict.items():
            plan_edges(index, sizes.get(triple[0], 0), sizes.get(triple[2], 0), where=str(triple))
        edges, weights, attrs = dict(edge_index_dict), dict(edge_weight_dict), dict(edge_attr_dict)
        if dropped := self.training and self.modality_dropout > 0:
            for entity in self.groups:
                if entity in sizes:
                    self._untie(entity, sizes, edges, (weights, attrs))
        if self.missing == "absent":
            return dict(state), edges, weights, attrs
        completion = self._completion(edges, sizes, keep=not dropped)
        for triple, count in completion.num_tied.items():
            if triple in weights:
                weights[triple] = torch.cat([weights[triple], weights[triple].new_ones(count)])
            if triple in attrs:
                attrs[triple] = functional.pad(attrs[triple], (0, 0, 0, count))
        states = self._states(state, edges, sizes, completion)
        return states, {**edges, **completion.edges}, weights, attrs

    def _untie(
        self,
        entity: str,
        sizes: Mapping[str, int],
        edges: dict[Triple, Tensor],
        carried: Sequence[dict[Triple, Tensor]],
    ) -> None:
        """Take random modalities of each entity away: their ``of`` edges, and the edges of nodes that go."""
        names = [name for name in self.groups[entity] if (name, OF, entity) in edges]
        if not names:
            return
        has = torch.stack([entities_with(edges[name, OF, entity], sizes[entity]) for name in names], 1)
        dropped = has & (torch.rand(has.shape, device=has.device) < self.modality_dropout)
        chance = torch.rand(has.shape, device=has.device).masked_fill(~has, -1.0)
        for column, parts in self._parts_of_pairs(names).items():
            # A pair goes with either part, so that it cannot be what is left.
            dropped[:, column] |= has[:, column] & dropped[:, parts].any(1)
            chance[:, column] -= 1.0
        # Who would lose everything keeps one modality, any of them.
        lucky = chance.argmax(1, keepdim=True)
        spared = torch.zeros_like(has).scatter(1, lucky, True)
        dropped &= ~spared | (has & ~dropped).any(1, keepdim=True)
        for column, name in enumerate(names):
            of, reverse = (name, OF, entity), self.reverse.get((name, entity))
            nodes, entities = edges[of]
            untied = dropped[entities, column]
            gone = torch.zeros(sizes[name], dtype=torch.bool, device=has.device)
            # A node that entities share stays for those that keep it.
            gone[nodes[untied]] = True
            gone[nodes[~untied]] = False
            for triple, index in list(edges.items()):
                if triple in (of, reverse):
                    keep = ~dropped[index[1 if triple == of else 0], column]
                elif name in (triple[0], triple[2]):
                    ends = [index[end] for end, kind in ((0, triple[0]), (1, triple[2])) if kind == name]
                    keep = ~torch.stack([gone[end] for end in ends]).any(0)
                else:
                    continue
                edges[triple] = index[:, keep]
                for values in carried:
                    if triple in values:
                        values[triple] = values[triple][keep]

    def _parts_of_pairs(self, names: Sequence[str]) -> dict[int, list[int]]:
        """Return, by the place of each pair among modalities, the places of those that it consists of."""
        found = {
            place: [names.index(part) for part in self.pairs.get(name, ()) if part in names]
            for place, name in enumerate(names)
        }
        return {place: parts for place, parts in found.items() if parts}

    def _completion(
        self, edges: Mapping[Triple, Tensor], sizes: Mapping[str, int], *, keep: bool
    ) -> Completion:
        """Return which nodes stand for what is missing; kept for the edges that come in every step."""
        cache = _CACHES.setdefault(self, CompletionCache())
        kept = cache.get(edges, sizes) if keep else None
        if kept is not None:
            return kept
        completion = Completion()
        for entity in (entity for entity in self.groups if entity in sizes):
            pairs = None
            if self.missing == "neighbours":
                # Neighbours are those that were there, not those that have been made up.
                pairs = neighbours(entity, self.all_groups[entity], edges, sizes, self.skipped)
            for name in self.groups[entity]:
                nodes = self._new_nodes(edges.get((name, OF, entity)), sizes[entity], pairs, name)
                if nodes is not None:
                    completion.nodes[name] = nodes
                    first, entities = sizes.get(name, 0), nodes.entities
                    numbers = torch.arange(first, first + len(entities), device=entities.device)
                    new = torch.stack([numbers, entities])
                    completion.tie((name, OF, entity), edges, new)
                    if (name, entity) in self.reverse:
                        completion.tie(self.reverse[name, entity], edges, new.flip(0))
        if keep:
            cache.keep(edges, sizes, completion)
        return completion

    def _new_nodes(self, of: Tensor | None, size: int, pairs: Tensor | None, name: str) -> NewNodes | None:
        """Return what stands for one modality of the entities that lack it, if anything does."""
        if self.missing == "token":
            device = self.token[name].device
            has = (
                torch.zeros(size, dtype=torch.bool, device=device) if of is None else entities_with(of, size)
            )
            return NewNodes((~has).nonzero().flatten()) if not bool(has.all()) else None
        if of is None or pairs is None:
            return None
        has = entities_with(of, size)
        useful = pairs[:, has[pairs[0]] & ~has[pairs[1]]]
        entities, place = torch.unique(useful[1], return_inverse=True)
        return NewNodes(entities, torch.stack([useful[0], place])) if len(entities) else None

    def _states(
        self,
        state: Mapping[str, Tensor],
        edges: Mapping[Triple, Tensor],
        sizes: Mapping[str, int],
        completion: Completion,
    ) -> dict[str, Tensor]:
        """Return the states with those of the new nodes at the end."""
        states = dict(state)
        for entity, name in ((entity, name) for entity, names in self.groups.items() for name in names):
            nodes = completion.nodes.get(name)
            if nodes is None:
                continue
            count = len(nodes.entities)
            if nodes.neighbours is None:
                new = self.token[name].expand(count, -1)
            else:
                of, (near, place) = edges[name, OF, entity], nodes.neighbours
                own = segment_mean(state[name][of[0]], of[1], sizes[entity])
                new = segment_mean(own[near], place, count)
            states[name] = torch.cat([state[name], new]) if name in state else new
        return states


# By the module and beside it: what is kept belongs to no copy of it, and to no state that is saved.
_CACHES: WeakKeyDictionary[MissingModalities, CompletionCache] = WeakKeyDictionary()
