"""What a graph says about pairs: which of them are related, so that calling them wrong would be a mistake.

Shapes: R entities, N nodes, E edges.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from mmgraph.graph.schema import Triple
from mmgraph.layers.groups import OF, REVERSE_OF
from mmgraph.models.graph_batch import GraphBatch


class Kin(NamedTuple):
    """What a graph says about pairs of entities, by their places from 0 up to R.

    Args:
        related: Those that an edge ties, int64 [2, P]: each in both orders, each once.
        alike: Those that have a neighbour in common, and no edge that ties them, in the same form, [2, Q].
    """

    related: Tensor
    alike: Tensor

    def among(self, rows: Tensor, count: int) -> Kin:
        """Return what is said of pairs of some of the entities, by their places among these.

        Args:
            rows: Places of the entities, each once, int64.
            count: How many there were, R.
        """
        place = torch.full((count,), -1, device=rows.device)
        place[rows] = torch.arange(len(rows), device=rows.device)
        related, alike = (
            pairs[:, (pairs >= 0).all(dim=0)] for pairs in (place[self.related], place[self.alike])
        )
        return Kin(related, alike)


def related_pairs(rows: Tensor, edges: Iterable[Tensor], num_nodes: int) -> Tensor:
    """Return the pairs of some entities that an edge ties in either direction, int64 [2, P].

    Each stands in both orders and once, in the order of the first; nobody is tied to itself.

    Args:
        rows: The entities, each once, int64 [R].
        edges: Edges among entities of their type, int64 [2, E] each.
        num_nodes: How many entities of the type there are, N.

    Example:
        >>> edges = [torch.tensor([[0, 2], [3, 2]])]
        >>> related_pairs(torch.tensor([3, 0, 2]), edges, 4).tolist()
        [[0, 1], [1, 0]]
    """
    place = torch.full((num_nodes,), -1, device=rows.device)
    place[rows] = torch.arange(len(rows), device=rows.device)
    found = [torch.empty(0, dtype=torch.int64, device=rows.device)]
    for index in edges:
        one, other = place[index]
        kept = (one >= 0) & (other >= 0) & (one != other)
        one, other = one[kept], other[kept]
        # Numbers of one sort much faster than pairs.
        found += [one * len(rows) + other, other * len(rows) + one]
    return _of_keys(torch.unique(torch.cat(found)), len(rows))


def _of_keys(keys: Tensor, count: int) -> Tensor:
    return torch.stack([keys // max(count, 1), keys % max(count, 1)])


def related_in(batch: GraphBatch, entity: str, here: Tensor, *, by: Collection[str] | None = None) -> Tensor:
    """Return the pairs of some entities that a relation between entities ties, int64 [2, P].

    Args:
        batch: The graph, or a sample of it.
        entity: The entity type.
        here: The entities as the batch numbers them, each once, int64 [R].
        by: The relations that count; all by default.
    """
    edges = [
        index
        for (source, name, target), index in batch.edge_index_dict.items()
        if (source, target) == (entity, entity) and (by is None or name.removeprefix("rev_") in by)
    ]
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


def two_steps_away(neighbours: Tensor, related: Tensor, count: int) -> Tensor:
    """Return the pairs that have a neighbour in common and are no relatives themselves, int64 [2, Q].

    They are alike and still wrong: the hard negatives that a graph gives.

    Args:
        neighbours: Whose neighbour which node is, int64 [2, E]; see :func:`neighbours_in`.
        related: The pairs that are related, int64 [2, P]; see :func:`related_pairs`.
        count: How many entities there are, R.

    Example:
        >>> tags = torch.tensor([[0, 1, 1, 2], [7, 7, 8, 9]])  # both 0 and 1 have the tag 7
        >>> two_steps_away(tags, torch.empty(2, 0, dtype=torch.int64), 3).tolist()
        [[0, 1], [1, 0]]
    """
    nodes, column = torch.unique(neighbours[1], return_inverse=True)
    ones = torch.ones(len(column), device=column.device)
    places, size = torch.stack([neighbours[0], column]), (count, len(nodes))
    has = torch.sparse_coo_tensor(places, ones, size, check_invariants=False)
    one, other = torch.sparse.mm(has, has.T).coalesce().indices()
    kept = one != other
    if len(kept):
        # Relatives are few among them, so these are sought in the pairs, which are in order.
        keys, wanted = one * count + other, related[0] * count + related[1]
        at = torch.searchsorted(keys, wanted).clamp_(max=len(keys) - 1)
        kept[at[keys[at] == wanted]] = False
    return torch.stack([one[kept], other[kept]])


def shared_target(related: Tensor, count: int, share: float) -> tuple[Tensor, Tensor]:
    """Return targets of which relatives have a part, soft labels: those of each own answer, and of relatives.

    Args:
        related: The pairs that are related, int64 [2, P]; see :func:`related_pairs`.
        count: How many entities there are, R.
        share: The part of the target that the relatives have together, from 0 up to 1; an entity without
            relatives keeps all of it.

    Returns:
        Of each with its own, float64 [R], and of the related pairs, float64 [P].

    Example:
        >>> own, others = shared_target(torch.tensor([[0, 0, 1, 2], [1, 2, 0, 0]]), 4, 0.5)
        >>> own.tolist(), others.tolist()
        ([0.5, 0.5, 0.5, 1.0], [0.25, 0.25, 0.5, 0.5])
    """
    number = torch.bincount(related[0], minlength=count).double()
    return torch.where(number > 0, 1 - share, 1.0), share / number[related[0]]
