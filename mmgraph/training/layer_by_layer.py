"""Inference on a graph of any size: one layer after the other, its nodes some at a time.

Shapes: N nodes of a type, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.sampler import NodeSamplerInput

from mmgraph.counted import counted
from mmgraph.graph.schema import Triple
from mmgraph.layers import Layer
from mmgraph.models import MultimodalModel
from mmgraph.models.graph_batch import View
from mmgraph.models.model import read_features
from mmgraph.models.receptive_field import ALL
from mmgraph.models.sample import Sample
from mmgraph.sampling import NeighbourSampler
from mmgraph.training.inference import Rows
from mmgraph.training.memory import measuring_told
from mmgraph.training.sampled_graph import SampledGraph, adopt_sampled
from mmgraph.training.state_file import StateFile

States = dict[str, StateFile]

USUAL_AT_A_TIME = 4096
"""How many nodes pass a layer at a time, where nobody says it."""

_FEATURE_BYTES = 32 << 20
"""How many bytes of features are projected at a time."""


class LayerByLayer:
    """Every layer is passed once by every node that somebody needs, with all of its neighbours.

    The states of all nodes before and after a layer lie in temporary files, so that the memory that this
    takes is that of some nodes and their neighbours.

    Args:
        graph: The graph.
        at_a_time: How many nodes pass a layer at a time.
    """

    def __init__(self, graph: SampledGraph, at_a_time: int = USUAL_AT_A_TIME) -> None:
        self._graph, self._at_a_time = graph, at_a_time
        self._sizes = {t.name: t.num_nodes for t in graph.schema.node_types}
        self._plan: tuple[list[tuple[str, int]], Rows, list[dict[str, Tensor]]] | None = None

    def unify(self, model: MultimodalModel, rows: Rows, view: View | None = None) -> dict[str, Tensor]:
        """Return the unified representations; see :class:`~mmgraph.training.inference.Inference`."""
        assert view is None, "a task that has views of its own is measured in another way"
        part = counted(self._at_a_time, "node")
        with measuring_told(part, self._at_a_time, model.hidden_channels), torch.no_grad():
            needed = self._needed(model, rows)
            state = self._project(model, needed[0])
            states = [] if model.layers else [state]
            for number in range(len(model.layers)):
                state = self._pass_layer(model, number, state, needed[number + 1])
                states.append(state)
                if model.readout.readout != "jk":
                    states = states[-1:]
            return {name: self._read_out(model, name, states, index.cpu()) for name, index in rows.items()}

    def _needed(self, model: MultimodalModel, rows: Rows) -> list[dict[str, Tensor]]:
        """Return which nodes of each type have to have a state before each layer, and after the last."""
        asked = [(name, id(index)) for name, index in rows.items()]
        if self._plan is not None and self._plan[0] == asked:
            return self._plan[2]
        marks = {name: np.zeros(size, bool) for name, size in self._sizes.items()}
        for name, index in rows.items():
            marks[name][index.cpu().numpy()] = True
        needed = [_marked(marks)]
        for layer in reversed(model.layers):
            sampler = self._sampler(layer)
            reads: frozenset[str] = layer.reads  # type: ignore[assignment]
            for name, index in needed[0].items():
                if name not in layer.targets:  # type: ignore[operator]
                    continue
                for part in torch.split(index, self._at_a_time):
                    out = sampler.sample_from_nodes(NodeSamplerInput(None, part, None, name))
                    for kind in reads:
                        marks[kind][out.node[kind].numpy()] = True
            needed.insert(0, _marked(marks))
        # With the rows, whose ids nobody else can have as long as they are kept.
        self._plan = (asked, dict(rows), needed)
        return needed

    def _sampler(self, layer: Any) -> NeighbourSampler:
        """Return what finds all that the new state of a node depends on."""
        steps: tuple[frozenset[Triple], ...] = layer.hops
        triples = self._graph.schema.metadata[1]
        return self._graph.sampler.with_neighbors(
            {triple: [ALL if triple in step else 0 for step in _onwards(steps)] for triple in triples}
        )

    def _project(self, model: MultimodalModel, needed: Mapping[str, Tensor]) -> States:
        features = self._graph.features.nodes["x"]
        known, device = self._graph.known, next(model.parameters()).device
        state: States = {}
        for name in model.projection.node_types:
            if name not in needed:
                continue
            state[name] = StateFile(self._sizes[name], model.hidden_channels)
            # Features may be much wider than states.
            fitting = _FEATURE_BYTES // max(4 * self._graph.schema.channels[name], 1)
            for part in torch.split(needed[name], max(min(self._at_a_time, fitting), 1)):
                sample = Sample({name: known[name][part]} if name in known else {}).to(device)
                x = self._graph.features.take(features[name], part).to(device)
                state[name].put(part, model.project({name: x}, {}, sample)[name].cpu())
        return state

    def _pass_layer(
        self, model: MultimodalModel, number: int, state: States, needed: Mapping[str, Tensor]
    ) -> States:
        layer = model.layers[number]
        sampler, result = self._sampler(layer), dict(state)
        for name in [name for name in needed if name in layer.targets]:  # type: ignore[operator]
            result[name] = StateFile(self._sizes[name], model.hidden_channels)
            for part in torch.split(needed[name], self._at_a_time):
                out = sampler.sample_from_nodes(NodeSamplerInput(None, part, None, name))
                new = self._pass_part(model, number, state, out)[name]
                result[name].put(part, new[: len(part)].cpu())
        return {name: x for name, x in result.items() if name in needed}

    def _pass_part(self, model: MultimodalModel, number: int, state: States, out: Any) -> dict[str, Tensor]:
        """Return the states of sampled nodes after a layer: right for the seeds, which come first."""
        device = next(model.parameters()).device
        edges = {triple: torch.stack([source, out.col[triple]]) for triple, source in out.row.items()}
        adopt_sampled(edges, {name: nodes.numel() for name, nodes in out.node.items()})
        carried = {
            name: {
                triple: self._graph.features.take(values, out.edge[triple]).to(device)
                for triple, values in by_type.items()
            }
            for name, by_type in self._graph.features.edges.items()
        }
        layer: Layer = model.layers[number]  # type: ignore[assignment]
        result: dict[str, Tensor] = layer(
            {name: x.take(out.node[name]).to(device) for name, x in state.items() if name in layer.reads},
            {triple: index.to(device) for triple, index in edges.items()},
            carried["edge_weight"],
            *read_features(layer, model.edge_scale(carried["edge_attr"])),
        )
        return result

    def _read_out(self, model: MultimodalModel, name: str, states: list[States], rows: Tensor) -> Tensor:
        device = next(model.parameters()).device
        result = StateFile(len(rows), model.hidden_channels)
        for first in range(0, len(rows), self._at_a_time):
            part = rows[first : first + self._at_a_time]
            parts = [{name: state[name].take(part).to(device)} for state in states]
            result.put(torch.arange(first, first + len(part)), model.readout(parts)[name].cpu())
        return result.mapped().to(device)


def _onwards(steps: tuple[frozenset[Triple], ...]) -> Iterator[frozenset[Triple]]:
    """Yield what is followed at each hop: what is found there needs all that later hops follow."""
    for hop in range(len(steps)):
        yield frozenset().union(*steps[hop:])


def _marked(marks: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.flatnonzero(mark)) for name, mark in marks.items() if mark.any()}
