"""Links that are not there: drawn for each link of a batch, and checked against those that are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.sampler import NegativeSampling

from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.sampling import kernels
from mmgraph.sampling.adjacency import Adjacency

Ints = NDArray[np.int64]
Strategy = Literal["uniform", "degree", "in_batch", "hard"]
_Propose = Callable[[Ints, int], Ints]

# How often a strategy may propose links that are there before another one takes over.
_TRIES = 32
_NO_INTS: Ints = np.empty(0, np.int64)


class Negatives(NegativeSampling):  # type: ignore[misc]
    """How links that are not there are drawn; PyG's ``LinkLoader`` takes it as its ``neg_sampling``.

    A drawn link is not one of the relation's, does not lead from a node to itself, and no node is drawn that
    is later than the link it stands against. Where ``in_batch`` or ``hard`` find none, ``uniform`` does.

    Args:
        strategy: Where the target node comes from: ``uniform``, any node; ``degree``, any node in proportion
            to its degree to the power of 3/4 (Mikolov et al., Distributed representations of words and
            phrases, 2013); ``in_batch``, the targets of the batch's other links; ``hard``, two steps from the
            true target: a node that shares a source with it.
        mode: ``binary``: pairs with label 0; ``triplet``: target nodes for each link. In binary mode
            ``uniform`` and ``degree`` draw the source likewise; otherwise it is that of a link of the batch.
        amount: How many for each link.

    Raises:
        ConfigError: If there is no such strategy.
        ValueError: If PyG refuses mode or amount.
    """

    def __init__(
        self,
        strategy: Strategy = "uniform",
        *,
        mode: Literal["binary", "triplet"] = "binary",
        amount: float = 1,
    ) -> None:
        if strategy not in get_args(Strategy):
            raise ConfigError(
                f"there is no strategy {strategy!r}",
                where="Negatives",
                fix=did_you_mean(strategy, get_args(Strategy)),
            )
        super().__init__(mode, amount)
        self.strategy: Strategy = strategy


@dataclass(frozen=True, eq=False)
class Relation:
    """The links of one relation, both ways round.

    Args:
        by_target: The links, target after target.
        same_type: Whether source and target are nodes of the same type.
    """

    by_target: Adjacency
    same_type: bool

    @cached_property
    def by_source(self) -> Adjacency:
        """The links, source after source."""
        return self.by_target.by_source()

    def node_weight(
        self, neg_sampling: NegativeSampling, end: Literal["src", "dst"]
    ) -> NDArray[np.float64] | None:
        """Return in what proportion nodes are drawn at one end; nothing if all alike."""
        if getattr(neg_sampling, "strategy", "") == "degree":
            adjacency = self.by_source if end == "src" else self.by_target
            return np.diff(adjacency.indptr).astype(np.float64) ** 0.75
        weight = neg_sampling.src_weight if end == "src" else neg_sampling.dst_weight
        return None if weight is None else torch.as_tensor(weight).cpu().numpy().astype(np.float64)


@dataclass(frozen=True, eq=False)
class Links:
    """The links of a batch, B of them.

    Args:
        source: int64 [B].
        target: int64 [B].
        limit: The latest time that each may see, int64 [B]; empty if there are no times.
    """

    source: Ints
    target: Ints
    limit: Ints


def draw_negatives(
    links: Links,
    neg_sampling: NegativeSampling,
    relation: Relation,
    times: tuple[Ints, Ints],
    stream: np.uint64,
) -> tuple[Ints, Ints]:
    """Return the source and the target of links that are not there, int64 [M] each.

    The one at place m stands against the link ``m % B``.

    Args:
        links: The links of the batch.
        neg_sampling: A :class:`Negatives`, or PyG's own, whose nodes are drawn alike or in proportion to its
            weights.
        relation: The links of the whole graph.
        times: When source nodes and target nodes come into being, int64 [S] and [N]; empty if they are there
            from the beginning.
        stream: What sets this batch apart.

    Raises:
        GraphError: If a node is linked to all others.
    """
    count = int(np.ceil(links.source.size * neg_sampling.amount))
    base = np.arange(count) % max(links.source.size, 1)
    strategy = getattr(neg_sampling, "strategy", "uniform")
    streams = kernels.row_streams(stream, np.arange(count), _NO_INTS, np.empty(0, np.uint64))
    limit = links.limit[base] if links.limit.size else links.limit
    adjacency = relation.by_target
    source = links.source[base]
    if neg_sampling.is_binary() and strategy in ("uniform", "degree"):
        weight = relation.node_weight(neg_sampling, "src")
        none = Adjacency(count, adjacency.num_target, np.zeros(count + 1, np.int64), _NO_INTS)
        # No source is refused for its links; the number of a row stands where its node would.
        draw = _Draw(np.arange(count), none, False, np.full(count, -1), times[0], limit, ~streams)
        source = draw.draw(adjacency.num_source, [_anyone(adjacency.num_source, weight, ~streams)])
    true = np.where(source == links.source[base], links.target[base], -1)
    draw = _Draw(source, relation.by_source, relation.same_type, true, times[1], limit, streams)
    anyone = _anyone(adjacency.num_target, relation.node_weight(neg_sampling, "dst"), streams)
    if strategy == "in_batch":
        return source, draw.draw(adjacency.num_target, [_of_batch(links.target, streams), anyone])
    if strategy == "hard":
        near = _two_steps(relation, links.target[base], streams)
        return source, draw.draw(adjacency.num_target, [near, anyone])
    return source, draw.draw(adjacency.num_target, [anyone])


@dataclass(frozen=True, eq=False)
class _Draw:
    """Nodes are proposed until each row has one that may be taken."""

    rows: Ints
    linked: Adjacency
    not_itself: bool
    # The true target of each row, which may be missing among its links.
    true: Ints
    time: Ints
    limit: Ints
    streams: NDArray[np.uint64]

    def draw(self, num_nodes: int, strategies: list[_Propose]) -> Ints:
        """Return one of so many nodes for each row, from the first strategy that finds one."""
        result = np.full(self.rows.size, -1, np.int64)
        left = np.arange(self.rows.size)
        for number in range(_TRIES * len(strategies)):
            if not left.size:
                return result
            proposed = strategies[number // _TRIES](left, number)
            good = self._may_be_taken(left, proposed)
            result[left[good]] = proposed[good]
            left = left[~good]
        for row in left:
            result[row] = self._search(row, num_nodes)
        return result

    def _may_be_taken(self, rows: Ints, nodes: Ints) -> NDArray[np.bool_]:
        linked = self.linked
        good: NDArray[np.bool_] = kernels.may_be_taken(
            linked.indptr, linked.indices, self.rows[rows], nodes, self.not_itself
        )
        good &= nodes != self.true[rows]
        if self.time.size and self.limit.size:
            good &= self.time[nodes] <= self.limit[rows]
        return good

    def _search(self, row: np.int64, num_nodes: int) -> int:
        """Return the first node that may be taken, from a random one on: few, if any, may."""
        begin = int(kernels.units(self.streams[row : row + 1], -1)[0] * num_nodes)
        nodes = np.roll(np.arange(num_nodes), -begin)
        good = self._may_be_taken(np.full(num_nodes, row), nodes)
        if not good.any():
            raise GraphError(
                f"the source node {self.rows[row]} is linked to every target node that there is at its time",
                where="neg_sampling",
                fix="Leave its links out of the batches.",
            )
        return int(nodes[good.argmax()])


def _anyone(size: int, weight: NDArray[np.float64] | None, streams: NDArray[np.uint64]) -> _Propose:
    total = None if weight is None else np.cumsum(weight)

    def propose(rows: Ints, number: int) -> Ints:
        unit = kernels.units(streams[rows], 2 * number)
        if total is None:
            return np.asarray(unit * size, dtype=np.int64)
        return np.asarray(np.searchsorted(total, unit * total[-1], side="right").clip(0, size - 1))

    return propose


def _of_batch(targets: Ints, streams: NDArray[np.uint64]) -> _Propose:
    def propose(rows: Ints, number: int) -> Ints:
        place: Any = (kernels.units(streams[rows], 2 * number) * targets.size).astype(np.int64)
        return np.asarray(targets[place])

    return propose


def _two_steps(relation: Relation, targets: Ints, streams: NDArray[np.uint64]) -> _Propose:
    def propose(rows: Ints, number: int) -> Ints:
        there, first = _step(relation.by_target, targets[rows], kernels.units(streams[rows], 2 * number))
        # Whoever has no neighbour stays, and the true target is refused.
        back, second = _step(relation.by_source, first, kernels.units(streams[rows], 2 * number + 1))
        return np.where(there & back, second, targets[rows])

    return propose


def _step(adjacency: Adjacency, nodes: Ints, unit: NDArray[np.float64]) -> tuple[NDArray[np.bool_], Ints]:
    """Return which nodes have a neighbour, and one of each; node 0 for those that have none."""
    begin, end = kernels.row_bounds(adjacency.indptr, nodes)
    there = end > begin
    place = np.where(there, begin + (unit * (end - begin)).astype(np.int64), 0)
    if not adjacency.indices.size:
        return there, np.zeros(nodes.size, np.int64)
    return there, np.where(there, adjacency.indices[place].astype(np.int64), 0)
