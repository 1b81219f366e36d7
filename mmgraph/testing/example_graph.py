"""The graphs that a contract is checked on: small, with everything that a layer may meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from mmgraph.layers import Metadata, Triple

SIZES = {"e": 7, "e/text": 6, "e/image": 4, "e/sound": 3, "f": 4, "f/table": 3}
FORWARD = {
    # Entity 4 has two texts, some entities share a node, and entity 6 has no modality and no relation.
    ("e/text", "of", "e"): [[0, 1, 2, 3, 4, 5, 5], [3, 1, 2, 0, 4, 4, 5]],
    ("e/image", "of", "e"): [[0, 1, 2, 3, 3], [0, 2, 4, 1, 2]],
    ("e/sound", "of", "e"): [[0, 1, 2, 2], [1, 4, 2, 4]],
    ("f/table", "of", "f"): [[0, 1, 2, 2, 0], [3, 1, 0, 2, 2]],
    ("f", "has", "e"): [[0, 1, 2, 2, 3], [1, 1, 0, 3, 1]],
    ("e/text", "like", "e/text"): [[0, 3, 2, 4, 1, 5, 0, 5], [3, 0, 4, 2, 3, 3, 4, 4]],
    ("e", "near", "e"): [[0, 1, 2, 3, 4, 4, 0], [1, 2, 1, 4, 3, 0, 2]],
}
WEIGHT = [1.0, 2.0, 0.5, 3.0, 1.0, 1.5, 4.0]
NEAR = ("e", "near", "e")
ISOLATED = 6
"""The entity without modalities and relations."""

TINY_SIZES = {"e": 3, "e/text": 3, "e/image": 3}
TINY_FORWARD = {
    ("e/text", "of", "e"): [[0, 1, 2], [0, 1, 2]],
    ("e/image", "of", "e"): [[0, 1, 2], [1, 0, 2]],
    NEAR: [[0, 1, 2], [2, 2, 0]],
}

REVERSED = ("of", "has")

EDGE_CHANNELS = {NEAR: 3, ("f", "has", "e"): 2, ("e", "rev_has", "f"): 2, ("e/text", "like", "e/text"): 1}
"""The width of the edge features of those edge types that may have any; others have none."""


@dataclass(frozen=True, eq=False)
class ExampleGraph:
    """What a layer or a model gets.

    Args:
        metadata: The node types and edge types that it is made for, whether or not they are there.
        x_dict: Node type to states or features, float64 [N, width].
        edge_index_dict: Edge type to edges, int64 [2, E].
        edge_weight_dict: Edge type to weights, float64 [E].
        edge_channels: Edge type to the width of its features, for what is made to read them.
        edge_attr_dict: Edge type to features, float64 [E, width].
    """

    metadata: Metadata
    x_dict: dict[str, Tensor]
    edge_index_dict: dict[Triple, Tensor]
    edge_weight_dict: dict[Triple, Tensor]
    edge_channels: Mapping[Triple, int] = field(default_factory=dict)
    edge_attr_dict: dict[Triple, Tensor] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[dict[Any, Tensor], ...]:
        """The arguments of ``forward``, copied: what changes them spoils no other rule."""
        given: list[dict[Any, Tensor]] = [dict(self.x_dict), self.edge_index_dict, self.edge_weight_dict]
        # What reads no features of edges need not know that there are any.
        given += [self.edge_attr_dict] if self.edge_attr_dict else []
        return tuple({key: tensor.clone() for key, tensor in part.items()} for part in given)

    def with_edges(self, edge_index_dict: Mapping[Triple, Tensor]) -> ExampleGraph:
        """Return the graph with other edges, as many for each weight that stays, and no more for features."""
        weights = {
            edge_type: weight
            for edge_type, weight in self.edge_weight_dict.items()
            if edge_type in edge_index_dict and edge_index_dict[edge_type].shape[1] == len(weight)
        }
        attrs = {
            edge_type: attr[: edge_index_dict[edge_type].shape[1]]
            for edge_type, attr in self.edge_attr_dict.items()
            if edge_type in edge_index_dict
        }
        edges = dict(edge_index_dict)
        return replace(self, edge_index_dict=edges, edge_weight_dict=weights, edge_attr_dict=attrs)

    def with_edge_features(self) -> ExampleGraph:
        """Return the graph with features of the edges of ``EDGE_CHANNELS``."""
        generator = torch.Generator().manual_seed(2)
        channels = {t: width for t, width in EDGE_CHANNELS.items() if t in self.edge_index_dict}
        attrs = {
            edge_type: torch.randn(
                self.edge_index_dict[edge_type].shape[1], width, dtype=torch.float64, generator=generator
            )
            for edge_type, width in channels.items()
        }
        return replace(self, edge_channels=channels, edge_attr_dict=attrs)

    def read_by(self, module: nn.Module) -> ExampleGraph:
        """Return the graph with the features of those edges alone whose features a layer or model reads."""
        read = getattr(module, "edge_channels", {})
        return replace(self, edge_attr_dict={t: attr for t, attr in self.edge_attr_dict.items() if t in read})

    def without_types(self, *absent: str) -> ExampleGraph:
        """Return the graph without node types and whatever is tied to them."""
        x_dict = {name: x for name, x in self.x_dict.items() if name not in absent}
        edges = {t: index for t, index in self.edge_index_dict.items() if not {t[0], t[2]} & set(absent)}
        return replace(self, x_dict=x_dict).with_edges(edges)

    def single(self) -> ExampleGraph:
        """Return the graph in float32."""
        return replace(
            self,
            x_dict={name: x.float() for name, x in self.x_dict.items()},
            edge_weight_dict={edge_type: w.float() for edge_type, w in self.edge_weight_dict.items()},
            edge_attr_dict={edge_type: attr.float() for edge_type, attr in self.edge_attr_dict.items()},
        )


def example_graph(widths: Mapping[str, int]) -> ExampleGraph:
    """Return a graph with shared nodes, sequences, missing modalities, an isolated entity and weights.

    Args:
        widths: The width of each node type's states.

    Example:
        >>> graph = example_graph(dict.fromkeys(SIZES, 8))
        >>> {name: tuple(x.shape) for name, x in graph.x_dict.items()}["e/text"]
        (6, 8)
        >>> len(graph.edge_index_dict)
        12
    """
    graph = _make(SIZES, FORWARD, widths)
    edges = graph.edge_index_dict
    for (source, name, target), index in list(edges.items()):
        if name in REVERSED:
            edges[target, f"rev_{name}", source] = index.flip(0)
    weights = {NEAR: torch.tensor(WEIGHT, dtype=torch.float64)}
    return replace(graph, metadata=(graph.metadata[0], list(edges)), edge_weight_dict=weights)


def tiny_graph(widths: Mapping[str, int]) -> ExampleGraph:
    """Return a graph of three entities that have a text and an image each.

    Example:
        >>> list(tiny_graph(dict.fromkeys(SIZES, 8)).x_dict)
        ['e', 'e/text', 'e/image']
    """
    return _make(TINY_SIZES, TINY_FORWARD, widths)


def padded_graph(graph: ExampleGraph) -> ExampleGraph:
    """Return a graph with two more nodes of each type, tied to each other by every relation, at the end.

    All new nodes of a modality belong to the same entity, whose group is longer than any other.

    Example:
        >>> padded = padded_graph(example_graph(dict.fromkeys(SIZES, 8)))
        >>> padded.x_dict["e/text"].shape, padded.edge_index_dict["e/text", "of", "e"][:, 7:].tolist()
        (torch.Size([11, 8]), [[6, 7, 8, 9, 10], [7, 7, 7, 7, 7]])
    """
    generator = torch.Generator().manual_seed(1)
    added = {name: 5 if "/" in name else 2 for name in graph.x_dict}
    x_dict = {
        name: torch.cat([x, 3 * torch.randn(added[name], x.shape[1], dtype=x.dtype, generator=generator)])
        for name, x in graph.x_dict.items()
    }
    edges, weights, attrs = {}, dict(graph.edge_weight_dict), dict(graph.edge_attr_dict)
    for (source, name, target), index in graph.edge_index_dict.items():
        sizes = graph.x_dict[source].shape[0], graph.x_dict[target].shape[0]
        count = max(added[source], added[target])
        ends = [
            size + (torch.arange(count) if "/" in kind else torch.zeros(count, dtype=torch.int64))
            for size, kind in zip(sizes, (source, target), strict=True)
        ]
        edges[source, name, target] = torch.cat([index, torch.stack(ends)], 1)
        if (weight := weights.get((source, name, target))) is not None:
            weights[source, name, target] = torch.cat([weight, weight.new_full((count,), 2.0)])
        if (attr := attrs.get((source, name, target))) is not None:
            new = 3 * torch.randn(count, attr.shape[1], dtype=attr.dtype, generator=generator)
            attrs[source, name, target] = torch.cat([attr, new])
    return replace(
        graph, x_dict=x_dict, edge_index_dict=edges, edge_weight_dict=weights, edge_attr_dict=attrs
    )


def _make(
    sizes: Mapping[str, int], forward: Mapping[Triple, list[list[int]]], widths: Mapping[str, int]
) -> ExampleGraph:
    generator = torch.Generator().manual_seed(0)
    x_dict = {
        name: torch.randn(size, widths[name], dtype=torch.float64, generator=generator)
        for name, size in sizes.items()
    }
    edges = {edge_type: torch.tensor(index) for edge_type, index in forward.items()}
    return ExampleGraph((list(sizes), list(edges)), x_dict, edges, {})
