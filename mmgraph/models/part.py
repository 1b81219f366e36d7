"""The part of a sampled neighbourhood that some of its seeds depend on.

Shapes: N nodes, E edges, R entities.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmgraph.models.graph_batch import GraphBatch
from mmgraph.models.sample import Sample


def part_around(batch: GraphBatch, entity: str, here: Tensor) -> tuple[GraphBatch, Tensor]:
    """Return the part of a sample in which some of its seeds have the states that they have in all of it.

    It has the nodes that the hops of the sample reach from these seeds, with all edges between them.

    Args:
        batch: A sample, or what is seen of one.
        entity: The entity type.
        here: Some of its seeds, as the sample numbers them, int64 [R].

    Returns:
        The part, and the numbers of the seeds in it, int64 [R].
    """
    assert batch.sample is not None, "the whole graph has no hops"
    kept = _reached(batch, entity, here)
    number = {name: nodes.cumsum(0) - 1 for name, nodes in kept.items()}
    edges = {
        triple: kept[triple[0]][index[0]] & kept[triple[2]][index[1]]
        for triple, index in batch.edge_index_dict.items()
    }
    sample = batch.sample
    part = GraphBatch(
        {name: x[kept[name]] for name, x in batch.x_dict.items()},
        {
            triple: torch.stack(
                [number[triple[0]][index[0, edges[triple]]], number[triple[2]][index[1, edges[triple]]]]
            )
            for triple, index in batch.edge_index_dict.items()
        },
        {triple: values[edges[triple]] for triple, values in batch.edge_weight_dict.items()},
        {triple: values[edges[triple]] for triple, values in batch.edge_attr_dict.items()},
        Sample(
            {name: values[kept[name]] for name, values in sample.known.items()},
            numbers={name: values[kept[name]] for name, values in sample.numbers.items()},
            steps=sample.steps,
        ),
    )
    return part, number[entity][here]


def _reached(batch: GraphBatch, entity: str, here: Tensor) -> dict[str, Tensor]:
    """Return by node type which nodes the hops of a sample reach from some of its seeds, bool [N]."""
    assert batch.sample is not None
    kept = {
        name: torch.zeros(len(x), dtype=torch.bool, device=here.device) for name, x in batch.x_dict.items()
    }
    kept[entity][here] = True
    # Each node gets its edges once, at the first hop that comes to it.
    last = {entity: kept[entity].clone()}
    for step in batch.sample.steps:
        found: dict[str, Tensor] = {}
        for triple in step & batch.edge_index_dict.keys():
            source, target = batch.edge_index_dict[triple]
            if triple[2] in last:
                nodes = found.setdefault(triple[0], torch.zeros_like(kept[triple[0]]))
                nodes[source[last[triple[2]][target]]] = True
        last = {name: nodes & ~kept[name] for name, nodes in found.items()}
        for name, nodes in last.items():
            kept[name] |= nodes
    return kept
