"""What a model has made of the nodes of a graph after each of its layers, for new nodes to hear."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mmgraph.graph import Graph
from mmgraph.models import MultimodalModel
from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.serving.few_threads import few_threads
from mmgraph.training.config import USUAL_BATCH_SIZE
from mmgraph.training.inference import AtOnce, ByNeighbourhoods, Rows
from mmgraph.training.layer_by_layer import USUAL_AT_A_TIME, LayerByLayer
from mmgraph.training.run import Run
from mmgraph.training.sampled_graph import SampledGraph


class KnownStates:
    """The states of a graph's nodes, which new entities do not change.

    Those of a graph that was trained on as a whole are worked out at the first question and kept. Of a graph
    that was sampled, the states that are asked for are worked out each time.

    Args:
        view: The graph as the model sees it.
        run: The run.
    """

    def __init__(self, view: Graph, run: Run) -> None:
        self._model = run.module.model
        self._sizes = {t.name: t.num_nodes for t in view.schema.node_types}
        self._kept: dict[tuple[int, View | None], dict[str, Tensor]] = {}
        config = run.config
        whole = not (config.batch_size or config.eval_batch_size)
        self._whole = AtOnce(GraphBatch.of(view)) if whole else None
        self._sampled = (
            None if whole else SampledGraph(view, self._model, seed=config.seed, threads=config.batch_threads)
        )
        self._at_a_time = config.eval_batch_size or USUAL_AT_A_TIME
        self._entities_at_a_time = config.eval_batch_size or config.batch_size or USUAL_BATCH_SIZE

    def after(self, depth: int, rows: Rows, view: View | None = None) -> dict[str, Tensor]:
        """Return the states of some nodes after some of the layers, [R, C] by node type.

        Args:
            depth: How many layers, at least one and fewer than there are.
            rows: By node type, which nodes.
            view: What the model sees of the graph; by default all.
        """
        model = _first_layers(self._model, depth)
        if self._whole is None:
            assert self._sampled is not None
            if view is None:
                return LayerByLayer(self._sampled, self._at_a_time).unify(model, rows)
            # What a view hides is known of whole neighbourhoods.
            return ByNeighbourhoods(self._sampled, self._entities_at_a_time).unify(model, rows, view)
        kept = self._kept.setdefault((depth, view), {})
        for name in rows.keys() - kept.keys():
            every = {name: torch.arange(self._sizes[name])}
            kept |= self._whole.unify(model, every, view)
        with few_threads(sum(map(len, rows.values()))):
            return {name: kept[name][index] for name, index in rows.items()}


class LastStates(nn.Module):
    """Reads out the states after the last layer as they are."""

    readout = "last"

    def forward(self, states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Return the last states."""
        return dict(states[-1])


def _first_layers(model: MultimodalModel, depth: int) -> MultimodalModel:
    """Return the first layers of a model as a model that shares their weights and reads out all states."""
    part = copy.copy(model)
    # A shallow copy would share the very mapping of the submodules.
    part._modules = dict(model._modules)
    part.layers = nn.ModuleList(list(model.layers)[:depth])
    part.readout = LastStates()  # type: ignore[assignment]
    return part
