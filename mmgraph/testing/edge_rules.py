"""Rules on what edges mean: which way they lead, how far, and what they weigh."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mmgraph.testing.example_graph import ExampleGraph
from mmgraph.testing.rule import Rule, Subject, difference


def _direction(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    for edge_type, index in graph.edge_index_dict.items():
        source, _, target = edge_type
        if source not in subject.returned or graph.x_dict[target].shape[1] == 0:
            continue
        if source == target:
            # One edge alone leads nowhere that it comes from.
            index = index[:, index[0] != index[1]][:, :1]
        only = graph.with_edges({edge_type: index})
        one, other = (module(*each.inputs)[source] for each in (only, _others(only, target, index[1])))
        rows = index[0] if source == target else torch.arange(len(one))
        found = difference({source: one[rows]}, {source: other[rows]})
        if found is not None:
            yield f"{found} when the nodes that {edge_type} leads to have other states"


def _one_step(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    for first in graph.edge_index_dict:
        for second in graph.edge_index_dict:
            start, middle, end = first[0], first[2], second[2]
            if second[0] != middle or len({start, middle, end}) < 3:
                continue
            chain = graph.with_edges({each: graph.edge_index_dict[each] for each in (first, second)})
            other = _others(chain, start, torch.arange(graph.x_dict[start].shape[0]))
            one, moved = (module(*each.inputs)[end] for each in (chain, other))
            found = difference({end: one}, {end: moved})
            if found is not None:
                yield f"{found} when nodes of {start!r} have other states, which {first} and {second} lead to"


def _weights(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    reason = getattr(module, "not_weighted", None)
    plain = module(*replace(graph, edge_weight_dict={}).inputs)
    if (found := difference(module(*_weighed(graph, _ones).inputs), plain)) is not None:
        yield f"{found} with weights of 1 from without weights"
    found = difference(module(*_weighed(graph, _uneven).inputs), plain)
    if reason is None and found is None:
        yield "the same states whatever the edges weigh"
    elif reason is not None and found is not None:
        yield f"{found} with other weights although it says that they make no difference: {reason}"


def _others(graph: ExampleGraph, name: str, rows: Tensor) -> ExampleGraph:
    """Return the graph with other states of some nodes of one type."""
    x = graph.x_dict[name].clone()
    x[rows] = torch.randn(len(rows), x.shape[1], dtype=x.dtype)
    return replace(graph, x_dict={**graph.x_dict, name: x})


def _weighed(graph: ExampleGraph, weigh: Callable[[Tensor], Tensor]) -> ExampleGraph:
    """Return the graph with weights for all edges."""
    weights = {edge_type: weigh(index) for edge_type, index in graph.edge_index_dict.items()}
    return replace(graph, edge_weight_dict=weights)


def _ones(index: Tensor) -> Tensor:
    return torch.ones(index.shape[1], dtype=torch.float64)


def _uneven(index: Tensor) -> Tensor:
    return 0.5 + 3 * torch.rand(index.shape[1], dtype=torch.float64)


ONE_STEP = Rule(
    "one step",
    "states that depend on those of neighbours as they came in",
    "Read all states from x_dict, also of node types that have new ones already.",
    _one_step,
)
"""What holds for layers alone: a model has several."""

EDGE_RULES = (
    Rule(
        "direction",
        "states that do not depend on the nodes that an edge leads to",
        "Gather by edge_index[0], and reduce by edge_index[1].",
        _direction,
    ),
    Rule(
        "weights",
        "other states with other weights, the same with weights of 1 as without, or a reason in not_weighted",
        "Multiply what an edge brings by its weight; or say in not_weighted why it makes no difference.",
        _weights,
    ),
)
"""What holds for layers and models alike, of edges."""
