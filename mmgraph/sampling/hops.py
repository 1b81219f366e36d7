"""Samples the neighbourhood of seeds hop by hop, over all relations.

The nodes of a hop stand behind those of the hop before, and only nodes of the last hop get edges. So sorting
each target's few edges by source sorts all edges of a relation by (target, source).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmgraph.graph import Triple
from mmgraph.sampling import picking, place_table, rows
from mmgraph.sampling.adjacency import Adjacency
from mmgraph.sampling.hidden_links import HiddenLinks
from mmgraph.sampling.random_numbers import row_streams
from mmgraph.sampling.streams import stream_of
from mmgraph.sampling.times import Limits

Ints = NDArray[np.int64]
_NONE: Ints = np.empty(0, np.int64)
_NO_ROOTS: NDArray[np.uint64] = np.empty(0, np.uint64)


@dataclass(frozen=True)
class Rules:
    """How neighbours are picked.

    Args:
        sizes: Number of nodes by node type.
        adjacency: By edge type, its edges.
        fanout: By edge type, how many neighbours at each hop; -1 for all.
        replace: Whether an edge may be picked again.
        disjoint: Whether each seed has nodes of its own, which it shares with no other.
        weighted: Whether edges are picked in proportion to their weights, where they have any.
        last: Whether the latest edges are taken that are not too late, and not any of them.
    """

    sizes: Mapping[str, int]
    adjacency: Mapping[Triple, Adjacency]
    fanout: Mapping[Triple, list[int]]
    replace: bool = False
    disjoint: bool = False
    weighted: bool = False
    last: bool = False

    @property
    def num_hops(self) -> int:
        """How many hops there are."""
        return max((len(hops) for hops in self.fanout.values()), default=0)


@dataclass(frozen=True)
class Seeds:
    """Where sampling begins in one node type.

    Args:
        node: int64 [B].
        tree: Among the seeds of all types, the number of each; read if sampling is disjoint, int64 [B].
    """

    node: Ints
    tree: Ints


def seed_streams(name: str, seeds: Seeds, limits: Limits | None) -> NDArray[np.uint64]:
    """Return what sets each seed apart from others, whatever else is in its batch, uint64 [B].

    Args:
        name: The node type.
        seeds: The seeds of that type.
        limits: The latest time that each seed of any type may see, if there are times.
    """
    streams: NDArray[np.uint64] = row_streams(stream_of(name), seeds.node, _NONE, _NO_ROOTS)
    if limits is not None:
        for kind, limit in (("whole", limits.whole), ("fractional", limits.fractional)):
            streams ^= row_streams(stream_of("time", kind), limit[seeds.tree], _NONE, _NO_ROOTS)
    return streams


@dataclass
class SampledEdges:
    """The sampled edges of one relation, sorted by (target, source).

    Args:
        source: The place of each edge's source among the sampled nodes, int64 [E].
        target: That of its target, int64 [E].
        edge: Where it stands in the edge index of the whole graph, int64 [E].
        indptr: Where each target's edges begin and end, int64 [N + 1].
        per_hop: How many edges each hop gave.
    """

    source: Ints
    target: Ints
    edge: Ints
    indptr: Ints
    per_hop: list[int]


@dataclass
class SampledNodes:
    """The sampled nodes of one type: seeds first, hop after hop.

    Args:
        node: int64 [N].
        tree: The seed that each hangs on, int64 [N]; empty unless sampling is disjoint.
        per_hop: How many were new at each hop, the seeds first.
    """

    node: Ints
    tree: Ints
    per_hop: list[int]


class _Nodes:
    """The nodes of one type so far. The key of a node is tree x size + node; without trees it is the node."""

    def __init__(self, size: int, seeds: Seeds | None, disjoint: bool) -> None:
        self.size, self._disjoint = max(size, 1), disjoint
        node, tree = (_NONE, _NONE) if seeds is None else (seeds.node, seeds.tree)
        self._keys = tree * self.size + node if disjoint else node
        self._table = np.zeros((2, 2), np.int64)
        self._count = node.size
        # Where each hop's nodes begin; the last is where they end.
        self.bounds = [0, node.size]

    def expect(self, new: int) -> None:
        """Make room for so many more nodes at once, where each relation would make some of its own."""
        self._make_room(self._count + new if self._disjoint else min(self._count + new, self.size))

    def find_or_add(self, keys: Ints) -> Ints:
        """Return the places of nodes; those that are new stand behind the others."""
        self._make_room(self._count + keys.size)
        places = np.empty(keys.size, np.int64)
        self._count = place_table.find_or_add(self._table, self._keys, self._count, keys, places)
        return places

    def end_hop(self) -> None:
        """What was added since is the newest hop."""
        self.bounds.append(self._count)

    @property
    def newest(self) -> Ints:
        """The keys of the newest hop's nodes."""
        return self._keys[self.bounds[-2] : self.bounds[-1]]

    @property
    def all(self) -> Ints:
        """The keys of all nodes so far."""
        return self._keys[: self._count]

    def split(self, keys: Ints) -> tuple[Ints, Ints]:
        """Return the nodes and the trees of keys."""
        if not self._disjoint:
            return keys, _NONE
        tree, node = np.divmod(keys, self.size)
        return node, tree

    def _make_room(self, most: int) -> None:
        if 2 * most > len(self._table):
            self._table = np.zeros((1 << (2 * most - 1).bit_length(), 2), np.int64)
            place_table.fill_table(self._table, self.all)
        if most > self._keys.size:
            self._keys = np.concatenate([self.all, np.empty(most - self._count, np.int64)])


def sample_hops(
    rules: Rules,
    seeds: Mapping[str, Seeds],
    stream: np.uint64,
    *,
    roots: NDArray[np.uint64] | None = None,
    limits: Limits | None = None,
    hidden: HiddenLinks | None = None,
) -> tuple[dict[str, SampledNodes], dict[Triple, SampledEdges]]:
    """Sample the neighbourhood of seeds.

    Args:
        rules: How.
        seeds: Where to begin, by node type.
        stream: What sets this batch apart.
        roots: What sets each seed apart, uint64 [number of all seeds], if sampling is disjoint.
        limits: The latest time that each seed may see, [number of all seeds], if there are times.
        hidden: Links that are left out, if there are any.

    Returns:
        The nodes of every node type and the edges of every edge type.
    """
    nodes = {name: _Nodes(size, seeds.get(name), rules.disjoint) for name, size in rules.sizes.items()}
    found: dict[Triple, list[_Hop]] = {triple: [] for triple in rules.adjacency}
    for number in range(rules.num_hops):
        for name, new in _expected(rules, number, nodes).items():
            nodes[name].expect(new)
        for triple, hops in found.items():
            batch = _Batch(stream_of(int(stream), triple, number), roots, limits, hidden)
            hops.append(_sample_hop(rules, triple, number, nodes, batch))
        for of_type in nodes.values():
            of_type.end_hop()
    edges = {triple: _join(hops, int(nodes[triple[2]].bounds[-1])) for triple, hops in found.items()}
    return {name: _nodes_of(of_type) for name, of_type in nodes.items()}, edges


@dataclass(frozen=True, eq=False)
class _Batch:
    """What sets one hop of a batch along one relation apart from others; see :func:`sample_hops`."""

    stream: np.uint64
    roots: NDArray[np.uint64] | None
    limits: Limits | None
    hidden: HiddenLinks | None


@dataclass
class _Hop:
    """One hop along one relation: the first target's place, each target's picks, their sources and edges."""

    first: int
    pointer: Ints
    source: Ints
    edge: Ints


def _expected(rules: Rules, number: int, nodes: Mapping[str, _Nodes]) -> dict[str, int]:
    """Return about how many nodes of each type a hop finds, those that are there already included."""
    result: dict[str, int] = {}
    for triple, adjacency in rules.adjacency.items():
        source, _, target = triple
        fanout = rules.fanout[triple][number]
        degree = adjacency.indices.size / max(adjacency.num_target, 1)
        picks = degree if fanout < 0 else min(fanout, degree)
        result[source] = result.get(source, 0) + int(nodes[target].newest.size * picks)
    return result


def _sample_hop(
    rules: Rules, triple: Triple, number: int, nodes: Mapping[str, _Nodes], batch: _Batch
) -> _Hop:
    targets, fanout, adjacency = nodes[triple[2]], rules.fanout[triple][number], rules.adjacency[triple]
    keys, first = targets.newest, targets.bounds[-2]
    if fanout == 0 or keys.size == 0 or adjacency.indices.size == 0:
        return _Hop(first, np.zeros(1, np.int64), _NONE, _NONE)
    node, tree = targets.split(keys)
    pointer, picks = _pick(rules, triple, fanout, node, tree, batch)
    sources = nodes[triple[0]]
    wanted = place_table.source_keys(adjacency.indices, picks, pointer, tree, sources.size)
    places = sources.find_or_add(wanted)
    rows.sort_rows(pointer, places, picks)
    return _Hop(first, pointer, places, adjacency.edges(picks))


def _pick(
    rules: Rules, triple: Triple, fanout: int, node: Ints, tree: Ints, batch: _Batch
) -> tuple[Ints, Ints]:
    """Return where each target's picks begin and end, and which edges they are."""
    adjacency, limits, hidden = rules.adjacency[triple], batch.limits, None
    begin, end = rows.row_bounds(adjacency.indptr, node)
    if adjacency.time is not None and limits is not None:
        rows.end_at(begin, end, adjacency.time.ordered, limits.of(adjacency.time)[tree])
    if batch.hidden is not None and triple in batch.hidden.links:
        keys = batch.hidden.of(triple, node, tree, adjacency.num_target)
        hidden = picking.hide(begin, end, adjacency.indices, *keys)
    if adjacency.time is not None and rules.last and fanout >= 0:
        begin = np.maximum(begin, end - fanout)
    pointer = picking.place_picks(begin, end, fanout, rules.replace)
    streams = row_streams(batch.stream, node, tree, _NO_ROOTS if batch.roots is None else batch.roots)
    replace = rules.replace and fanout >= 0
    if rules.weighted and adjacency.weight is not None:
        picks = _pick_weighted(adjacency, begin, end, pointer, streams, replace, hidden)
    else:
        picks = picking.pick_uniform(begin, end, pointer, streams, replace)
    if hidden is not None:
        picking.skip_hidden(pointer, picks, *hidden)
    return pointer, picks


def _pick_weighted(
    adjacency: Adjacency,
    begin: Ints,
    end: Ints,
    pointer: Ints,
    streams: NDArray[np.uint64],
    replace: bool,
    hidden: tuple[Ints, Ints] | None,
) -> Ints:
    """Pick by weights, where they stand or, if they stand in another order, from a copy of the rows' own."""
    picks: Ints
    if hidden is None and adjacency.weight_at is None:
        picks = picking.pick_weighted(begin, end, pointer, streams, replace, adjacency.weight)
        return picks
    none = np.zeros(begin.size + 1, np.int64), _NONE
    weight_at = _NONE if adjacency.weight_at is None else adjacency.weight_at
    own, first = picking.weights_of_rows(begin, end, *(hidden or none), adjacency.weight, weight_at)
    picks = picking.pick_weighted(first, first + end - begin, pointer, streams, replace, own)
    picks += np.repeat(begin - first, np.diff(pointer))
    return picks


def _join(hops: list[_Hop], num_target: int) -> SampledEdges:
    """Return the edges of all hops; each hop's targets stand behind those of the hop before."""
    degree = np.zeros(num_target, np.int64)
    for hop in hops:
        degree[hop.first : hop.first + hop.pointer.size - 1] = np.diff(hop.pointer)
    return SampledEdges(
        source=np.concatenate([_NONE, *(hop.source for hop in hops)]),
        target=np.repeat(np.arange(num_target), degree),
        edge=np.concatenate([_NONE, *(hop.edge for hop in hops)]),
        indptr=np.concatenate([[0], np.cumsum(degree)]),
        per_hop=[hop.source.size for hop in hops],
    )


def _nodes_of(of_type: _Nodes) -> SampledNodes:
    node, tree = of_type.split(of_type.all)
    return SampledNodes(node.copy(), tree, np.diff(of_type.bounds).tolist())
