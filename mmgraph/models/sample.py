"""What a model must know of a sampled neighbourhood besides its features and its edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmgraph.graph.schema import Triple


@dataclass(frozen=True, eq=False)
class Trim:
    """The part of a neighbourhood that a layer needs: nodes and edges that later hops added are left out.

    Nodes and edges of a sample stand hop after hop, so that it is always the first ones.

    Args:
        num_nodes: By node type, how many nodes.
        edge_index: By edge type that the layer reads, these edges, int64 [2, E].
    """

    num_nodes: Mapping[str, int]
    edge_index: Mapping[Triple, Tensor]

    def nodes(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the states of these nodes, by node type."""
        return {name: x[: self.num_nodes[name]] for name, x in state.items()}

    def edges(self, values: Mapping[Triple, Tensor]) -> dict[Triple, Tensor]:
        """Return what these edges carry, [E, ...], by edge type."""
        kept = {triple: e.shape[1] for triple, e in self.edge_index.items() if triple in values}
        return {triple: values[triple][:count] for triple, count in kept.items()}


@dataclass(frozen=True, eq=False)
class Sample:
    """A neighbourhood as part of its graph.

    Args:
        known: By node type without features, what tells its nodes apart in the whole graph, of which the
            sample shows a part: their degrees, int64 [N, R], or their numbers, int64 [N]; see
            :class:`~mmgraph.models.featureless.FeaturelessNodes`.
        trims: For each layer the part that it needs; nothing where every layer gets all.
        numbers: By entity type, the numbers that its nodes have in the whole graph,
            int64 [N].
        steps: Along which edge types it was sampled at each hop, the first one around what it was made for.
    """

    known: Mapping[str, Tensor] = field(default_factory=dict)
    trims: tuple[Trim, ...] = ()
    numbers: Mapping[str, Tensor] = field(default_factory=dict)
    steps: tuple[frozenset[Triple], ...] = ()

    def untrimmed(self) -> Sample:
        """Return the sample of which each layer gets all: with fewer edges, what trims count is not there."""
        return Sample(self.known, numbers=self.numbers, steps=self.steps)

    def to(self, device: torch.device) -> Sample:
        """Return the sample on a device; tensors that are there already are the same."""
        return self.each(lambda tensor: tensor.to(device))

    def each(self, change: Callable[[Tensor], Tensor]) -> Sample:
        """Return the sample with each tensor changed, as by copying it to a device."""
        return Sample(
            {name: change(values) for name, values in self.known.items()},
            tuple(
                Trim(trim.num_nodes, {triple: change(e) for triple, e in trim.edge_index.items()})
                for trim in self.trims
            ),
            {name: change(values) for name, values in self.numbers.items()},
            self.steps,
        )
