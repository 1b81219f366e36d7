"""Samples neighbours for PyG's loaders: nothing to compile, and the same ones for the same seed."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data, HeteroData
from torch_geometric.sampler import (
    BaseSampler,
    EdgeSamplerInput,
    HeteroSamplerOutput,
    NegativeSampling,
    NodeSamplerInput,
    SamplerOutput,
)

from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph import Graph, Triple
from mmgraph.sampling.adjacency import Adjacency
from mmgraph.sampling.fanout import read_fanout
from mmgraph.sampling.hidden_links import HiddenLinks, reverse_of
from mmgraph.sampling.homogeneous import as_hetero, typed_edges, typed_nodes, untyped
from mmgraph.sampling.hops import Rules, Seeds, sample_hops, seed_streams
from mmgraph.sampling.link_relation import LinkRelation
from mmgraph.sampling.links import LinkSeeds, link_seeds, numbers
from mmgraph.sampling.negatives import Links, draw_negatives
from mmgraph.sampling.pyg_backend import PyGBackend, choose_backend
from mmgraph.sampling.sampler_output import sorted_output
from mmgraph.sampling.source import read_source
from mmgraph.sampling.streams import stream_of
from mmgraph.sampling.times import Limits, check_strategy, read_limits

Ints = NDArray[np.int64]
_NO_INTS: Ints = np.empty(0, np.int64)


class NeighbourSampler(BaseSampler):  # type: ignore[misc]
    """Samples the neighbourhoods of nodes or links, hop by hop, for PyG's ``NodeLoader`` and ``LinkLoader``.

    What is sampled for a batch follows from the seed, the epoch and the nodes of the batch: not from workers,
    threads or what was sampled before. With ``disjoint`` it follows for each node of the batch by itself. The
    edges of each relation are sorted by (target, source), also over several hops, and ``num_sampled_nodes``
    and ``num_sampled_edges`` say what each hop gave, as ``torch_geometric.utils.trim_to_layer`` wants it.

    Args:
        data: The graph. The edges of one that was opened from a folder stay on disk, mapped into memory. A
            ``Data`` is sampled as a graph of one node type and one edge type, and its samples are PyG's
            ``SamplerOutput``.
        num_neighbors: How many neighbours each hop takes, e.g. ``[15, 10]``; all for -1. For all relations,
            or by edge type, where one that is not named is not followed.
        replace: Whether a node's edge may be picked several times.
        disjoint: Whether each seed gets nodes of its own. Times make it so.
        weight_attr: Pick edges in proportion to these weights, above 0, where a relation has them.
        time_attr: The times of nodes or of edges; ``time`` for those of a graph of mmgraph, where both may
            have some. No edge is sampled that is later than its seed's time, or whose source is.
        temporal_strategy: Among the edges that are not too late, ``uniform``, any, or ``last``, the latest.
        groups: Whether entities bring all their modality nodes: ``of`` edges are not sampled but taken whole,
            and one hop more follows, for the entities that the last hop found.
        hide_links: Whether links that a batch is made for, and their reverses, are left out of its edges, so
            that a model cannot read off what it shall predict; between nodes of one type also the links in
            the other direction. Without times, those of all links of the batch are; where samples are
            disjoint, of each link its own.
        reverse_types: By edge type, its reverse, where that has another name than ``rev_`` and its own.
        seed: For batches that can be made again. Without one it is drawn from torch's generator.
        backend: ``numba`` or ``pyg_lib``. ``auto`` is pyg-lib where it is installed and no seed is asked for,
            since it keeps none, and numba otherwise.

    Raises:
        ConfigError: If an argument cannot be used.
        GraphError: If the graph cannot be used.

    Example:
        >>> from torch_geometric.loader import NodeLoader
        >>> data = HeteroData()
        >>> data["a"].x = torch.arange(4.0).unsqueeze(1)
        >>> data["a", "to", "a"].edge_index = torch.tensor([[1, 2, 3], [0, 0, 1]])
        >>> loader = NodeLoader(data, NeighbourSampler(data, [-1], seed=0), input_nodes=("a", [0]))
        >>> batch = next(iter(loader))
        >>> batch["a"].x.flatten(), batch["a", "to", "a"].edge_index
        (tensor([0., 1., 2.]), tensor([[1, 2],
                [0, 0]]))
    """

    def __init__(
        self,
        data: Graph | HeteroData | Data,
        num_neighbors: Sequence[int] | Mapping[Triple, Sequence[int]],
        *,
        replace: bool = False,
        disjoint: bool = False,
        weight_attr: str | None = None,
        time_attr: str | None = None,
        temporal_strategy: Literal["uniform", "last"] = "uniform",
        groups: bool = False,
        hide_links: bool = True,
        reverse_types: Mapping[Triple, Triple] | None = None,
        seed: int | None = None,
        backend: Literal["auto", "numba", "pyg_lib"] = "auto",
    ) -> None:
        alone = time_attr is not None and weight_attr is None and not replace
        check_strategy(temporal_strategy, times_alone=alone)
        self._homogeneous = isinstance(data, Data)
        if isinstance(data, Data):
            data = as_hetero(data, weight_attr=weight_attr, time_attr=time_attr)
        self._source = read_source(data, weight_attr=weight_attr, time_attr=time_attr)
        self._is_temporal = time_attr is not None
        self._rules = Rules(
            sizes=self._source.sizes,
            adjacency=self._source.adjacency,
            fanout=read_fanout(num_neighbors, list(self._source.adjacency), groups=groups),
            replace=replace,
            disjoint=disjoint or self._is_temporal,
            weighted=weight_attr is not None,
            last=temporal_strategy == "last",
        )
        both_times = isinstance(data, Graph) and bool(self._source.node_time)
        self.backend = choose_backend(backend, seed, both_times=both_times)
        self._pyg: PyGBackend | None = None
        if self.backend == "pyg_lib":
            options = {
                "replace": replace,
                "disjoint": disjoint,
                "weight_attr": weight_attr,
                "time_attr": time_attr,
                "temporal_strategy": temporal_strategy,
            }
            self._pyg = PyGBackend(
                data.data if isinstance(data, Graph) else data, self._rules.fanout, options
            )
        self.seed = int(torch.randint(2**62, ())) if seed is None else seed
        # Shared, so that workers that live longer than an epoch see the next one.
        self._epoch: Tensor = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]
        self._relations: dict[Triple, LinkRelation] = {}
        self._hide_links = hide_links
        self._reverse = reverse_of(list(self._source.adjacency), reverse_types or {})

    @property
    def adjacency(self) -> Mapping[Triple, Adjacency]:
        """By edge type, the edges as they are sampled."""
        return self._source.adjacency

    @property
    def epoch(self) -> int:
        """The number of the epoch, which batches of the same nodes differ by."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the epoch before its loader is iterated."""
        self._epoch.fill_(epoch)

    def at_epoch(self, epoch: int) -> NeighbourSampler:
        """Return the sampler at an epoch of its own, whatever becomes of this one's; both share the edges.

        Args:
            epoch: The number of the epoch.
        """
        other = copy.copy(self)
        other._epoch = torch.tensor(epoch, dtype=torch.int64)
        other._epoch.share_memory_()  # type: ignore[no-untyped-call]
        return other

    def with_neighbors(
        self, num_neighbors: Sequence[int] | Mapping[Triple, Sequence[int]]
    ) -> NeighbourSampler:
        """Return a sampler that takes other neighbours, and else is the same; both share the edges.

        Args:
            num_neighbors: As for the class.

        Raises:
            ConfigError: If it cannot be used, or the backend is pyg-lib, which reads the edges by itself.
        """
        if self._pyg is not None:
            raise ConfigError("pyg-lib shares no edges", where="backend", fix="Choose 'numba'.")
        other = self.at_epoch(self.epoch)
        fanout = read_fanout(num_neighbors, list(self._source.adjacency), groups=False)
        other._rules = dataclasses.replace(self._rules, fanout=fanout)
        return other

    def sample_from_nodes(self, index: NodeSamplerInput, **_: Any) -> HeteroSamplerOutput | SamplerOutput:
        """Sample the neighbourhood of nodes.

        Args:
            index: The nodes, their type, and the latest time that each may see; by default its own.

        Raises:
            GraphError: If a node is not there, or has no time where it needs one.
        """
        if self._homogeneous:
            return untyped(self._from_nodes(typed_nodes(index)))
        return self._from_nodes(index)

    def _from_nodes(self, index: NodeSamplerInput) -> HeteroSamplerOutput:
        name, node = index.input_type, numbers(index.node)
        self._source.check_nodes(name, node, "input_nodes")
        limits = self._limits(index.time, "input_time")
        if self._is_temporal and limits is None:
            if name not in self._source.node_time:
                raise GraphError(
                    f"nodes of the type {name!r} have no times", where="input_nodes", fix="Give input_time."
                )
            limits = self._source.node_time[name][node].as_limits()
        stream = self._stream(name, node, limits)
        times = None if index.time is None else {name: index.time}
        out = self._sample({name: Seeds(node, np.arange(node.size))}, limits, stream, times)
        out.metadata = (index.input_id, index.time)
        return out

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> HeteroSamplerOutput | SamplerOutput:
        """Sample the neighbourhood of both ends of links, and of links that are not there.

        Args:
            index: The links, their type, their labels, and the latest time that each may see.
            neg_sampling: How links that are not there are drawn: :class:`Negatives`, or PyG's own.

        Raises:
            GraphError: If a link cannot be used, or has no time where it needs one.
        """
        if self._homogeneous:
            return untyped(self._from_edges(typed_edges(index), neg_sampling))
        return self._from_edges(index, neg_sampling)

    def _from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None
    ) -> HeteroSamplerOutput:
        triple = index.input_type
        self._source.check_edge_type(triple, "edge_label_index")
        limits = self._limits(index.time, "edge_label_time")
        links = Links(numbers(index.row), numbers(index.col), limits)
        self._source.check_nodes(triple[0], links.source, "edge_label_index[0]")
        self._source.check_nodes(triple[2], links.target, "edge_label_index[1]")
        if self._is_temporal and limits is None:
            raise GraphError("links have no times", where="edge_label_index", fix="Give edge_label_time.")
        stream = self._stream(list(triple), np.stack([links.source, links.target]), limits)
        negatives = (_NO_INTS, _NO_INTS)
        if neg_sampling is not None and links.source.size:
            times = self._source.node_time.get(triple[0]), self._source.node_time.get(triple[2])
            relation = self._relation(triple)
            negatives = draw_negatives(
                links, neg_sampling, relation, times, stream_of(int(stream), "negatives")
            )
        found = link_seeds(index, negatives, neg_sampling, disjoint=self._rules.disjoint)
        out = self._sample(
            found.seeds,
            None if limits is None else limits[found.owner],
            stream,
            found.times(index.time),
            self._hidden(triple, links, found) if self._hide_links else None,
        )
        if out.batch is not None:
            owner = torch.from_numpy(found.owner)
            out.batch = {name: owner[tree] for name, tree in out.batch.items()}
        out.metadata = found.metadata(index, neg_sampling)
        return out

    def _sample(
        self,
        seeds: Mapping[str, Seeds],
        limits: Limits | None,
        stream: np.uint64,
        times: Mapping[str, Tensor] | None,
        hidden: HiddenLinks | None = None,
    ) -> HeteroSamplerOutput:
        # pyg-lib hides no links.
        if self._pyg is not None and hidden is None:
            starts = {name: torch.from_numpy(part.node) for name, part in seeds.items()}
            return self._pyg.sample(starts, times)
        roots = None
        if self._rules.disjoint:
            # Each seed's sample is its own, whatever else is in the batch.
            stream = stream_of(self.seed, self.epoch)
            roots = np.concatenate([seed_streams(name, part, limits) for name, part in seeds.items()])
        nodes, edges = sample_hops(self._rules, seeds, stream, roots=roots, limits=limits, hidden=hidden)
        return sorted_output(nodes, edges, disjoint=self._rules.disjoint)

    def _stream(self, kind: str | list[str], nodes: Ints, limits: Limits | None) -> np.uint64:
        parts = [] if limits is None else [limits.whole, limits.fractional]
        return stream_of(self.seed, self.epoch, kind, nodes, *parts)

    def _limits(self, time: Tensor | None, where: str) -> Limits | None:
        if time is None:
            return None
        if not self._is_temporal:
            raise ConfigError(
                "times are given, but the sampler reads none", where=where, fix="Set time_attr."
            )
        return read_limits(time, where)

    def _relation(self, triple: Triple) -> LinkRelation:
        if triple not in self._relations:
            self._relations[triple] = LinkRelation(triple, self._source.adjacency[triple])
        return self._relations[triple]

    def _hidden(self, triple: Triple, links: Links, found: LinkSeeds) -> HiddenLinks:
        owner = found.owner if self._rules.disjoint else None
        return HiddenLinks.both_ways(triple, links.source, links.target, self._reverse.get(triple), owner)
