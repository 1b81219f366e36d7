"""Where nodes come from that are drawn to stand against links: proposals, which others check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.sampler import NegativeSampling

from mmgraph.sampling.adjacency import Adjacency
from mmgraph.sampling.link_relation import End, LinkRelation
from mmgraph.sampling.random_numbers import units
from mmgraph.sampling.rows import row_bounds
from mmgraph.sampling.times import Limits

Ints = NDArray[np.int64]

Proposal = Callable[[Ints, int], Ints]
"""Returns a node for each of these rows of the batch, -1 for none, at the try of this number."""


def by_degree_or_weight(
    neg_sampling: NegativeSampling,
    relation: LinkRelation,
    end: End,
    limit: Limits | None,
    streams: NDArray[np.uint64],
) -> list[Proposal]:
    """Return how nodes of one end are proposed, one way after the other: by degree, by weights, or alike.

    Args:
        neg_sampling: How.
        relation: The links of the whole graph.
        end: Which end.
        limit: The latest time that each row may see, [M], if there are times.
        streams: The random numbers of each row, uint64 [M].
    """
    adjacency = relation.by_target
    size = adjacency.num_source if end == "source" else adjacency.num_target
    if getattr(neg_sampling, "strategy", "") == "degree":
        if limit is not None and adjacency.time is not None:
            return [_by_degree_in_time(relation, end, limit, streams), _alike(size, streams)]
        return [_by_weight(relation.degree_weights[end], streams)]
    weight = neg_sampling.src_weight if end == "source" else neg_sampling.dst_weight
    if weight is None:
        return [_alike(size, streams)]
    # They are the user's, who may change them between batches.
    return [_by_weight(np.cumsum(torch.as_tensor(weight).cpu().numpy().astype(np.float64)), streams)]


def of_batch(targets: Ints, streams: NDArray[np.uint64]) -> Proposal:
    """Return a proposal of targets of the batch, int64 [B]."""

    def propose(rows: Ints, number: int) -> Ints:
        place: Any = (units(streams[rows], 2 * number) * targets.size).astype(np.int64)
        return np.asarray(targets[place])

    return propose


def two_steps(relation: LinkRelation, targets: Ints, streams: NDArray[np.uint64]) -> Proposal:
    """Return a proposal of nodes that share a source with the true target of each row, int64 [M]."""

    def propose(rows: Ints, number: int) -> Ints:
        there, first = _step(relation.by_target, targets[rows], units(streams[rows], 2 * number))
        # Whoever has no neighbour stays, and the true target is refused.
        back, second = _step(relation.by_source, first, units(streams[rows], 2 * number + 1))
        return np.where(there & back, second, targets[rows])

    return propose


def _alike(size: int, streams: NDArray[np.uint64]) -> Proposal:
    def propose(rows: Ints, number: int) -> Ints:
        return np.asarray(units(streams[rows], 2 * number) * size, dtype=np.int64)

    return propose


def _by_weight(total: NDArray[np.float64], streams: NDArray[np.uint64]) -> Proposal:
    """Propose in proportion to weights that are summed up, [N]."""

    def propose(rows: Ints, number: int) -> Ints:
        aim = units(streams[rows], 2 * number) * total[-1]
        return np.asarray(np.searchsorted(total, aim, side="right").clip(0, total.size - 1))

    return propose


def _by_degree_in_time(
    relation: LinkRelation, end: End, limit: Limits, streams: NDArray[np.uint64]
) -> Proposal:
    """Propose in proportion to the degree to the power of 3/4 that nodes have at the time of a row's limit.

    The end of any link that is there is one in proportion to its degree; that is kept with the probability of
    its degree to the power of -1/4.
    """
    links = relation.in_time[end]
    count = links.count(limit)

    def propose(rows: Ints, number: int) -> Ints:
        result = np.full(rows.size, -1, np.int64)
        there = np.flatnonzero(count[rows])
        row = rows[there]
        link: Any = (units(streams[row], 2 * number) * count[row]).astype(np.int64)
        node = links.node[link].astype(np.int64)
        kept = units(streams[row], 2 * number + 1) < links.degree(node, limit[row]) ** -0.25
        result[there[kept]] = node[kept]
        return result

    return propose


def _step(adjacency: Adjacency, nodes: Ints, unit: NDArray[np.float64]) -> tuple[NDArray[np.bool_], Ints]:
    """Return which nodes have a neighbour, and one of each; node 0 for those that have none."""
    begin, end = row_bounds(adjacency.indptr, nodes)
    there = end > begin
    place = np.where(there, begin + (unit * (end - begin)).astype(np.int64), 0)
    if not adjacency.indices.size:
        return there, np.zeros(nodes.size, np.int64)
    return there, np.where(there, adjacency.indices[place].astype(np.int64), 0)
