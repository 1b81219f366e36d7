"""Which neighbourhood of a node its representation depends on: what a sampler must follow, hop by hop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmgraph.errors import GraphError
from mmgraph.graph.schema import GraphSchema, Triple
from mmgraph.layers.groups import OF
from mmgraph.models.fanout import Fanout, fanout_by_triple
from mmgraph.models.model import MultimodalModel

ALL = -1
"""The number that takes all neighbours."""


@dataclass(frozen=True)
class ReceptiveField:
    """What to sample for a model.

    Args:
        fanout: By edge type, how many neighbours at each hop.
        depth: For each layer, first to last, from how many hops it needs nodes and edges.
    """

    fanout: dict[Triple, list[int]]
    depth: tuple[int, ...]


def num_hops(model: MultimodalModel) -> int:
    """Return how many numbers a fanout has for a model: one for each layer that reads relations."""
    return sum(bool(layer.reads_relations) for layer in model.layers)


def receptive_field(model: MultimodalModel, schema: GraphSchema, fanout: Fanout | None) -> ReceptiveField:
    """Return what to sample for a model, so that its layers find all that they read.

    The last layer looks one hop around the nodes that are asked for, the one before it another hop around
    these, and so on. A layer that fuses groups needs whole ones, so ``of`` edges are not sampled. What is
    found at a hop needs all that any layer before reads, since each node gets its edges once, for all layers.

    Args:
        model: The model.
        schema: The schema of the graph.
        fanout: How many neighbours each layer that reads relations takes, the last layer's first, also by
            relation; nothing for all of them, with which the representation is exact. Numbers beyond these
            layers are not used.

    Raises:
        ConfigError: If the fanout has fewer numbers than the model has such layers, or names a relation that
            is not there.
        GraphError: If the graph has no edges that lead from modality nodes to their entities.

    Example:
        >>> from mmgraph.graph.schema import EdgeType, NodeType
        >>> from mmgraph.models import build
        >>> schema = GraphSchema(
        ...     (NodeType("a", 2, 0, "a"), NodeType("a/x", 3, 5, "a", "x", "text")),
        ...     (EdgeType("a/x", "of", "a", 3, "of"), EdgeType("a", "cites", "a", 2)),
        ... )
        >>> field = receptive_field(build(schema, model="hetero_gat"), schema, [15, 10])
        >>> field.fanout["a", "cites", "a"], field.fanout["a/x", "of", "a"], field.depth
        ([15, 10, 0], [-1, -1, -1], (3, 2, 1))
    """
    wanted = num_hops(model)
    numbers = fanout_by_triple([ALL] * wanted if fanout is None else fanout, schema, wanted)
    hops: list[dict[Triple, int]] = []
    depths: list[int] = []
    # Which of the numbers counts; without any layer that reads relations there are none.
    place = 0
    passed = 0
    for layer in reversed(model.layers):
        if layer.reads_relations:
            place, passed = passed, passed + 1
        steps: tuple[frozenset[Triple], ...] = layer.hops  # type: ignore[assignment]
        hops += [_at(place, step, numbers) for step in steps]
        depths.insert(0, len(hops))
    hops += [_at(place, step, numbers) for step in model.missing.hops]
    _check(hops, schema)
    return ReceptiveField(
        {triple: _numbers(triple, hops) for triple in schema.metadata[1]},
        tuple(depths),
    )


def _at(place: int, step: frozenset[Triple], numbers: Mapping[Triple, Sequence[int]]) -> dict[Triple, int]:
    """Return how many neighbours each edge type of a step gives; all that the graph lacks, which is told."""
    return {triple: (*numbers.get(triple, ())[place : place + 1], ALL)[0] for triple in step}


def _numbers(triple: Triple, hops: Sequence[dict[Triple, int]]) -> list[int]:
    """Return how many neighbours a relation gives at each hop: as the next layer back says that reads it."""
    found: list[int] = []
    number = 0
    for hop in reversed(hops):
        if triple in hop:
            number = ALL if triple[1] == OF else hop[triple]
        found.insert(0, number)
    return found


def _check(hops: Sequence[dict[Triple, int]], schema: GraphSchema) -> None:
    for triple in sorted(set().union(*hops) - set(schema.metadata[1])):
        raise GraphError(
            f"there are no edges {' -> '.join(triple)}, by which the group of a modality node is found",
            where="graph",
            fix="Train on the whole graph at once (batch_size: 0), or add the reverse of the relation.",
        )
