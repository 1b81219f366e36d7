"""What becomes of the modalities that an entity lacks, before the first layer.

Shapes: N entities, M modalities, C channels, K entities that lack a modality.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn
from torch_geometric.nn.parameter_dict import ParameterDict

from mmgraph.graph.schema import GraphSchema, Triple
from mmgraph.layers.groups import OF, group_types
from mmgraph.layers.options import require_choice, require_fraction
from mmgraph.ops import plan_edges, segment_mean

MISSING = ("absent", "token", "neighbours")


class MissingModalities(nn.Module):
    """Gives entities nodes for modalities that they lack, and in training takes modalities away.

    ``absent`` leaves a missing modality missing. ``token`` gives each entity that lacks a modality a node
    with a learned state, one for each modality, as for
    `Ma et al. 2022 <https://arxiv.org/abs/2204.05454>`_ a transformer should be made robust. ``neighbours``
    gives it a node with the mean of the modality's states among the entity's neighbours that have it; an
    entity without such neighbours still lacks it. Neighbours are the entities of the same type from which a
    relation leads to the entity, directly or between the modality nodes of both.

    Modality dropout (`Neverova et al. 2015 <https://arxiv.org/abs/1501.00102>`_) takes each modality of each
    entity away with a probability, anew in every training step, with all edges of its node, and then treats
    it as missing. An entity that would lose all of its modalities keeps them.

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
        self.all_groups = group_types(schema.metadata, schema.metadata[0])
        read = {entity: [m for m in names if m in node_types] for entity, names in self.all_groups.items()}
        self.groups = {entity: names for entity, names in read.items() if names}
        self.reverse = {
            (edge_type.target, edge_type.source): edge_type.triple
            for edge_type in schema.edge_types
            if edge_type.reverse_of == OF
        }
        self.token = ParameterDict()
        if missing == "token":
            for name in (name for names in self.groups.values() for name in names):
                self.token[name] = nn.Parameter(torch.randn(channels))

    def forward(
        self,
        state: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor] | None,
        sizes: Mapping[str, int],
    ) -> tuple[dict[str, Tensor], Mapping[Triple, Tensor], Mapping[Triple, Tensor] | None]:
        """Return states with those of new nodes at the end, and edges and weights that go with them.

        Args:
            state: Node type to state, [N, C].
            edge_index_dict: Edge type to edges, int64 [2, E].
            edge_weight_dict: Edge type to weights [E].
            sizes: The number of nodes of every node type.

        Raises:
            GraphError: If an edge names a node that is not there.
        """
        if self.missing == "absent" and not (self.training and self.modality_dropout):
            return dict(state), edge_index_dict, edge_weight_dict
        for triple, index in edge_index_dict.items():
            plan_edges(index, sizes.get(triple[0], 0), sizes.get(triple[2], 0), where=str(triple))
        states, edges, weights = dict(state), dict(edge_index_dict), dict(edge_weight_dict or {})
        groups = {entity: names for entity, names in self.groups.items() if entity in sizes}
        if self.training and self.modality_dropout:
            for entity in groups:
                self._untie(entity, sizes, edges, weights)
        if self.missing != "absent":
            # Neighbours are those that were there, not those that have been made up.
            known = dict(edges)
            for entity, name in ((entity, name) for entity, names in groups.items() for name in names):
                rows, values = self._made_up(entity, name, state.get(name), known, sizes)
                if rows.numel():
                    old = state.get(name, values[:0])
                    states[name] = torch.cat([old, values])
                    self._tie(name, entity, old.shape[0], rows, edges, weights)
        return states, edges, weights

    def _untie(
        self,
        entity: str,
        sizes: Mapping[str, int],
        edges: dict[Triple, Tensor],
        weights: dict[Triple, Tensor],
    ) -> None:
        """Take random modalities of each entity away: their ``of`` edges, and the edges of nodes that go."""
        names = [name for name in self.groups[entity] if (name, OF, entity) in edges]
        if not names:
            return
        has = torch.stack([_has(edges[name, OF, entity], sizes[entity]) for name in names], 1)
        dropped = has & (torch.rand(has.shape, device=has.device) < self.modality_dropout)
        # Who would lose everything keeps one modality, any of them.
        lucky = torch.rand(has.shape, device=has.device).masked_fill(~has, -1.0).argmax(1, keepdim=True)
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
                if triple in weights:
                    weights[triple] = weights[triple][keep]

    def _tie(
        self,
        name: str,
        entity: str,
        first: int,
        rows: Tensor,
        edges: dict[Triple, Tensor],
        weights: dict[Triple, Tensor],
    ) -> None:
        """Tie new nodes of a modality, numbered from ``first``, to entities int64 [K]."""
        new = torch.stack([torch.arange(first, first + rows.numel(), device=rows.device), rows])
        for triple, added in (((name, OF, entity), new), (self.reverse.get((name, entity)), new.flip(0))):
            if triple is not None:
                edges[triple] = torch.cat([edges.get(triple, added[:, :0]), added], 1)
                if triple in weights:
                    weights[triple] = torch.cat([weights[triple], weights[triple].new_ones(rows.numel())])

    def _made_up(
        self,
        entity: str,
        name: str,
        state: Tensor | None,
        edges: Mapping[Triple, Tensor],
        sizes: Mapping[str, int],
    ) -> tuple[Tensor, Tensor]:
        """Return the entities that get a node of a modality, int64 [K], and the nodes' states [K, C]."""
        size, of = sizes[entity], edges.get((name, OF, entity))
        if self.missing == "token":
            token = self.token[name]
            has = torch.zeros(size, dtype=torch.bool, device=token.device) if of is None else _has(of, size)
            rows = (~has).nonzero().flatten()
            return rows, token.expand(rows.numel(), -1)
        if of is None or state is None:
            return torch.empty(0, dtype=torch.int64), torch.empty(0)
        has, own = _has(of, size), segment_mean(state[of[0]], of[1], size)
        neighbour, asking = self._neighbours(entity, edges, sizes)
        useful = has[neighbour] & ~has[asking]
        neighbour, asking = neighbour[useful], asking[useful]
        rows = torch.unique(asking)
        return rows, segment_mean(own[neighbour], asking, size)[rows]

    def _neighbours(
        self, entity: str, edges: Mapping[Triple, Tensor], sizes: Mapping[str, int]
    ) -> tuple[Tensor, Tensor]:
        """Return all pairs of a neighbour and the entity that a relation leads to, int64 [P] each."""
        of = {
            name: edges[name, OF, entity] for name in self.all_groups[entity] if (name, OF, entity) in edges
        }
        skipped = {OF, *(triple[1] for triple in self.reverse.values())}
        device = next(iter(of.values())).device
        # A node that entities share stands for the last of them; one that has been untied for none.
        owner = {entity: torch.arange(sizes[entity], device=device)}
        for name, index in of.items():
            nobody = torch.full((sizes[name],), -1, device=device)
            owner[name] = nobody.scatter_reduce(0, index[0], index[1], "amax")
        ends = [
            torch.stack([owner[source][index[0]], owner[target][index[1]]])
            for (source, relation, target), index in edges.items()
            if source in owner and target in owner and relation not in skipped
        ]
        pairs = torch.cat([torch.empty(2, 0, dtype=torch.int64, device=device), *ends], 1)
        pairs = torch.unique(pairs[:, (pairs >= 0).all(0) & (pairs[0] != pairs[1])], dim=1)
        return pairs[0], pairs[1]


def _has(of: Tensor, size: int) -> Tensor:
    """Return which of so many entities a modality's ``of`` edges reach, bool [N]."""
    return torch.bincount(of[1], minlength=size) > 0
