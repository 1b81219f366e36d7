"""What a model makes of the entities of a graph: all at once, or part by part, and always exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from mmgraph.models import MultimodalModel
from mmgraph.training.data import GraphBatch
from mmgraph.training.sampled_graph import SampledGraph

Rows = Mapping[str, Tensor]
"""By entity type, which entities, int64 [R]."""


class Inference(Protocol):
    """A way to the unified representations of entities."""

    def unify(self, model: MultimodalModel, rows: Rows) -> dict[str, Tensor]:
        """Return the unified representation of entities, [R, C] by entity type.

        Args:
            model: The model, ready for inference.
            rows: Which entities.
        """


class AtOnce:
    """The whole graph in one forward pass.

    Args:
        batch: The whole graph.
    """

    def __init__(self, batch: GraphBatch) -> None:
        self._batch = batch

    def unify(self, model: MultimodalModel, rows: Rows) -> dict[str, Tensor]:
        """Return the unified representations; see :class:`Inference`."""
        with torch.no_grad():
            unified = model(*self._batch[:-1])
        return {name: unified[name][index] for name, index in rows.items()}


class ByNeighbourhoods:
    """Some entities at a time, each with the whole neighbourhood that the model looks at.

    Args:
        graph: The graph.
        batch_size: How many entities at a time.
    """

    def __init__(self, graph: SampledGraph, batch_size: int) -> None:
        self._graph, self._batch_size = graph, batch_size

    def unify(self, model: MultimodalModel, rows: Rows) -> dict[str, Tensor]:
        """Return the unified representations; see :class:`Inference`."""
        device = next(model.parameters()).device
        result = {}
        for name, index in rows.items():
            parts = [torch.empty(0, model.hidden_channels, device=device)]
            loader = self._graph.loader(model, name, index.cpu(), batch_size=self._batch_size, device=device)
            for batch in loader:
                with torch.no_grad():
                    unified = model(*batch.to(device)[:-1])
                parts.append(unified[name][: len(batch.seeds)])
            result[name] = torch.cat(parts)
        return result
