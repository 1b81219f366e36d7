"""All that the answer for one entity can depend on: the nodes that a model sees from there, and edges."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import Triple
from mmgraph.models import MultimodalModel
from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.models.sample import Sample
from mmgraph.training.known_nodes import known_nodes


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The part of a graph that the answer for an entity can depend on.

    Args:
        graph: The graph as the model sees it.
        entity: The entity type.
        row: The entity.
        nodes: By node type, which nodes of the graph are in it, ascending, int64 [N].
        batch: They and the edges among them, as the model takes them.
        hidden: The node types of modalities of the entity that a task does not let it be seen by.
    """

    graph: Graph
    entity: str
    row: int
    nodes: dict[str, NDArray[np.int64]]
    batch: GraphBatch
    hidden: frozenset[str] = frozenset()

    def mine(self, node_type: str) -> NDArray[np.bool_]:
        """Return which nodes are the entity itself, or its modalities that are not hidden, bool [N].

        Args:
            node_type: The node type.
        """
        entity, owner = self.owner(node_type)
        if entity != self.entity or node_type in self.hidden:
            return np.zeros(len(owner), dtype=bool)
        own: NDArray[np.bool_] = owner == self.row
        return own

    @property
    def place(self) -> int:
        """Where the entity stands among the nodes of its type."""
        return int(np.searchsorted(self.nodes[self.entity], self.row))

    def owner(self, node_type: str) -> tuple[str, NDArray[np.int64]]:
        """Return the entity type that nodes belong to, and the entity of each, int64 [N].

        Args:
            node_type: An entity type, whose nodes belong to themselves, or a modality of one.
        """
        known = self.graph.schema.node_type(node_type)
        nodes = self.nodes[node_type]
        if known.modality is None:
            return node_type, nodes
        table = self.graph.nodes[node_type]
        return known.entity, table["entity_index"].to_numpy(dtype=np.int64)[nodes]


def neighbourhood(
    graph: Graph,
    model: MultimodalModel,
    entity: str,
    row: int,
    *,
    view: View | None = None,
    hidden: Collection[str] = (),
) -> Neighbourhood:
    """Return what the answer for an entity can depend on; of a model that looks at all nodes, all of them.

    Nodes are followed back along all edges for as many steps as the layers of the model take, so that each
    node whose state reaches the entity has all of its own neighbours.

    Args:
        graph: The graph as the model sees it.
        model: The model.
        entity: The entity type.
        row: The entity.
        view: What a task lets the model see; by default all.
        hidden: The node types of the entity's modalities that it hides of it.
    """
    sizes = {t.name: t.num_nodes for t in graph.schema.node_types}
    marks = {name: np.zeros(size, dtype=bool) for name, size in sizes.items()}
    if model.not_in_parts:
        marks = {name: ~mark for name, mark in marks.items()}
    else:
        marks[entity][row] = True
        for _ in range(_steps(model)):
            _step_back(graph, marks)
    nodes = {name: np.flatnonzero(mark) for name, mark in marks.items()}
    batch = _batch(graph, model, nodes, marks)
    seen = batch if view is None else view(batch)
    return Neighbourhood(graph, entity, row, nodes, seen, frozenset(hidden))


def _steps(model: MultimodalModel) -> int:
    hops: list[tuple[frozenset[Triple], ...]] = [layer.hops for layer in model.layers]  # type: ignore[misc]
    return sum(map(len, hops)) + len(model.missing.hops)


def _step_back(graph: Graph, marks: dict[str, NDArray[np.bool_]]) -> None:
    """Mark the sources of all edges that lead to marked nodes."""
    found = []
    for triple in graph.schema.metadata[1]:
        indptr, indices = graph.edges[triple].compressed(len(marks[triple[2]]))
        reached = np.flatnonzero(marks[triple[2]])
        starts, ends = indptr[reached], indptr[reached + 1]
        places = _ranges(starts.astype(np.int64), (ends - starts).astype(np.int64))
        found.append((triple[0], indices[places]))
    for name, sources in found:
        marks[name][sources] = True


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return start, start + 1, ... of each range, one after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def _batch(
    graph: Graph,
    model: MultimodalModel,
    nodes: dict[str, NDArray[np.int64]],
    marks: dict[str, NDArray[np.bool_]],
) -> GraphBatch:
    number = {name: np.cumsum(mark) - 1 for name, mark in marks.items()}
    edges: dict[Triple, Tensor] = {}
    weights: dict[Triple, Tensor] = {}
    attrs: dict[Triple, Tensor] = {}
    for triple in graph.schema.metadata[1]:
        stored = graph.edges[triple]
        source, target = stored.index
        inside = np.flatnonzero(marks[triple[0]][source] & marks[triple[2]][target])
        index = np.stack([number[triple[0]][source[inside]], number[triple[2]][target[inside]]])
        edges[triple] = torch.from_numpy(index)
        if stored.weight is not None:
            weights[triple] = torch.from_numpy(stored.weight[inside])
        if stored.attr is not None:
            attrs[triple] = torch.from_numpy(stored.attr[inside])
    x = {
        name: torch.from_numpy(graph.features_of(name, rows))
        if graph.schema.node_type(name).modality is not None
        else torch.empty(len(rows), 0)
        for name, rows in nodes.items()
    }
    known = {name: table[torch.from_numpy(nodes[name])] for name, table in _known(model, graph).items()}
    numbers = {name: torch.from_numpy(rows) for name, rows in nodes.items()}
    return GraphBatch(x, edges, weights, attrs, Sample(known, numbers=numbers))


def _known(model: MultimodalModel, graph: Graph) -> dict[str, Tensor]:
    return dict(known_nodes(model.featureless, graph))
