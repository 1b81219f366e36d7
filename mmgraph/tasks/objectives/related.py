"""What a graph says about pairs: which of them are related, so that calling them wrong would be a mistake.

Shapes: R entities, N nodes, E edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from mmgraph.graph.schema import Triple
from mmgraph.layers.groups import OF, REVERSE_OF
from mmgraph.models.graph_batch import GraphBatch


class Kin(NamedTuple):
    """What a graph says about pairs of entities.

    Args:
        related: Which of them an edge ties, bool [R, R].
        alike: Which have a neighbour in common, and no edge that ties them, bool [R, R].
    """

    related: Tensor
    alike: Tensor


def related_pairs(rows: Tensor, edges: Iterable[Tensor], num_nodes: int) -> Tensor:
    """Return which of some entities an edge ties in either direction, bool [R, R]; nobody to itself.

    Args:
        rows: The entities, each once, int64 [R].
        edges: Edges among entities of their type, int64 [2, E] each.
        num_nodes: How many entities of the type there are, N.

    Example:
        >>> edges = [torch.tensor([[0, 2], [3, 2]])]
        >>> related_pairs(torch.tensor([3, 0, 2]), edges, 4).int().tolist()
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    place = torch.full((num_nodes,), -1, device=rows.device)
    place[rows] = torch.arange(len(rows), device=rows.device)
    related = torch.zeros(len(rows), len(rows), dtype=torch.bool, device=rows.device)
    for index in edges:
        one, other = place[index]
        kept = (one >= 0) & (other >= 0)
        related[one[kept], other[kept]] = True
        related[other[kept], one[kept]] = True
    return related.fill_diagonal_(False)


def related_in(batch: GraphBatch, entity: str, here: Tensor) -> Tensor:
    """Return which of some entities a relation between entities ties, bool [R, R].

    Args:
        batch: The graph, or a sample of it.
        entity: The entity type.
        here: The entities as the batch numbers them, each once, int64 [R].
    """
    edges = [e for t, e in batch.edge_index_dict.items() if (t[0], t[2]) == (entity, entity)]
    return related_pairs(here, edges, batch.x_dict[entity].shape[0])


def neighbours_in(batch: GraphBatch, entity: str, here: Tensor) -> Tensor:
    """Return the neighbours of some entities in a batch, int64 [2, E]; see :func:`neighbours_of`.

    Args:
        batch: The graph, or a sample of it.
        entity: The entity type.
        here: The entities as the batch numbers them, each once, int64 [R].
    """
    sizes = {name: x.shape[0] for name, x in batch.x_dict.items()}
    return neighbours_of(batch.edge_index_dict, sizes, entity, here)


def neighbours_of(
    edge_index: Mapping[Triple, Tensor], sizes: Mapping[str, int], entity: str, here: Tensor
) -> Tensor:
    """Return the neighbours of some entities by all edges in either direction, int64 [2, E].

    The first row says whose it is, from 0 up to R, the second which node, of all types together: first the
    entities by their own numbers, then the nodes of other types. What an entity is made of, its modalities,
    is no neighbour.

    Args:
        edge_index: By edge type, int64 [2, E].
        sizes: How many nodes there are by node type.
        entity: The entity type.
        here: The entities, each once, int64 [R].
    """
    place = torch.full((sizes[entity],), -1, device=here.device)
    place[here] = torch.arange(len(here), device=here.device)
    first, count = {}, 0
    for name in (entity, *(name for name in sizes if name != entity)):
        first[name], count = count, count + sizes[name]
    found = [torch.empty(2, 0, dtype=torch.int64, device=here.device)]
    for (source, name, target), index in edge_index.items():
        ways = ((source, target, index), (target, source, index.flip(0)))
        for own, other, (one, neighbour) in ways if name not in (OF, REVERSE_OF) else ():
            if own == entity:
                kept = place[one] >= 0
                found.append(torch.stack([place[one[kept]], first[other] + neighbour[kept]]))
    return torch.cat(found, dim=1)


def two_steps_away(neighbours: Tensor, related: Tensor) -> Tensor:
    """Return which pairs have a neighbour in common and are no relatives themselves, bool [R, R].

    They are alike and still wrong: the hard negatives that a graph gives.

    Args:
        neighbours: Whose neighbour which node is, int64 [2, E]; see :func:`neighbours_in`.
        related: Which pairs are related, bool [R, R].

    Example:
        >>> tags = torch.tensor([[0, 1, 1, 2], [7, 7, 8, 9]])  # both 0 and 1 have the tag 7
        >>> two_steps_away(tags, torch.zeros(3, 3).bool()).int().tolist()
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    nodes, column = torch.unique(neighbours[1], return_inverse=True)
    ones = torch.ones(len(column), device=column.device)
    places, size = torch.stack([neighbours[0], column]), (len(related), len(nodes))
    has = torch.sparse_coo_tensor(places, ones, size, check_invariants=False)
    # Counts of float32 are not exact beyond 2^24: more than 0 is enough.
    shared = torch.sparse.mm(has, has.T).to_dense() > 0
    alike: Tensor = (shared & ~related).fill_diagonal_(False)
    return alike


def shared_target(related: Tensor, share: float) -> Tensor:
    """Return targets of which relatives have a part, float32 [R, R]: soft labels.

    Args:
        related: Which pairs are related, bool [R, R].
        share: The part of the target that the relatives have together, from 0 up to 1; an entity without
            relatives keeps all of it.

    Example:
        >>> related = torch.tensor([[0, 1, 1], [1, 0, 0], [1, 0, 0]]).bool()
        >>> shared_target(related, 0.5)[0].tolist()
        [0.5, 0.25, 0.25]
    """
    count = related.sum(dim=1, keepdim=True)
    others = share * related / count.clamp_min(1)
    return others + torch.eye(len(related), device=related.device) * torch.where(count > 0, 1 - share, 1.0)
