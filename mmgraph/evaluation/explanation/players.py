"""Who may have added to an answer: each thing is a set of edges, without which the answer is asked again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mmgraph.evaluation.explanation.neighbourhood import Neighbourhood
from mmgraph.evaluation.explanation.number import Beside, Number
from mmgraph.graph.schema import Triple

Kind = Literal["modality", "relation", "structure", "neighbour"]


@dataclass(frozen=True, eq=False)
class Player:
    """One thing that may have added to the answer.

    Args:
        kind: What it is.
        name: The modality, the relation, or the id of the neighbour.
        edges: By edge type, the edges that are there through it alone, bool [E].
        beside: What the number reads beside the state that is there through it; nothing for most.
        entity: Of a neighbour, its entity type.
        row: Of a neighbour, its row.
        relations: Of a neighbour, the relations that tie it to the entity.
    """

    kind: Kind
    name: str
    edges: dict[Triple, Tensor]
    beside: Beside | None = None
    entity: str = ""
    row: int = -1
    relations: tuple[str, ...] = ()


def modalities_and_relations(around: Neighbourhood, number: Number) -> list[Player]:
    """Return each modality that the entity is seen by, and each relation that has an edge around it.

    Where a number also reads what links say of both ends, that comes last.

    Args:
        around: What the answer can depend on.
        number: What it makes of the state of the entity.
    """
    content = None if number.content is None else number.content.modality
    structure = [Player("structure", "paths and degrees", {}, "structure")] if number.structure else []
    return [*_modalities(around, content), *_relations(around), *structure]


def kept_without(players: Sequence[Player], absent: Collection[int]) -> dict[Triple, Tensor]:
    """Return the edges that are left without some players, bool [E] by edge type that loses any.

    Args:
        players: All players.
        absent: Places of those that are not there.
    """
    kept: dict[Triple, Tensor] = {}
    for place in absent:
        for triple, gone in players[place].edges.items():
            kept[triple] = kept[triple] & ~gone if triple in kept else ~gone
    return kept


def beside_without(players: Sequence[Player], absent: Collection[int]) -> frozenset[Beside]:
    """Return what a number does without beside the state, without some players.

    Args:
        players: All players.
        absent: Places of those that are not there.
    """
    return frozenset(lost for place in absent if (lost := players[place].beside) is not None)


def _modalities(around: Neighbourhood, content: str | None) -> list[Player]:
    graph, batch = around.graph, around.batch
    players = []
    for node_type in graph.schema.node_types:
        if node_type.entity != around.entity or node_type.modality is None:
            continue
        if node_type.name in around.hidden:
            continue
        # An entity without a modality has no pair with it either.
        own = {
            name: torch.from_numpy(around.owner(name)[1] == around.row)
            for name in graph.schema.holders([node_type.name])
        }
        if not own[node_type.name].any():
            continue
        edges: dict[Triple, Tensor] = {}
        for edge_type in graph.schema.edge_types:
            index = batch.edge_index_dict[edge_type.triple]
            gone = torch.zeros(index.shape[1], dtype=torch.bool)
            for end, name in zip(index, (edge_type.source, edge_type.target), strict=True):
                if name in own:
                    gone |= own[name][end]
                elif name == around.entity and edge_type.kind != "of" and own.keys() & edge_type.made_from:
                    # Without the modality the entity would not have been tied by it.
                    gone |= end == around.place
            if gone.any():
                edges[edge_type.triple] = gone
        read = content is not None and f"{around.entity}/{content}" in own
        players.append(Player("modality", node_type.modality, edges, "content" if read else None))
    return players


def _relations(around: Neighbourhood) -> list[Player]:
    players = []
    for name in around.graph.schema.relations:
        edges = {
            t.triple: torch.ones(around.batch.edge_index_dict[t.triple].shape[1], dtype=torch.bool)
            for t in around.graph.schema.edge_types
            if t.kind != "of" and t.relation == name and around.batch.edge_index_dict[t.triple].shape[1]
        }
        if edges:
            players.append(Player("relation", name, edges))
    return players


def neighbours(around: Neighbourhood) -> list[Player]:
    """Return the entities that an edge of a relation ties to the entity, or to one of its modality nodes.

    What goes with a neighbour are these edges, in both directions. What it says by others stays.
    """
    tied: dict[tuple[str, int], dict[Triple, Tensor]] = {}
    by: dict[tuple[str, int], list[str]] = {}
    for edge_type in around.graph.schema.edge_types:
        if edge_type.kind == "of":
            continue
        index = around.batch.edge_index_dict[edge_type.triple]
        ends = [around.owner(name) for name in (edge_type.source, edge_type.target)]
        owner = [torch.from_numpy(rows)[end] for (_, rows), end in zip(ends, index, strict=True)]
        for near, far in ((0, 1), (1, 0)):
            if ends[near][0] != around.entity:
                continue
            mine = owner[near] == around.row
            if ends[far][0] == around.entity:
                mine &= owner[far] != around.row
            for row in torch.unique(owner[far][mine]).tolist():
                key = (ends[far][0], row)
                gone = mine & (owner[far] == row)
                edges = tied.setdefault(key, {})
                edges[edge_type.triple] = edges.get(edge_type.triple, torch.zeros_like(gone)) | gone
                if edge_type.relation not in by.setdefault(key, []):
                    by[key].append(edge_type.relation)
    return [
        Player(
            "neighbour",
            str(around.graph.nodes[kind]["id"].iloc[row]),
            tied[kind, row],
            entity=kind,
            row=row,
            relations=tuple(by[kind, row]),
        )
        for kind, row in sorted(tied)
    ]
