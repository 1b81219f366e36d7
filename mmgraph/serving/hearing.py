"""New nodes hear from known ones, whose states stay what they are: the work is that of the new ones alone.

Shapes: N new nodes of a type, K known ones that some of them hear from, E edges, C channels.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.counted import counted
from mmgraph.errors import RunError
from mmgraph.graph import Graph
from mmgraph.graph.attach import AttachedGraph
from mmgraph.graph.grow import edges_of_new
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import EdgeType, Triple
from mmgraph.layers.groups import OF, REVERSE_OF
from mmgraph.models import MultimodalModel
from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.models.model import read_features
from mmgraph.models.sample import Sample
from mmgraph.serving.few_threads import few_threads
from mmgraph.serving.known_states import KnownStates
from mmgraph.tasks.common_space import CommonSpace
from mmgraph.training.fine_tuning import encode_inputs

States = dict[str, Tensor]


def why_not_alone(model: MultimodalModel) -> str | None:
    """Return why new nodes cannot pass a model without the known ones passing it too; nothing if they can."""
    if model.not_in_parts:
        return model.not_in_parts
    if model.missing.missing != "absent":
        return f"missing modalities are completed ({model.missing.missing}) in the graph as a whole"
    for layer in model.layers:
        steps: tuple[frozenset[Triple], ...] = layer.hops  # type: ignore[assignment]
        names = {name for step in steps for _, name, _ in step}
        # The group of a new entity is new as a whole; what is two other hops away is not at hand.
        if len(steps) > 1 and not names <= {OF, REVERSE_OF}:
            return "a layer looks further than one hop"
    return None


class Hearing:
    """Passes new nodes through a model.

    Args:
        view: The graph as the model sees it.
        model: The model.
        known: The states of the graph's nodes.
        degrees: What tells known nodes without features apart, by node type; see
            :func:`mmgraph.training.known_nodes.known_nodes`.
    """

    def __init__(
        self, view: Graph, model: MultimodalModel, known: KnownStates, degrees: dict[str, Tensor]
    ) -> None:
        self._view, self._model, self._known, self._degrees = view, model, known, degrees
        self._sizes = {t.name: t.num_nodes for t in view.schema.node_types}

    def unify(self, attached: AttachedGraph, space: CommonSpace | None = None) -> States:
        """Return the unified representation of new entities, [N, C] by entity type.

        Args:
            attached: How they joined the graph.
            space: The side from which they are seen; by default all of them is.

        Raises:
            RunError: If nodes are told apart by learned vectors, of which new ones have none.
        """
        factory, edge_types = attached.factory, self._view.schema.edge_types
        edges = {t.triple: edges_of_new(self._view, t, attached.relations, factory) for t in edge_types}
        heard = self._heard(edges)
        new = {name: factory.num_nodes(name) for name in self._sizes}
        hidden = frozenset[str]() if space is None else space.side.hidden
        batch = self._batch(attached, edges, heard, new, hidden)
        if space is not None:
            batch = space.side.without(batch, self._hidden(space, heard, new))
        index, weight, attr = batch.edge_index_dict, batch.edge_weight_dict, batch.edge_attr_dict
        states, rows = [], sum(len(x) for x in batch.x_dict.values())
        with torch.no_grad():
            sample = Sample(known=self._told_apart(attached, heard, new))
            with few_threads(rows):
                state = self._model.project(batch.x_dict, index, sample)
                attr = self._model.edge_scale(attr)
            for number, layer in enumerate(self._model.layers):
                if number:
                    state = self._beside_known(number, state, heard, None if space is None else space.view)
                with few_threads(rows):
                    result = layer(state, index, weight, *read_features(layer, attr))  # type: ignore[arg-type]
                state = {name: x[len(heard[name]) :] for name, x in result.items()}
                states.append(state)
            with few_threads(rows):
                unified: States = self._model.readout(states)
        return unified

    def _batch(
        self,
        attached: AttachedGraph,
        edges: dict[Triple, Edges],
        heard: dict[str, NDArray[np.int64]],
        new: dict[str, int],
        hidden: frozenset[str],
    ) -> GraphBatch:
        """Return the new nodes, behind those that they hear from, and the edges that lead to them."""
        index, weight, attr = {}, {}, {}
        for edge_type in self._view.schema.edge_types:
            found, triple = edges[edge_type.triple], edge_type.triple
            source = self._local(found.source, edge_type.source, heard)
            target = self._local(found.target, edge_type.target, heard)
            index[triple] = torch.from_numpy(np.stack([source, target]))
            if edge_type.weighted:
                weight[triple] = _floats(found.weight, (0,))
            if edge_type.attr_names:
                attr[triple] = _floats(found.attr, (0, len(edge_type.attr_names)))
        return GraphBatch(self._features(attached, heard, new, hidden), index, weight, attr)

    def _heard(self, edges: dict[Triple, Edges]) -> dict[str, NDArray[np.int64]]:
        """Return by node type the known nodes that edges lead from, ascending, int64 [K]."""
        heard = {}
        for name, size in self._sizes.items():
            sources = [found.source for triple, found in edges.items() if triple[0] == name]
            every = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *sources]))
            heard[name] = every[every < size]
        return heard

    def _local(
        self, nodes: NDArray[np.int64], name: str, heard: dict[str, NDArray[np.int64]]
    ) -> NDArray[np.int64]:
        """Return the positions of nodes where the heard ones stand first and the new ones behind them."""
        known, size = heard[name], self._sizes[name]
        return np.where(nodes < size, np.searchsorted(known, nodes), nodes - size + len(known))

    def _features(
        self,
        attached: AttachedGraph,
        heard: dict[str, NDArray[np.int64]],
        new: dict[str, int],
        hidden: frozenset[str],
    ) -> States:
        x_dict, tuned = {}, new_features(self._model, attached)
        for node_type in self._view.schema.node_types:
            name = node_type.name
            if node_type.modality is None:
                x_dict[name] = torch.empty(len(heard[name]) + new[name], 0)
            else:
                known = self._view.features_of(name, heard[name])
                if name in hidden:
                    # What nobody looks at need not be encoded.
                    fresh = np.zeros((new[name], self._view.schema.channels[name]), dtype=np.float32)
                else:
                    fresh = tuned[name] if name in tuned else attached.factory.encoded(name).features
                both = [known, fresh]
                x_dict[name] = torch.from_numpy(np.concatenate(both))
        return x_dict

    def _hidden(
        self, space: CommonSpace, heard: dict[str, NDArray[np.int64]], new: dict[str, int]
    ) -> dict[str, Tensor]:
        """Return by node type which heard and new nodes are of entities that are looked at from a side."""
        hidden, asked, entity = {}, space.asked, space.task.labels.entity
        for node_type in self._view.schema.node_types:
            name = node_type.name
            if node_type.entity == entity:
                rows = heard[name]
                if node_type.modality is not None:
                    rows = self._view.nodes[name]["entity_index"].to_numpy(dtype=np.int64)[rows]
                fresh = torch.ones(new[name], dtype=torch.bool)
                hidden[name] = torch.cat([asked[torch.from_numpy(rows)], fresh])
        return hidden

    def _beside_known(
        self, depth: int, state: States, heard: dict[str, NDArray[np.int64]], view: View | None
    ) -> States:
        """Return the states of heard and new nodes after some layers."""
        rows = {name: torch.from_numpy(heard[name]) for name in state if len(heard[name])}
        known = self._known.after(depth, rows, view)
        return {name: torch.cat([known[name], x]) if name in known else x for name, x in state.items()}

    def _told_apart(
        self, attached: AttachedGraph, heard: dict[str, NDArray[np.int64]], new: dict[str, int]
    ) -> dict[str, Tensor]:
        """Return what tells nodes without features apart: degrees, [K + N, R], or numbers, [K]."""
        featureless, found = self._model.featureless, {}
        for name, known in self._degrees.items():
            if name in featureless.embedding and new[name]:
                raise RunError(
                    f"got {counted(new[name], 'new entity', 'new entities')} of the type {name!r}, whose "
                    "known ones have a learned vector each",
                    where="model.featureless",
                    fix="Train with --set model.featureless=degree, which takes new entities.",
                )
            rows = known[torch.from_numpy(heard[name])]
            if name in featureless.degree:
                columns = [
                    _degree(attached, self._view.schema.edge_type(triple), end, new[name])
                    for triple, end in featureless.ends[name]
                ]
                rows = torch.cat([rows, torch.from_numpy(np.stack(columns, axis=1))])
            found[name] = rows
        return found


def new_features(model: MultimodalModel, attached: AttachedGraph) -> dict[str, NDArray[np.float32]]:
    """Return the features of new nodes whose encoder was trained with the model, [N, D] by node type."""
    found = {}
    for name in model.encoders:
        if name in attached.before.schema.channels:
            width, inputs = attached.before.schema.channels[name], attached.factory.inputs(name)
            found[name] = (
                np.empty((0, width), dtype=np.float32)
                if inputs is None
                else encode_inputs(model, name, inputs)
            )
    return found


def _degree(attached: AttachedGraph, edge_type: EdgeType, end: int, count: int) -> NDArray[np.int64]:
    """Return how many edges new nodes have at one end of a relation, as if they had been there, [N]."""
    found = attached.relations[edge_type.relation]
    if end == 1 or edge_type.symmetric:
        ends = np.concatenate([found.incoming.target, found.own.target])
    else:
        ends = np.concatenate([found.outgoing.source, found.own.source])
    return np.bincount(ends, minlength=count)


def _floats(values: NDArray[np.float32] | None, nothing: tuple[int, ...]) -> Tensor:
    return torch.empty(nothing) if values is None else torch.from_numpy(np.ascontiguousarray(values))
