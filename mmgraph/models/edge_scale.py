"""Edge features on one scale, whatever their units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.errors import GraphError
from mmgraph.graph.schema import EdgeType, GraphSchema, Triple


class EdgeScale(nn.Module):
    """Standardises the features of edges by the mean and the standard deviation that the schema names.

    They are part of the model's state, so that edges of another graph are put on the scale of the one that
    it was trained on. A feature that is always the same is only shifted to 0.

    Args:
        schema: The edge types of the graph.

    Example:
        >>> from mmgraph.graph.schema import NodeType
        >>> near = EdgeType("a", "near", "a", 2, attr_names=("km",), attr_scale=((20.0, 10.0),))
        >>> scale = EdgeScale(GraphSchema((NodeType("a", 2, 0, "a"),), (near,)))
        >>> scale({near.triple: torch.tensor([[10.0], [30.0]])})[near.triple].tolist()
        [[-1.0], [1.0]]
    """

    def __init__(self, schema: GraphSchema) -> None:
        super().__init__()
        self.channels = schema.edge_channels
        self.scale = ModuleDict({t.triple: _Scale(t) for t in schema.edge_types if t.attr_names})

    def forward(self, edge_attr_dict: Mapping[Triple, Tensor]) -> dict[Triple, Tensor]:
        """Return the features [E, A] of each edge type, standardised.

        Raises:
            GraphError: If edges have features that the schema does not name, or another number of them.
        """
        for triple, attr in edge_attr_dict.items():
            wanted = self.channels.get(triple)
            if wanted is None or attr.dim() != 2 or attr.shape[1] != wanted:
                raise GraphError(
                    f"got edge features of shape {tuple(attr.shape)}; wanted "
                    f"{'none' if wanted is None else f'(E, {wanted})'}",
                    where=f"edge_attr_dict[{triple!r}]",
                    fix="Use the graph that the model was built for, or build it from this graph's schema.",
                )
        return {triple: self.scale[triple](attr) for triple, attr in edge_attr_dict.items()}


class _Scale(nn.Module):
    """The scale of one edge type, in float32 whatever the model is in."""

    mean: Tensor
    std: Tensor

    def __init__(self, edge_type: EdgeType) -> None:
        super().__init__()
        pairs = edge_type.attr_scale or ((0.0, 1.0),) * len(edge_type.attr_names)
        self.register_buffer("mean", torch.tensor([mean for mean, _ in pairs]))
        self.register_buffer("std", torch.tensor([std or 1.0 for _, std in pairs]))

    def forward(self, attr: Tensor) -> Tensor:
        wide = attr.to(torch.promote_types(attr.dtype, torch.float32))
        return (wide - self.mean) / self.std

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # In half precision a mean of 70,000 is none.
        kept = dict(self.named_buffers())
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in kept.items():
            setattr(self, name, buffer.to(getattr(self, name).device))
        return self
