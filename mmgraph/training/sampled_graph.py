"""A graph that stays on disk, of which models get parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import Triple
from mmgraph.models import MultimodalModel
from mmgraph.models.fanout import Fanout
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.models.receptive_field import ALL, receptive_field
from mmgraph.models.sample import Sample, Trim
from mmgraph.ops import EdgePlan, adopt_plan, make_plan
from mmgraph.sampling import BatchLoader, NeighbourSampler
from mmgraph.sampling.features import Features
from mmgraph.sampling.graph_times import TIME, entity_times
from mmgraph.sampling.negatives import Negatives
from mmgraph.sampling.times import read_limits
from mmgraph.training.known_nodes import known_nodes
from mmgraph.training.timed_degrees import TimedDegrees

_CPU = torch.device("cpu")


class SampledGraph:
    """The edges and features of a graph, mapped into memory once, and loaders of parts of it.

    Args:
        graph: The graph.
        model: Any model that shall get parts of it; all must treat nodes without features alike.
        seed: Seeds what is sampled.
        threads: How many batches are made at a time.
        temporal: ``uniform`` or ``last`` for entities that see only what was there at their own time, each in
            nodes of its own; ``none`` for the graph as it is.
    """

    def __init__(
        self,
        graph: Graph,
        model: MultimodalModel,
        *,
        seed: int,
        threads: int,
        temporal: Literal["none", "uniform", "last"] = "none",
    ) -> None:
        self.schema = graph.schema
        self.sampler = NeighbourSampler(
            graph,
            [ALL],
            time_attr=None if temporal == "none" else TIME,
            temporal_strategy="last" if temporal == "last" else "uniform",
            seed=seed,
            backend="numba",
        )
        self.features = Features(graph, self.sampler.adjacency)
        self.known = known_nodes(model.featureless, graph)
        self._times, self._degrees = None, None
        if temporal != "none":
            self._times = entity_times(graph)
            self._degrees = TimedDegrees(model.featureless, self.sampler.adjacency)
        self._graph, self._threads = graph, threads
        self._entities = [t.name for t in graph.schema.node_types if t.modality is None]

    def loader(
        self,
        model: MultimodalModel,
        entity: str,
        rows: Tensor,
        *,
        batch_size: int,
        fanout: Fanout | None = None,
        shuffle: bool = False,
        device: torch.device = _CPU,
        share: Callable[[Tensor], Tensor] | None = None,
    ) -> BatchLoader:
        """Return a loader of :class:`GraphBatch` for a model: some entities and their neighbourhoods.

        Where entities see what was there at their own time, those of a type without times see all.

        Args:
            model: The model.
            entity: The entity type.
            rows: The entities, int64 [R].
            batch_size: How many of them at a time.
            fanout: How many neighbours each layer that reads relations takes, the last layer's first, also by
                relation; by default all.
            shuffle: Whether each epoch has an order of its own.
            device: Where batches will be used. For a GPU they are put into pinned memory by the threads that
                make them.
            share: Takes of each batch's entities those that it is made for; by default all.

        Raises:
            ConfigError: If the fanout does not fit the model.
            GraphError: If the graph lacks edges that the model needs.
        """
        sampler, complete = self._prepared(model, fanout, device, partial(_asked_nodes, entity))
        return BatchLoader(
            self._graph,
            sampler,
            input_nodes=(entity, rows),
            input_time=self._time_of(entity, rows),
            batch_size=batch_size,
            shuffle=shuffle,
            share=share,
            transform=complete,
            threads=self._threads,
            features=self.features,
        )

    def link_loader(
        self,
        model: MultimodalModel,
        triple: Triple,
        links: Tensor,
        negatives: Negatives,
        *,
        batch_size: int,
        fanout: Fanout | None = None,
        device: torch.device = _CPU,
        share: Callable[[Tensor], Tensor] | None = None,
    ) -> BatchLoader:
        """Return a loader of :class:`GraphBatch` for links, which their samples leave out of their edges.

        Args:
            model: The model.
            triple: The edge type of the links.
            links: Sources above targets, int64 [2, L]; each epoch has an order of its own.
            negatives: How targets are drawn to stand against each, K of them. The ``seeds`` of a batch are
                places among its nodes: source, target, those targets, int64 [B, 2 + K].
            batch_size: How many links at a time.
            fanout: See :meth:`loader`, as of those that follow.
            device: See there.
            share: See there.

        Raises:
            ConfigError: If the fanout does not fit the model.
            GraphError: If the graph lacks edges that the model needs, or the links' edge type.
        """
        sampler, complete = self._prepared(model, fanout, device, partial(_asked_links, triple))
        return BatchLoader(
            self._graph,
            sampler,
            edge_label_index=(triple, links),
            neg_sampling=negatives,
            batch_size=batch_size,
            shuffle=True,
            share=share,
            transform=complete,
            threads=self._threads,
            features=self.features,
        )

    def _prepared(
        self,
        model: MultimodalModel,
        fanout: Fanout | None,
        device: torch.device,
        asked: Callable[[HeteroData], Tensor],
    ) -> tuple[NeighbourSampler, Callable[[HeteroData], GraphBatch]]:
        """Return the sampler for a model, and what makes of its batches such as the model takes."""
        field = receptive_field(model, self.schema, fanout)
        parts: list[_Part] = []
        if model.missing.missing == "absent" and not model.missing.modality_dropout:
            after = [*field.depth[1:], field.depth[-1]]
            for layer, depth, next_depth in zip(model.layers, field.depth, after, strict=True):
                steps: tuple[frozenset[Triple], ...] = layer.hops  # type: ignore[assignment]
                read = frozenset().union(*steps)
                parts.append(_Part(depth, next_depth if layer.narrows else depth, read))

        steps = tuple(
            frozenset(triple for triple, numbers in field.fanout.items() if numbers[hop])
            for hop in range(max(map(len, field.fanout.values()), default=0))
        )

        def complete(batch: HeteroData) -> GraphBatch:
            made = self._graph_batch(batch, asked(batch), parts, steps)
            return made if device.type == "cpu" else made.pin_memory()

        return self.sampler.with_neighbors(field.fanout), complete

    def _time_of(self, entity: str, rows: Tensor) -> Tensor | None:
        """Return the latest time that each entity may see, float64 [R]; nothing where times do not matter."""
        if self._times is None:
            return None
        if entity not in self._times:
            return torch.full((len(rows),), torch.inf, dtype=torch.float64)
        return torch.from_numpy(self._times[entity])[rows]

    def _known(self, batch: HeteroData) -> dict[str, Tensor]:
        """Return what tells nodes without features apart."""
        nodes = {name: batch[name].n_id for name in batch.node_types}
        known = {name: table[nodes[name]] for name, table in self.known.items()}
        if self._degrees is None:
            return known
        trees = {name: batch[name].batch for name in batch.node_types}
        # The type that was asked for has it.
        (times,) = (batch[name].seed_time for name in batch.node_types if "seed_time" in batch[name])
        return known | self._degrees.at(read_limits(times, "seed_time"), nodes, trees)

    def _graph_batch(
        self,
        batch: HeteroData,
        seeds: Tensor,
        parts: Sequence[_Part],
        steps: tuple[frozenset[Triple], ...],
    ) -> GraphBatch:
        """Return what PyG's loader made as a model takes it, every plan of edges made.

        Args:
            batch: What the loader made.
            seeds: What it was made for.
            parts: What each layer needs; nothing to trim nothing.
            steps: Along which edge types each hop was sampled.
        """
        sizes = {name: batch[name].n_id.numel() for name in batch.node_types}
        edges = {triple: batch[triple].edge_index for triple in batch.edge_types}
        plans = adopt_sampled(edges, sizes)
        trims = tuple(_trim(batch, edges, plans, part) for part in parts)
        return GraphBatch(
            {name: batch[name].x for name in batch.node_types},
            edges,
            batch.collect("edge_weight", allow_empty=True),
            batch.collect("edge_attr", allow_empty=True),
            Sample(self._known(batch), trims, {name: batch[name].n_id for name in self._entities}, steps),
            seeds,
        )


@dataclass(frozen=True)
class _Part:
    """The part of a sample that a layer needs.

    Args:
        depth: What so many hops have found.
        target_depth: New states of what so many hops have found are asked for.
        read: The edge types that it reads.
    """

    depth: int
    target_depth: int
    read: frozenset[Triple]


def _asked_nodes(entity: str, batch: HeteroData) -> Tensor:
    """Return the entities that a batch was made for, int64 [B]."""
    asked: Tensor = batch[entity].n_id[: batch[entity].batch_size]
    return asked


def _asked_links(triple: Triple, batch: HeteroData) -> Tensor:
    """Return the places of the links that a batch was made for, and of what stands against them."""
    source, target = batch[triple[0]].src_index, batch[triple[2]].dst_pos_index
    against = batch[triple[2]].dst_neg_index
    # PyG gives them flat where there is one for each link.
    against = against.unsqueeze(1) if against.dim() == 1 else against
    return torch.cat([source.unsqueeze(1), target.unsqueeze(1), against], dim=1)


def adopt_sampled(
    edge_index_dict: Mapping[Triple, Tensor], sizes: Mapping[str, int]
) -> dict[Triple, EdgePlan]:
    """Adopt the plans of edges as a sampler gives them, sorted and between nodes that are there; return them.

    Args:
        edge_index_dict: Edge type to edges, int64 [2, E].
        sizes: The number of nodes by node type.
    """
    plans = {}
    for triple, index in edge_index_dict.items():
        plans[triple] = make_plan(sizes[triple[0]], sizes[triple[2]], None, index[0], index[1])
        adopt_plan(index, plans[triple])
    return plans


def _trim(
    batch: HeteroData,
    edges: Mapping[Triple, Tensor],
    plans: Mapping[Triple, EdgePlan],
    part: _Part,
) -> Trim:
    """Return what the first hops gave: its plans are the first edges of those of the whole batch."""
    nodes, targets = (
        {name: sum(batch[name].num_sampled_nodes[: depth + 1]) for name in batch.node_types}
        for depth in (part.depth, part.target_depth)
    )
    kept: dict[Triple, Tensor] = {}
    for triple, index in edges.items():
        if triple in part.read:
            num_edges, plan = sum(batch[triple].num_sampled_edges[: part.depth]), plans[triple]
            size = (num_edges, nodes[triple[0]], targets[triple[2]])
            if size == (plan.num_edges, plan.num_source, plan.num_target):
                # The same tensor, so that what a layer keeps with it serves the next one.
                kept[triple] = index
            else:
                kept[triple] = index[:, :num_edges]
                adopt_plan(kept[triple], plan.head(*size))
    return Trim(nodes, kept)
