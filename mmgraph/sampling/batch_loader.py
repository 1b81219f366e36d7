"""Batches of a graph, made ahead by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.loader import LinkLoader, NodeLoader
from torch_geometric.sampler import NegativeSampling

from mmgraph.errors import ConfigError
from mmgraph.graph import Graph
from mmgraph.sampling.features import Features, bare
from mmgraph.sampling.loader_input import (
    InputLinks,
    InputNodes,
    check_one_each,
    read_input_links,
    read_input_nodes,
)
from mmgraph.sampling.neighbour_sampler import NeighbourSampler
from mmgraph.sampling.streams import stream_of

_MOST_BYTES = 512 << 20
"""How much memory batches may take before they are used; one is made while another is used in any case."""


class BatchLoader:
    """Batches of nodes or of links with their sampled neighbourhoods, as PyG's loaders make them.

    Threads make the next batches while one is used: sampling and gathering let go of Python's lock, so
    nothing is copied between processes. The order, and each batch, follow from the sampler's seed and the
    epoch, which is one higher each time that the loader is iterated: each iteration has its own, whoever else
    uses the sampler. ``state_dict`` tells where it is, and a loader that gets that back goes on from there.

    Args:
        data: The graph. The features of one that was opened from a folder stay on disk, and rows are read as
            batches need them.
        sampler: How neighbourhoods are sampled.
        input_nodes: Node type and nodes, to make batches of nodes: int64 [B], a mask bool [N], or nothing for
            all.
        edge_label_index: Edge type and links, to make batches of links: int64 [2, B], or nothing for all.
        input_time: The latest time that each node or link may see, [B].
        edge_label: The label of each link, [B].
        neg_sampling: How links that are not there are drawn.
        batch_size: Nodes or links of a batch.
        shuffle: Whether each epoch has an order of its own.
        drop_last: Whether a last batch that is smaller is left out.
        share: Takes of the nodes or links of each batch, as positions, int64 [batch_size], those that it is
            made for, where several processes share it; by default all.
        transform: Called with each batch, in a thread.
        threads: How many batches are made at a time; with 0, each is made when it is asked for.
        ahead: How many finished batches may wait; fewer where they have so many features that all batches
            together would take more than 512 MiB.
        features: What brings batches their features, where several loaders of a graph share it.

    Raises:
        ConfigError: If both kinds of input are given or none, or one cannot be used, or a number is not
            positive.
        GraphError: If the graph has no such type.

    Example:
        >>> data = HeteroData()
        >>> data["a"].x = torch.arange(4.0).unsqueeze(1)
        >>> data["a", "to", "a"].edge_index = torch.tensor([[1, 2, 3], [0, 0, 1]])
        >>> sampler = NeighbourSampler(data, [-1], seed=0)
        >>> loader = BatchLoader(data, sampler, input_nodes=("a", torch.arange(4)), batch_size=2)
        >>> [batch["a"].x.flatten().tolist() for batch in loader]
        [[0.0, 1.0, 2.0, 3.0], [2.0, 3.0]]
    """

    def __init__(
        self,
        data: Graph | HeteroData,
        sampler: NeighbourSampler,
        *,
        input_nodes: InputNodes | None = None,
        edge_label_index: InputLinks | None = None,
        input_time: Tensor | None = None,
        edge_label: Tensor | None = None,
        neg_sampling: NegativeSampling | None = None,
        batch_size: int,
        shuffle: bool = False,
        drop_last: bool = False,
        share: Callable[[Tensor], Tensor] | None = None,
        transform: Callable[[HeteroData], Any] | None = None,
        threads: int = 2,
        ahead: int = 2,
        features: Features | None = None,
    ) -> None:
        if (input_nodes is None) == (edge_label_index is None):
            raise ConfigError("wanted nodes or links", where="BatchLoader", fix="Give one of the two.")
        numbers = (("batch_size", batch_size, 1), ("threads", threads, 0), ("ahead", ahead, 1))
        for name, number, least in numbers:
            if number < least:
                raise ConfigError(f"got {number}; wanted at least {least}", where=name)
        self.sampler = sampler
        self._features, self._transform = features or Features(data, sampler.adjacency), transform
        empty = bare(data)
        # Makes the PyG loader of an iteration, by its sampler.
        self._make: Callable[..., Any]
        if input_nodes is not None:
            sizes = {name: empty[name].num_nodes for name in empty.node_types}
            name, nodes, ids = read_input_nodes(input_nodes, sizes)
            self._count = nodes.numel()
            self._make = partial(
                NodeLoader, empty, input_nodes=(name, nodes), input_id=ids, input_time=input_time
            )
        else:
            triple, links = read_input_links(edge_label_index, data, empty)
            self._count = links.shape[1]
            check_one_each(edge_label, self._count, "edge_label")
            self._make = partial(
                LinkLoader,
                empty,
                edge_label_index=(triple, links),
                edge_label=edge_label,
                edge_label_time=input_time,
                neg_sampling=neg_sampling,
            )
        check_one_each(input_time, self._count, "input_time")
        self._batch_size, self._shuffle, self._drop_last = batch_size, shuffle, drop_last
        self._share = share
        self._threads, self._ahead = threads, ahead
        self._next_epoch, self._next_batch = sampler.epoch, 0
        self._position = (self._next_epoch, 0)
        # How many bytes of features the largest batch so far had.
        self._largest = 0

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return self._count // self._batch_size if self._drop_last else -(-self._count // self._batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the epoch that comes next."""
        self._next_epoch, self._next_batch = epoch, 0

    def state_dict(self) -> dict[str, int]:
        """Return the epoch and the batch in it that is in use, or comes next if none is.

        A batch is in use until the next one is asked for.
        """
        epoch, batch = self._position
        return {"epoch": epoch, "batch": batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin the next time where a loader was that has told its ``state_dict``."""
        self._next_epoch, self._next_batch = self._position = state["epoch"], state["batch"]

    def __iter__(self) -> Iterator[Any]:
        """Make the batches of the next epoch, in their order."""
        epoch, first = self._next_epoch, self._next_batch
        self.set_epoch(epoch + 1)
        sampler = self.sampler.at_epoch(epoch)
        make = self._make(sampler, transform=self._complete, filter_per_worker=True)
        indices = torch.split(self._order(epoch), self._batch_size)[first : len(self)]
        if self._share is not None:
            indices = tuple(map(self._share, indices))
        for number, batch in enumerate(self._batches(make, indices), start=first):
            self._position = epoch, number
            yield batch
        self._position = epoch + 1, 0

    def _batches(self, make: Callable[[Tensor], Any], split: Sequence[Tensor]) -> Iterator[Any]:
        """Make one batch of each part of the input."""
        indices = iter(split)
        if self._threads == 0:
            yield from map(make, indices)
            return
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="mmgraph-batches")
        under_way: deque[Future[Any]] = deque()
        try:
            while True:
                for index in islice(indices, max(self._room() - len(under_way), 0)):
                    under_way.append(pool.submit(make, index))
                if not under_way:
                    return
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _room(self) -> int:
        """Return how many batches there may be; before the first, whose size nobody knows, few."""
        if not self._largest:
            return self._threads
        return max(2, min(self._threads + self._ahead, _MOST_BYTES // self._largest))

    def _order(self, epoch: int) -> Tensor:
        if not self._shuffle:
            return torch.arange(self._count)
        seed = int(stream_of(self.sampler.seed, epoch, "order")) >> 1
        return torch.randperm(self._count, generator=torch.Generator().manual_seed(seed))

    def _complete(self, batch: HeteroData) -> Any:
        complete = self._features(batch)
        self._largest = max(self._largest, _bytes_of(complete))
        return complete if self._transform is None else self._transform(complete)


def _bytes_of(batch: HeteroData) -> int:
    return sum(
        value.nbytes for store in batch.stores for value in store.values() if isinstance(value, Tensor)
    )
