"""What a training step gets: the whole graph, or a part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from mmgraph.graph.graph import Graph
from mmgraph.models.sample import Sample
from mmgraph.sampling import BatchLoader

EdgeTypeName = tuple[str, str, str]


class GraphBatch(NamedTuple):
    """What a model's ``forward`` takes.

    Args:
        x_dict: Node type to features, float32 [N, D].
        edge_index_dict: Edge type to edges, int64 [2, E].
        edge_weight_dict: Weighted edge type to weights, float32 [E].
        edge_attr_dict: Edge type with edge features to these, float32 [E, F].
        sample: What is known besides of a sampled neighbourhood; nothing of a whole graph.
        seeds: The entities of the task that a sample was made for, int64 [B]: its first nodes of their type.
    """

    x_dict: dict[str, Tensor]
    edge_index_dict: dict[EdgeTypeName, Tensor]
    edge_weight_dict: dict[EdgeTypeName, Tensor]
    edge_attr_dict: dict[EdgeTypeName, Tensor]
    sample: Sample | None = None
    seeds: Tensor | None = None

    @classmethod
    def of(cls, graph: Graph) -> GraphBatch:
        """Return the whole of a graph as one batch."""
        data = graph.data
        # Unlike `data.edge_weight_dict` and its like, `collect` does not raise where no relation has any.
        return cls(
            data.collect("x", allow_empty=True),
            data.collect("edge_index", allow_empty=True),
            data.collect("edge_weight", allow_empty=True),
            data.collect("edge_attr", allow_empty=True),
        )

    def to(self, device: torch.device) -> GraphBatch:
        """Return the batch on a device; tensors that are there already are the same.

        Nobody waits for copies out of pinned memory.
        """
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> GraphBatch:
        """Return the batch in memory that a GPU can copy from by itself."""
        return self._each(torch.Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> GraphBatch:
        return GraphBatch(
            {key: change(x) for key, x in self.x_dict.items()},
            {key: change(x) for key, x in self.edge_index_dict.items()},
            {key: change(x) for key, x in self.edge_weight_dict.items()},
            {key: change(x) for key, x in self.edge_attr_dict.items()},
            None if self.sample is None else self.sample.each(change),
            None if self.seeds is None else change(self.seeds),
        )


class FullBatchLoader:
    """A loader of one batch an epoch; a list would be taken for a list of loaders.

    Args:
        batch: The batch.
    """

    def __init__(self, batch: GraphBatch) -> None:
        self._batch = batch

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[GraphBatch]:
        yield self._batch


class FullBatch(LightningDataModule):
    """Gives the whole graph once an epoch.

    Layers keep what they work out about the edges by the identity of the tensors, so the batch is moved to
    its device once, beforehand, and every epoch gets the same tensors.

    Args:
        batch: The batch, on the device where the training runs.
    """

    num_steps = 1
    """Of an epoch."""

    def __init__(self, batch: GraphBatch) -> None:
        super().__init__()
        self._batch = batch

    def train_dataloader(self) -> FullBatchLoader:
        """Return the loader of the one batch."""
        return FullBatchLoader(self._batch)

    def transfer_batch_to_device(
        self,
        batch: GraphBatch,
        device: torch.device,  # noqa: ARG002 - Lightning's signature; the batch is there already
        dataloader_idx: int,  # noqa: ARG002
    ) -> GraphBatch:
        """Return the batch as it is."""
        return batch


class SampledBatches(LightningDataModule):
    """Gives some training entities at a time, with a sample of their neighbourhoods.

    Args:
        loader: Makes the batches, :class:`GraphBatch` each, of one epoch after the other.
    """

    def __init__(self, loader: BatchLoader) -> None:
        super().__init__()
        self._loader = loader

    @property
    def num_steps(self) -> int:
        """Of an epoch."""
        return len(self._loader)

    def train_dataloader(self) -> BatchLoader:
        """Return the loader."""
        return self._loader

    def state_dict(self) -> dict[str, int]:
        """Return where the loader is, for a checkpoint.

        Lightning keeps that of loaders as well, but does not give it back where the number of steps has been
        asked for before, as schedules do.
        """
        return self._loader.state_dict()

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let the loader go on from where it was."""
        self._loader.load_state_dict(state_dict)

    def transfer_batch_to_device(
        self,
        batch: GraphBatch,
        device: torch.device,
        dataloader_idx: int,  # noqa: ARG002 - Lightning's signature
    ) -> GraphBatch:
        """Return the batch on the device."""
        return batch.to(device)
