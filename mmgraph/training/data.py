"""What a training step gets: the whole graph, or a part of it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from lightning.pytorch import LightningDataModule

from mmgraph.models.graph_batch import GraphBatch
from mmgraph.sampling import BatchLoader


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
