"""What a model's ``forward`` takes, of the whole graph or of a part of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import Triple
from mmgraph.models.sample import Sample


class GraphBatch(NamedTuple):
    """What a model's ``forward`` takes.

    Args:
        x_dict: Node type to features, float32 [N, D].
        edge_index_dict: Edge type to edges, int64 [2, E].
        edge_weight_dict: Weighted edge type to weights, float32 [E].
        edge_attr_dict: Edge type with edge features to these, float32 [E, F].
        sample: What is known besides of a sampled neighbourhood; nothing of a whole graph.
        seeds: The entities of the task that a sample was made for, int64 [B]: its first nodes of their type.
            Of a task that asks for links, places in the batch: of sources, targets, and K targets that
            stand against each, int64 [B, 2 + K].
    """

    x_dict: dict[str, Tensor]
    edge_index_dict: dict[Triple, Tensor]
    edge_weight_dict: dict[Triple, Tensor]
    edge_attr_dict: dict[Triple, Tensor]
    sample: Sample | None = None
    seeds: Tensor | None = None

    @classmethod
    def of(cls, graph: Graph) -> GraphBatch:
        """Return the whole of a graph as one batch."""
        data = graph.data
        # Unlike `data.edge_weight_dict` and its like, `collect` does not raise where no relation has any.
        return cls(
            data.collect("x", allow_empty=True),
            data.collect("edge_index", allow_empty=True),
            data.collect("edge_weight", allow_empty=True),
            data.collect("edge_attr", allow_empty=True),
        )

    def keeping(self, kept: Mapping[Triple, Tensor]) -> GraphBatch:
        """Return the graph with a part of its edges.

        Args:
            kept: By edge type, which edges stay, bool [E]; of edge types that are not named all do.
        """
        index, weight, attr = (
            {t: x[..., kept[t]] if at_end else x[kept[t]] for t, x in values.items() if t in kept}
            for values, at_end in (
                (self.edge_index_dict, True),
                (self.edge_weight_dict, False),
                (self.edge_attr_dict, False),
            )
        )
        return self._replace(
            edge_index_dict={**self.edge_index_dict, **index},
            edge_weight_dict={**self.edge_weight_dict, **weight},
            edge_attr_dict={**self.edge_attr_dict, **attr},
            sample=None if self.sample is None else self.sample.untrimmed(),
        )

    def to(self, device: torch.device) -> GraphBatch:
        """Return the batch on a device; tensors that are there already are the same.

        Nobody waits for copies out of pinned memory.
        """
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> GraphBatch:
        """Return the batch in memory that a GPU can copy from by itself."""
        return self._each(torch.Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> GraphBatch:
        return GraphBatch(
            {key: change(x) for key, x in self.x_dict.items()},
            {key: change(x) for key, x in self.edge_index_dict.items()},
            {key: change(x) for key, x in self.edge_weight_dict.items()},
            {key: change(x) for key, x in self.edge_attr_dict.items()},
            None if self.sample is None else self.sample.each(change),
            None if self.seeds is None else change(self.seeds),
        )


View = Callable[[GraphBatch], GraphBatch]
"""What a model gets to see of a graph, or of a part of it: the same nodes, fewer edges."""
