"""Which nodes stand for missing modalities, and the edges that tie them: known from the edges alone.

Shapes: N entities, K entities that lack a modality, P pairs of one of these and a neighbour that has it.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmgraph.graph.schema import Triple
from mmgraph.layers.groups import OF


@dataclass(frozen=True, eq=False)
class NewNodes:
    """The nodes that stand for one modality.

    Args:
        entities: The entity that each of them belongs to, int64 [K].
        neighbours: Entities that have the modality, and for each of them the new node that it speaks to,
            int64 [2, P]; None if nodes do not depend on neighbours.
    """

    entities: Tensor
    neighbours: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Completion:
    """What is added to a graph.

    Args:
        nodes: Modality node type to its new nodes, whose numbers follow those of the nodes that are there.
        edges: The edge types that tie them, with all their edges, int64 [2, E].
        num_tied: How many of these edges, at the end, are new.
    """

    nodes: dict[str, NewNodes] = field(default_factory=dict)
    edges: dict[Triple, Tensor] = field(default_factory=dict)
    num_tied: dict[Triple, int] = field(default_factory=dict)

    def tie(self, triple: Triple, known: Mapping[Triple, Tensor], added: Tensor) -> None:
        """Add edges int64 [2, K] to those of an edge type."""
        self.edges[triple] = torch.cat([known.get(triple, added[:, :0]), added], 1)
        self.num_tied[triple] = added.shape[1]


class CompletionCache:
    """Keeps the last completion for as long as the same tensors of edges come, unchanged."""

    def __init__(self) -> None:
        self._key: list[tuple[Triple, weakref.ref[Tensor], int]] = []
        self._sizes: dict[str, int] = {}
        self._kept: Completion | None = None

    def get(self, edges: Mapping[Triple, Tensor], sizes: Mapping[str, int]) -> Completion | None:
        """Return what was kept for these edges and numbers of nodes, if anything was."""
        same = self._sizes == sizes and [triple for triple, _, _ in self._key] == list(edges)
        for triple, reference, version in self._key if same else ():
            index = edges[triple]
            same &= reference() is index and index._version == version
        return self._kept if same else None

    def keep(self, edges: Mapping[Triple, Tensor], sizes: Mapping[str, int], completion: Completion) -> None:
        """Keep a completion; not if its edges count no changes, as those of inference mode."""
        if not any(index.is_inference() for index in edges.values()):
            self._key = [(triple, weakref.ref(index), index._version) for triple, index in edges.items()]
            self._sizes, self._kept = dict(sizes), completion


def entities_with(of: Tensor, size: int) -> Tensor:
    """Return which of so many entities a modality's ``of`` edges reach, bool [N]."""
    return torch.bincount(of[1], minlength=size) > 0


def neighbours(
    entity: str,
    modalities: Sequence[str],
    edges: Mapping[Triple, Tensor],
    sizes: Mapping[str, int],
    skipped: frozenset[str],
) -> Tensor:
    """Return all pairs of a neighbour and the entity that a relation leads to, int64 [2, P], each once.

    A relation of modality nodes is one of all entities that they belong to, of which there may be several.

    Args:
        entity: The entity type.
        modalities: Its modality node types.
        edges: Edge type to edges, int64 [2, E].
        sizes: The number of nodes of every node type.
        skipped: The names of relations that make nobody a neighbour.

    Example:
        >>> of, like = ("a/text", "of", "a"), ("a/text", "like", "a/text")
        >>> edges = {of: torch.tensor([[0, 1, 1], [0, 1, 2]]), like: torch.tensor([[1], [0]])}
        >>> neighbours("a", ["a/text"], edges, {"a": 3, "a/text": 2}, frozenset({"of"})).tolist()
        [[1, 2], [0, 0]]
    """
    ties = {name: edges[name, OF, entity] for name in modalities if (name, OF, entity) in edges}
    device = next(iter(edges.values())).device
    found = [torch.empty(2, 0, dtype=torch.int64, device=device)]
    for (source, relation, target), index in edges.items():
        ends = {source, target} - {entity}
        if relation in skipped or not ends <= set(ties):
            continue
        edge, asking = _owners(index[1], None if target == entity else ties[target], sizes[target])
        place, near = _owners(index[0][edge], None if source == entity else ties[source], sizes[source])
        found.append(torch.stack([near, asking[place]]))
    pairs = torch.cat(found, 1)
    different: Tensor = torch.unique(pairs[:, pairs[0] != pairs[1]], dim=1)
    return different


def _owners(nodes: Tensor, of: Tensor | None, size: int) -> tuple[Tensor, Tensor]:
    """Return for each entity that one of the nodes belongs to the node's place and the entity, int64 [P]."""
    if of is None:
        return torch.arange(len(nodes), device=nodes.device), nodes
    owner = of[1][torch.argsort(of[0], stable=True)]
    count = torch.bincount(of[0], minlength=size)
    owners = count[nodes]
    place = torch.repeat_interleave(owners)
    rank = torch.arange(len(place), device=nodes.device) - (owners.cumsum(0) - owners)[place]
    return place, owner[(count.cumsum(0) - count)[nodes[place]] + rank]
