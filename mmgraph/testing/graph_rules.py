"""Rules on what a layer or a model makes of a graph: what may be missing, and what must not matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mmgraph.testing.example_graph import ISOLATED, padded_graph
from mmgraph.testing.rule import Rule, Subject, difference


def _states(subject: Subject) -> Iterator[str]:
    yield from subject.faults_of_states(subject.make()(*subject.graph.inputs), subject.graph)


def _node_order(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    order = {name: torch.randperm(x.shape[0]) for name, x in graph.x_dict.items()}
    place = {name: torch.argsort(o) for name, o in order.items()}
    edges = {
        (source, name, target): torch.stack([place[source][index[0]], place[target][index[1]]])
        for (source, name, target), index in graph.edge_index_dict.items()
    }
    permuted = replace(graph, x_dict={n: x[order[n]] for n, x in graph.x_dict.items()}, edge_index_dict=edges)
    wanted = {name: x[order[name]] for name, x in module(*graph.inputs).items()}
    yield from _differs(module(*permuted.inputs), wanted)


def _edge_order(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    order = {edge_type: torch.randperm(i.shape[1]) for edge_type, i in graph.edge_index_dict.items()}
    shuffled = replace(
        graph,
        edge_index_dict={edge_type: i[:, order[edge_type]] for edge_type, i in graph.edge_index_dict.items()},
        edge_weight_dict={edge_type: w[order[edge_type]] for edge_type, w in graph.edge_weight_dict.items()},
        edge_attr_dict={edge_type: a[order[edge_type]] for edge_type, a in graph.edge_attr_dict.items()},
    )
    yield from _differs(module(*shuffled.inputs), module(*graph.inputs))


def _type_order(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    backwards = replace(
        graph,
        x_dict=dict(reversed(graph.x_dict.items())),
        edge_index_dict=dict(reversed(graph.edge_index_dict.items())),
        edge_attr_dict=dict(reversed(graph.edge_attr_dict.items())),
    )
    yield from _differs(module(*backwards.inputs), module(*graph.inputs))
    turned = replace(graph, metadata=(graph.metadata[0][::-1], graph.metadata[1][::-1]))
    yield from subject.faults_of_states(subject.make(turned)(*graph.inputs), graph)


def _empty_relations(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    nothing = torch.empty(2, 0, dtype=torch.int64)
    for edge_type in graph.edge_index_dict:
        without = {other: index for other, index in graph.edge_index_dict.items() if other != edge_type}
        absent = graph.with_edges(without)
        empty = graph.with_edges({**graph.edge_index_dict, edge_type: nothing})
        wanted = module(*absent.inputs)
        for fault in subject.faults_of_states(wanted, absent):
            yield f"{fault}, without {edge_type}"
        for fault in _differs(module(*empty.inputs), wanted):
            yield f"{fault}, with no edges of {edge_type} from without the type"
    alone = graph.with_edges({})
    for fault in subject.faults_of_states(module(*alone.inputs), alone):
        yield f"{fault}, without any relation"


def _absent_node_types(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    for absent in (*((name,) for name in graph.x_dict), tuple(graph.x_dict)):
        rest = graph.without_types(*absent)
        for fault in subject.faults_of_states(module(*rest.inputs), rest):
            yield f"{fault}, without nodes of {' and '.join(absent)} in x_dict"
        # A layer before this one may have had no use for the states.
        unread = replace(graph, x_dict=rest.x_dict)
        for fault in subject.faults_of_states(module(*unread.inputs), unread):
            yield f"{fault}, with edges of {' and '.join(absent)}, which are not in x_dict"


def _empty_node_types(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    nothing = torch.empty(2, 0, dtype=torch.int64)
    for name in graph.x_dict:
        edges = {t: nothing if name in (t[0], t[2]) else i for t, i in graph.edge_index_dict.items()}
        x_dict = {**graph.x_dict, name: graph.x_dict[name][:0]}
        some = replace(graph, x_dict=x_dict).with_edges(edges)
        for fault in subject.faults_of_states(module(*some.inputs), some):
            yield f"{fault}, with 0 nodes of {name!r}"


def _missing_modalities(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    # Entity after entity loses what it has, until none has any.
    for last in range(graph.x_dict["e"].shape[0]):
        poor = graph.with_edges(
            {edge_type: _untied(edge_type, i, last) for edge_type, i in graph.edge_index_dict.items()}
        )
        for fault in subject.faults_of_states(module(*poor.inputs), poor):
            yield f"{fault}, when the entities 0 to {last} have no modality"
    modalities = [name for name in graph.x_dict if "/" in name]
    entities = graph.without_types(*modalities).with_edges({})
    for fault in subject.faults_of_states(module(*entities.inputs), entities):
        yield f"{fault}, with nothing but entity nodes"


def _untied(edge_type: tuple[str, str, str], index: Tensor, last: int) -> Tensor:
    source, name, target = edge_type
    if name not in ("of", "rev_of") or "e" not in (source, target):
        return index
    return index[:, index[1 if name == "of" else 0] > last]


def _isolated_nodes(subject: Subject) -> Iterator[str]:
    graph, module = subject.graph, subject.make()
    others = {name: torch.randn_like(x) for name, x in graph.x_dict.items()}
    others["e"][ISOLATED] = graph.x_dict["e"][ISOLATED]
    one, other = module(*graph.inputs), module(*replace(graph, x_dict=others).inputs)
    alone = [{"e": out["e"][ISOLATED : ISOLATED + 1]} for out in (other, one)]
    yield from _differs(*alone)


def _inputs(subject: Subject) -> Iterator[str]:
    names = ("x_dict", "edge_index_dict", "edge_weight_dict", "edge_attr_dict")
    for module in (subject.make(), subject.make().train()):
        given = subject.graph.inputs
        module(*given)
        parts = zip(names[: len(given)], given, subject.graph.inputs, strict=True)
        for argument, now, before in parts:
            yield from _changes(argument, now, before)


def _changes(argument: str, now: dict[Any, Tensor], before: dict[Any, Tensor]) -> Iterator[str]:
    if list(now) != list(before):
        yield f"other keys in {argument}"
    for name, tensor in before.items():
        if name in now and not torch.equal(now[name], tensor):
            yield f"other values in {argument}[{name!r}]"


def _padding(subject: Subject) -> Iterator[str]:
    found, reason = None, getattr(subject.make(), "not_local", None)
    for training in (False, True):
        wanted, again, out = (
            _drawn(subject, training, draw)(*graph.inputs)
            for draw, graph in enumerate((subject.graph, subject.graph, padded_graph(subject.graph)))
        )
        # What draws random numbers has other states every time, whatever else is in the graph.
        if difference(wanted, again) is not None:
            continue
        kept = {name: x[: wanted[name].shape[0]] for name, x in out.items() if name in wanted}
        differs = difference(kept, wanted)
        if found is None and differs is not None:
            found = f"{differs} in training" if training else differs
    if reason is None and found is not None:
        yield f"{found}, with more nodes that no edge ties to the others"
    elif reason is not None and found is None:
        yield f"the same states although it says that it cannot: {reason}"


def _drawn(subject: Subject, training: bool, draw: int) -> nn.Module:
    """Return a module with the same weights whatever the draw, which then goes on with other numbers."""
    module = subject.make().train(training)
    torch.manual_seed(1 + draw)
    return module


def _differs(one: dict[str, Tensor], other: dict[str, Tensor]) -> Iterator[str]:
    found = difference(one, other)
    if found is not None:
        yield found


GRAPH_RULES = (
    Rule(
        "states",
        "finite states for every node type, one row a node, as wide as asked for",
        "Start from dict(x_dict) and replace the states of the types that get new ones.",
        _states,
    ),
    Rule(
        "node order",
        "permuted states for permuted nodes",
        "Find nodes by edges alone, never by their position.",
        _node_order,
    ),
    Rule(
        "edge order",
        "the same states for the same edges in another order",
        "Reduce over the edges of a node by a sum, a mean, a maximum or a softmax.",
        _edge_order,
    ),
    Rule(
        "type order",
        "the same states whatever the order of the types in x_dict, edge_index_dict and metadata",
        "Walk through self.node_types and self.edge_types, never through the dictionaries.",
        _type_order,
    ),
    Rule(
        "empty relations",
        "finite states, and the same for a relation without edges as for one that is not there",
        "Skip an edge type that is absent or has no edges; divide by counts of at least 1.",
        _empty_relations,
    ),
    Rule(
        "absent node types",
        "finite states for the node types that are there, with or without edges of those that are not",
        "Skip the relations of a node type that is not in x_dict.",
        _absent_node_types,
    ),
    Rule(
        "empty node types",
        "finite states, and a node type without nodes back as it came",
        "Reduce over nodes by what is defined for none of them.",
        _empty_node_types,
    ),
    Rule(
        "missing modalities",
        "finite states whichever modalities the entities lack",
        "Divide by how many modalities an entity has, and by 1 where it has none.",
        _missing_modalities,
    ),
    Rule(
        "isolated nodes",
        "a state that does not depend on other nodes for a node without edges",
        "Let nodes look at each other along edges only.",
        _isolated_nodes,
    ),
    Rule(
        "inputs",
        "inputs as they were",
        "Work on copies: dict(x_dict), and x + y in place of x += y.",
        _inputs,
    ),
    Rule(
        "padding",
        "the same states whatever else is in the graph, or a reason in not_local why not",
        "Normalise over the edges of a node, not over all of them; or say why not in not_local.",
        _padding,
    ),
)
"""What holds for layers and models alike, of the graphs that they get."""
