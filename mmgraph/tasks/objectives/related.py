"""What a graph says about pairs: which of them are related, so that calling them wrong would be a mistake.

Shapes: R entities, N nodes, E edges.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from mmgraph.models.graph_batch import GraphBatch


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


def two_steps_away(related: Tensor) -> Tensor:
    """Return which pairs have a relative in common and are no relatives themselves, bool [R, R].

    They are alike and still wrong: the hard negatives that a graph gives.

    Args:
        related: Which pairs are related, bool [R, R].

    Example:
        >>> chain = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0]]).bool()
        >>> two_steps_away(chain).int().tolist()
        [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    """
    # Products of booleans, and of float32 where counts would not be exact beyond 2^24: more than 0 is enough.
    shared = related.float() @ related.float() > 0
    return (shared & ~related).fill_diagonal_(False)


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
