"""Links that are not there: drawn for each link of a batch, and checked against those that are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch_geometric.sampler import NegativeSampling

from mmgraph.counted import agreed, counted
from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.sampling.link_relation import LinkRelation
from mmgraph.sampling.proposals import Proposal, by_degree_or_weight, of_batch, two_steps
from mmgraph.sampling.random_numbers import row_streams, units
from mmgraph.sampling.rows import is_no_neighbour
from mmgraph.sampling.times import Limits, Times

Ints = NDArray[np.int64]
Strategy = Literal["uniform", "degree", "in_batch", "hard"]

# How often a strategy may propose links that are there before another one takes over.
_TRIES = 32
# How many nodes an error names.
_SHOWN = 10
_NO_INTS: Ints = np.empty(0, np.int64)


class Negatives(NegativeSampling):  # type: ignore[misc]
    """How links that are not there are drawn; PyG's ``LinkLoader`` takes it as its ``neg_sampling``.

    A drawn link is not one of the relation's, does not lead from a node to itself, and no node is drawn that
    is later than the link it stands against. Where ``in_batch`` or ``hard`` find none, ``uniform`` does.

    Args:
        strategy: Where the target node comes from: ``uniform``, any node; ``degree``, any node in proportion
            to its degree to the power of 3/4 (Mikolov et al., Distributed representations of words and
            phrases, 2013), with times the degree at the time of the link; ``in_batch``, the targets of the
            batch's other links; ``hard``, two steps from the true target: a node that shares a source with
            it.
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
class Links:
    """The links of a batch, B of them.

    Args:
        source: int64 [B].
        target: int64 [B].
        limit: The latest time that each may see, [B], if there are times.
    """

    source: Ints
    target: Ints
    limit: Limits | None


def draw_negatives(
    links: Links,
    neg_sampling: NegativeSampling,
    relation: LinkRelation,
    times: tuple[Times | None, Times | None],
    stream: np.uint64,
) -> tuple[Ints, Ints]:
    """Return the source and the target of links that are not there, int64 [M] each.

    The one at place m stands against the link ``m % B``.

    Args:
        links: The links of the batch.
        neg_sampling: A :class:`Negatives`, or PyG's own, whose nodes are drawn alike or in proportion to its
            weights.
        relation: The links of the whole graph.
        times: When source nodes and target nodes come into being, [S] and [N]; nothing if they are there from
            the beginning.
        stream: What sets this batch apart.

    Raises:
        GraphError: If a link finds no node that may be drawn; all such links at once.
    """
    count = int(np.ceil(links.source.size * neg_sampling.amount))
    base = np.arange(count) % max(links.source.size, 1)
    strategy = getattr(neg_sampling, "strategy", "uniform")
    streams = row_streams(stream, np.arange(count), _NO_INTS, np.empty(0, np.uint64))
    limit = None if links.limit is None else links.limit[base]
    source = links.source[base]
    if neg_sampling.is_binary() and strategy in ("uniform", "degree"):
        anyone = by_degree_or_weight(neg_sampling, relation, "source", limit, ~streams)
        source = _draw(
            _MayBeSource(relation, times[0], limit), relation.by_target.num_source, anyone, ~streams
        )
    true = np.where(source == links.source[base], links.target[base], -1)
    anyone = by_degree_or_weight(neg_sampling, relation, "target", limit, streams)
    if strategy == "in_batch":
        anyone = [of_batch(links.target, streams), *anyone]
    elif strategy == "hard":
        anyone = [two_steps(relation, links.target[base], streams), *anyone]
    may_be = _MayBeTarget(relation, source, true, times[1], limit)
    return source, _draw(may_be, relation.by_target.num_target, anyone, streams)


@dataclass(frozen=True, eq=False)
class _MayBeSource:
    """Tells whether nodes are there at the time of their links, and have a target left."""

    relation: LinkRelation
    time: Times | None
    limit: Limits | None

    def __call__(self, rows: Ints, nodes: Ints) -> NDArray[np.bool_]:
        """Return it, bool [R], for rows of the batch and a node of each."""
        good: NDArray[np.bool_] = (nodes >= 0) & ~np.isin(nodes, self.relation.full)
        good &= _is_there(self, rows, nodes)
        return good

    def error(self, rows: Ints) -> GraphError:
        """Return what to say of rows for which there is no node."""
        source, _, target = self.relation.triple
        return GraphError(
            f"for {counted(rows.size, 'link')} there is no node of the type {source!r} at its time that is "
            f"not linked to every node of the type {target!r}",
            where=f"neg_sampling of {' -> '.join(self.relation.triple)}",
            fix="Draw targets alone: choose 'in_batch' or 'hard', or mode='triplet'.",
        )


@dataclass(frozen=True, eq=False)
class _MayBeTarget:
    """Tells whether nodes are no targets of their rows' sources."""

    relation: LinkRelation
    source: Ints
    # The true target of each row, which may be missing among its source's links.
    true: Ints
    time: Times | None
    limit: Limits | None

    def __call__(self, rows: Ints, nodes: Ints) -> NDArray[np.bool_]:
        """Return it, bool [R], for rows of the batch and a node of each."""
        linked, same_type = self.relation.by_source, self.relation.same_type
        good: NDArray[np.bool_] = is_no_neighbour(
            linked.indptr, linked.indices, self.source[rows], nodes, same_type
        )
        good &= (nodes >= 0) & (nodes != self.true[rows])
        good &= _is_there(self, rows, nodes)
        return good

    def error(self, rows: Ints) -> GraphError:
        """Return what to say of rows for which there is no node: at once of all nodes of that kind."""
        source, _, target = self.relation.triple
        nodes = np.union1d(self.source[rows], self.relation.full)
        shown = ", ".join(map(str, nodes[:_SHOWN])) + (", ..." if nodes.size > _SHOWN else "")
        at_its_time = " that is there at its time" if self.time is not None else ""
        return GraphError(
            f"{counted(nodes.size, 'node')} of the type {source!r} {agreed(nodes.size, 'is', 'are')} linked "
            f"to every node of the type {target!r}{at_its_time}: {shown}",
            where=f"neg_sampling of {' -> '.join(self.relation.triple)}",
            fix="Leave their links out of edge_label_index.",
        )


def _is_there(of: _MayBeSource | _MayBeTarget, rows: Ints, nodes: Ints) -> Any:
    if of.time is None or of.limit is None:
        return True
    return of.time.ordered[nodes] <= of.limit.of(of.time)[rows]


def _draw(
    may_be: _MayBeSource | _MayBeTarget,
    num_nodes: int,
    proposals: list[Proposal],
    streams: NDArray[np.uint64],
) -> Ints:
    """Return one of so many nodes for each row, from the first proposals that find one."""
    result = np.full(streams.size, -1, np.int64)
    left = np.arange(streams.size)
    for number in range(_TRIES * len(proposals)):
        if not left.size:
            return result
        proposed = proposals[number // _TRIES](left, number)
        good = may_be(left, proposed)
        result[left[good]] = proposed[good]
        left = left[~good]
    for row in left:
        # The first node that may be taken, from a random one on: few, if any, may.
        begin = int(units(streams[row : row + 1], -1)[0] * num_nodes)
        nodes = np.roll(np.arange(num_nodes), -begin)
        good = may_be(np.full(num_nodes, row), nodes)
        if good.any():
            result[row] = nodes[good.argmax()]
    without = np.flatnonzero(result < 0)
    if without.size:
        raise may_be.error(without)
    return result
