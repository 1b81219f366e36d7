"""What is left of a model where entities lack modalities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mmgraph.evaluation.robustness.subject import Subject
from mmgraph.graph.graph import Graph
from mmgraph.graph.keep import Kept, keep
from mmgraph.graph.schema import GraphSchema, NodeType, Triple

ALL = "all"
"""All modalities together, or all relations."""

MOST_FOR_ALL_SUBSETS = 4
"""Of more modalities than this only some combinations are tried: each alone, each left out, none."""


def without_modalities(graph: Graph, dropped: Mapping[str, NDArray[np.int64]]) -> Graph:
    """Return a graph in which some entities lack some modalities.

    A modality leaves with its nodes, all edges at these, and the edges at the entity itself of relations that
    were made from the modality, as an entity without it would have none. So does a pair that it is in.

    Args:
        graph: The graph.
        dropped: By modality node type, the entities that lose it, int64 [K].
    """
    nodes: dict[str, Kept] = {}
    edges: dict[Triple, Kept] = {}
    for name, rows in _with_pairs(graph.schema, dropped).items():
        entity = name.partition("/")[0]
        loses = np.zeros(graph.schema.node_type(entity).num_nodes, dtype=bool)
        loses[rows] = True
        nodes[name] = ~loses[graph.nodes[name]["entity_index"].to_numpy()]
        for edge_type in graph.schema.edge_types:
            if edge_type.kind == "of" or name not in edge_type.made_from:
                continue
            index = graph.edges[edge_type.triple].index
            stays = edges.setdefault(edge_type.triple, np.ones(index.shape[1], dtype=bool))
            for end, node_type in zip(index, (edge_type.source, edge_type.target), strict=True):
                if node_type == entity:
                    stays &= ~loses[end]
    change = {"dropped": {name: len(rows) for name, rows in dropped.items()}}
    return keep(graph, nodes=nodes, edges=edges, change=change)


def _with_pairs(
    schema: GraphSchema, dropped: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray[np.int64]]:
    """Return who loses which modality, pairs of what is lost among them."""
    lost = dict(dropped)
    for node_type in schema.node_types:
        parts = [dropped[name] for name in node_type.made_from if name in dropped]
        if parts:
            own = dropped.get(node_type.name, np.empty(0, dtype=np.int64))
            lost[node_type.name] = np.unique(np.concatenate([own, *parts]))
    return lost


def missing_curves(
    subject: Subject, levels: tuple[float, ...], seed: int
) -> Iterator[tuple[str, float, Graph]]:
    """Yield what was dropped, of which share of the entities that have it, and the graph that is left.

    Each modality by itself, and, where there are several, :data:`ALL`: that share of all modalities of all
    entities. What a lower level drops, a higher one drops as well.

    Args:
        subject: The run.
        levels: Shares, from 0 to 1.
        seed: Chooses whom.
    """
    order = {t.name: _order(subject, t, seed) for t in subject.spare}
    for name, rows in order.items():
        for level in levels:
            dropped = {name: rows[: round(level * len(rows))]}
            yield subject.label(name), level, without_modalities(subject.graph, dropped)
    if len(order) > 1:
        pairs = [(name, row) for name, rows in order.items() for row in rows.tolist()]
        chosen = np.random.default_rng([seed, *ALL.encode()]).permutation(len(pairs))
        for level in levels:
            taken = [pairs[place] for place in chosen[: round(level * len(pairs))]]
            lost = {
                name: np.array([row for other, row in taken if other == name], dtype=np.int64)
                for name in order
            }
            yield ALL, level, without_modalities(subject.graph, lost)


def combinations_left(subject: Subject) -> Iterator[tuple[tuple[str, ...], Graph]]:
    """Yield which modalities all entities that are measured may have, and the graph that is left then."""
    entity_of = {t.name: t.entity for t in subject.spare}
    for left in _subsets(list(entity_of)):
        dropped = {name: subject.touched[one] for name, one in entity_of.items() if name not in left}
        graph = without_modalities(subject.graph, dropped)
        yield tuple(subject.label(name) for name in left), graph


def _subsets(names: list[str]) -> list[tuple[str, ...]]:
    sizes = range(len(names), -1, -1)
    if len(names) > MOST_FOR_ALL_SUBSETS:
        sizes_of_some = (len(names), len(names) - 1, 1, 0)
        return [left for size in sizes_of_some for left in combinations(names, size)]
    return [left for size in sizes for left in combinations(names, size)]


def _order(subject: Subject, modality: NodeType, seed: int) -> NDArray[np.int64]:
    """Return the measured entities that have a modality, in the order in which they lose it."""
    has = np.unique(subject.graph.nodes[modality.name]["entity_index"].to_numpy())
    there = np.intersect1d(subject.touched[modality.entity], has)
    return np.random.default_rng([seed, *modality.name.encode()]).permutation(there)
