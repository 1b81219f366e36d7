"""Rules on features of edges, for what reads any: that it does, and that it refuses those that do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mmgraph.errors import GraphError
from mmgraph.layers import Triple
from mmgraph.testing.example_graph import ExampleGraph
from mmgraph.testing.module_rules import NUM_DRAWS
from mmgraph.testing.rule import Rule, Subject, difference


def _edge_features(subject: Subject) -> Iterator[str]:
    graph = subject.graph
    if not graph.edge_channels:
        return
    read = getattr(subject.make(), "edge_channels", {})
    if not read:
        yield "no edge_channels, but other parameters for a graph whose edges have features"
    for edge_type, width in read.items():
        if width != (wanted := graph.edge_channels.get(edge_type)):
            yield f"a width of {width} in edge_channels for {edge_type}, made for one of {wanted}"
    for edge_type, attr in graph.edge_attr_dict.items():
        for column in range(attr.shape[1]):
            other = attr.clone()
            other[:, column] = torch.randn(len(attr), dtype=attr.dtype)
            # By chance a feature may make no difference to some weights: a maximum that another one wins.
            if not any(_differ(subject, seed, _with(graph, edge_type, other)) for seed in range(NUM_DRAWS)):
                yield f"the same states whatever feature {column} of {edge_type} is"


def _differ(subject: Subject, seed: int, other: ExampleGraph) -> bool:
    """Return whether the weights of one draw make other states of the other graph."""
    module = subject.make(seed=seed)
    return difference(module(*other.inputs), module(*subject.graph.inputs)) is not None


def _edge_feature_shapes(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    for edge_type, attr in graph.edge_attr_dict.items():
        absent = {other: a for other, a in graph.edge_attr_dict.items() if other != edge_type}
        for what, wrong in (
            ("one feature too many", _with(graph, edge_type, torch.cat([attr, attr[:, :1]], 1))),
            ("one row too few", _with(graph, edge_type, attr[1:])),
            ("nothing", replace(graph, edge_attr_dict=absent)),
        ):
            came = "no error"
            try:
                module(*wrong.inputs)
            except GraphError as error:
                if str(edge_type) in str(error):
                    continue
                came = f"an error that does not name it ({error})"
            except Exception as error:
                came = type(error).__name__
            yield f"{came} for {what} as the features of {edge_type}"


def _with(graph: ExampleGraph, edge_type: Triple, attr: Tensor) -> ExampleGraph:
    """Return the graph with other features of the edges of one type."""
    return replace(graph, edge_attr_dict={**graph.edge_attr_dict, edge_type: attr})


EDGE_FEATURE_RULES = (
    Rule(
        "edge features",
        "states that depend on every feature of the edge types in edge_channels, and of no others",
        "Keep in edge_channels, by edge type, the widths of what forward reads of edge_attr_dict.",
        _edge_features,
    ),
    Rule(
        "edge feature shapes",
        "a GraphError that names the edge type whose features are not [E, width]",
        "Hand edge_attr_dict on to self.check_inputs.",
        _edge_feature_shapes,
    ),
)
"""What holds for layers and models alike, of edges that have features."""
