"""Rules on what a layer says about its receptive field, which whoever samples neighbourhoods believes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch

from mmgraph.layers import Layer
from mmgraph.testing.example_graph import ExampleGraph
from mmgraph.testing.rule import Rule, Subject, difference


def _hops(subject: Subject) -> Iterator[str]:
    graph, module = _apart(subject.graph), subject.make()
    assert isinstance(module, Layer), "the rule of the base class comes first"
    if module.not_in_parts is not None:
        return
    whole = module(*graph.inputs)
    for name in sorted(subject.returned):
        for node in range(graph.x_dict[name].shape[0]):
            part = _neighbourhood(graph, module, name, node)
            out = module(*part.inputs)
            found = difference({name: out[name][:1]}, {name: whole[name][node : node + 1]})
            if found is not None:
                yield f"{found}, of the node {node} given only what its hops lead to"


def _apart(graph: ExampleGraph) -> ExampleGraph:
    """Return the graph with modality nodes of one entity each, as graphs have them that are sampled from."""
    edges = dict(graph.edge_index_dict)
    for (source, name, target), index in graph.edge_index_dict.items():
        if name == "of":
            first = [index[0].tolist().index(node) for node in sorted(set(index[0].tolist()))]
            edges[source, name, target] = index[:, first]
            edges[target, "rev_of", source] = index[:, first].flip(0)
    return graph.with_edges(edges)


def _neighbourhood(graph: ExampleGraph, module: Layer, name: str, node: int) -> ExampleGraph:
    """Return what a sampler that takes all neighbours finds for a node, which is the first of its type.

    What is found at a hop gets the edges of all later hops; see :attr:`Layer.hops`.
    """
    places: dict[str, dict[int, int]] = {each: {} for each in graph.x_dict}
    places[name][node] = 0
    chosen: dict[tuple[str, str, str], list[int]] = {edge_type: [] for edge_type in graph.edge_index_dict}
    newest = {name: [node]}
    for number in range(len(module.hops)):
        followed = frozenset[tuple[str, str, str]]().union(*module.hops[number:])
        found: dict[str, list[int]] = {each: [] for each in graph.x_dict}
        for edge_type in graph.edge_index_dict:
            if edge_type not in followed:
                continue
            source, _, target = edge_type
            for edge, (one, other) in enumerate(graph.edge_index_dict[edge_type].T.tolist()):
                if other in newest.get(target, ()):
                    chosen[edge_type].append(edge)
                    if one not in places[source]:
                        places[source][one] = len(places[source])
                        found[source].append(one)
        newest = found
    edges, weights, attrs = {}, {}, {}
    for (source, relation, target), kept in chosen.items():
        edge_type, rows = (source, relation, target), torch.tensor(kept, dtype=torch.int64)
        pairs = graph.edge_index_dict[edge_type][:, rows].T.tolist()
        ends = [[places[source][one], places[target][other]] for one, other in pairs]
        edges[edge_type] = torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).T.contiguous()
        if edge_type in graph.edge_weight_dict:
            weights[edge_type] = graph.edge_weight_dict[edge_type][rows]
        if edge_type in graph.edge_attr_dict:
            attrs[edge_type] = graph.edge_attr_dict[edge_type][rows]
    x_dict = {
        each: x[torch.tensor(list(places[each]), dtype=torch.int64)] for each, x in graph.x_dict.items()
    }
    return ExampleGraph(graph.metadata, x_dict, edges, weights, graph.edge_channels, attrs)


def _reads_relations(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    assert isinstance(module, Layer), "the rule of the base class comes first"
    groups = {t: index for t, index in graph.edge_index_dict.items() if t[1] in ("of", "rev_of")}
    found = difference(module(*graph.with_edges(groups).inputs), module(*graph.inputs))
    if module.reads_relations and found is None:
        yield "True, and the same states without any relation"
    if not module.reads_relations and found is not None:
        yield f"False, and {found} without relations"


def _narrows(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    assert isinstance(module, Layer), "the rule of the base class comes first"
    if not module.narrows:
        return
    for count in (0, 2):
        first = {name: min(count, x.shape[0]) for name, x in graph.x_dict.items()}
        part = _into_first(graph, first)
        whole, out = module(*part.inputs), module(*part.inputs, num_targets=first)
        for name in sorted(set(out) - module.targets):
            if out[name].shape != whole[name].shape:
                yield f"states of {name!r} of shape {tuple(out[name].shape)}, which is no target"
        wanted = {name: whole[name][: first[name]] for name in module.targets}
        got = {name: out[name] for name in module.targets}
        if module.not_in_parts is not None:
            # What the other nodes are makes a difference: only how many states there are can be compared.
            wanted, got = ({name: torch.zeros_like(x) for name, x in each.items()} for each in (wanted, got))
        if (found := difference(got, wanted)) is not None:
            yield f"{found}, for the first {count} nodes"


def _into_first(graph: ExampleGraph, first: Mapping[str, int]) -> ExampleGraph:
    """Return the graph with the edges alone that lead to the first nodes, so many of each type."""
    edges, weights, attrs = {}, {}, {}
    for edge_type, index in graph.edge_index_dict.items():
        kept = index[1] < first[edge_type[2]]
        edges[edge_type] = index[:, kept]
        if edge_type in graph.edge_weight_dict:
            weights[edge_type] = graph.edge_weight_dict[edge_type][kept]
        if edge_type in graph.edge_attr_dict:
            attrs[edge_type] = graph.edge_attr_dict[edge_type][kept]
    return replace(graph, edge_index_dict=edges, edge_weight_dict=weights, edge_attr_dict=attrs)


RECEPTIVE_FIELD_RULES = (
    Rule(
        "hops",
        "the state that a node has in the whole graph from what hops leads to alone",
        "Name in hops, hop after hop, every edge type that leads back to what a state depends on; where that "
        "is not enough, not_in_parts says why.",
        _hops,
        last=True,
    ),
    Rule(
        "reads relations",
        "reads_relations to say whether edges other than those of groups make a difference",
        "Set reads_relations to whether the layer passes messages along relations of the graph.",
        _reads_relations,
        last=True,
    ),
    Rule(
        "narrows",
        "the new states of the first num_targets nodes alone, by the edges that lead to them",
        "Return of each target the first num_targets states, which are what they are without it; or do not "
        "take num_targets.",
        _narrows,
        last=True,
    ),
)
"""Rules on ``hops``, ``reads_relations``, ``not_in_parts`` and ``narrows``."""
