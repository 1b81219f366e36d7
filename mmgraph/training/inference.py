"""What a model makes of the entities of a graph: all at once, or part by part, and always exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from mmgraph.counted import counted
from mmgraph.models import MultimodalModel
from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.training.memory import measuring_told, memory_told
from mmgraph.training.sampled_graph import SampledGraph

Rows = Mapping[str, Tensor]
"""By entity type, which entities, int64 [R]."""


class Inference(Protocol):
    """A way to the unified representations of entities."""

    def unify(self, model: MultimodalModel, rows: Rows, view: View | None = None) -> dict[str, Tensor]:
        """Return the unified representation of entities, [R, C] by entity type.

        Args:
            model: The model, ready for inference.
            rows: Which entities.
            view: What the model sees of the graph, or of each part of it; by default all.
        """


class AtOnce:
    """The whole graph in one forward pass.

    Args:
        batch: The whole graph.
        why: Why it cannot be passed in parts; nothing if it could.
    """

    def __init__(self, batch: GraphBatch, why: str | None = None) -> None:
        self._batch, self._why = batch, why
        # What layers work out about edges is kept by the identity of the tensors.
        self._seen: dict[View, GraphBatch] = {}

    def unify(self, model: MultimodalModel, rows: Rows, view: View | None = None) -> dict[str, Tensor]:
        """Return the unified representations; see :class:`Inference`."""
        batch = self._batch
        nodes = sum(len(x) for x in batch.x_dict.values())
        edges = sum(index.shape[1] for index in batch.edge_index_dict.values())
        size = f"{nodes:,} nodes and {edges:,} edges in hidden_channels {model.hidden_channels}"
        doing = f"while the whole graph passed the model at once, {size}"
        with memory_told(doing, fix=self._remedy), torch.no_grad():
            if view is not None:
                if view not in self._seen:
                    self._seen[view] = view(batch)
                batch = self._seen[view]
            unified = model(*batch[:-1])
            return {name: unified[name][index] for name, index in rows.items()}

    @property
    def _remedy(self) -> str:
        if self._why:
            return (
                f"It cannot be passed in parts, since {self._why}: train with a smaller "
                "model.hidden_channels, fewer layers or another model."
            )
        return "Set eval_batch_size to 4096 (for a run: --eval-batch-size 4096), to pass it in parts."


class ByNeighbourhoods:
    """Some entities at a time, each with the whole neighbourhood that the model looks at.

    Args:
        graph: The graph.
        batch_size: How many entities at a time.
    """

    def __init__(self, graph: SampledGraph, batch_size: int) -> None:
        self._graph, self._batch_size = graph, batch_size

    def unify(self, model: MultimodalModel, rows: Rows, view: View | None = None) -> dict[str, Tensor]:
        """Return the unified representations; see :class:`Inference`."""
        device = next(model.parameters()).device
        result = {}
        for name, index in rows.items():
            parts = [torch.empty(0, model.hidden_channels, device=device)]
            loader = self._graph.loader(model, name, index.cpu(), batch_size=self._batch_size, device=device)
            part = counted(self._batch_size, "entity", "entities")
            with measuring_told(part, self._batch_size, model.hidden_channels), torch.no_grad():
                for batch in loader:
                    seen = batch.to(device) if view is None else view(batch.to(device))
                    unified = model(*seen[:-1])
                    parts.append(unified[name][: len(batch.seeds)])
                result[name] = torch.cat(parts)
        return result
