"""From each node type's own features into the shared space."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict
from torch_geometric.nn.parameter_dict import ParameterDict

from mmgraph.errors import GraphError, did_you_mean
from mmgraph.layers.dropout import Dropout
from mmgraph.layers.row_blocks import row_by_row


class Projection(nn.Module):
    """A linear map for each node type with features, a learned vector for each without.

    Args:
        channels: Width of the features of every node type of the graph; 0 for none.
        hidden_channels: Width of the shared space, C.
        node_types: The node types that are asked for; the others are left out.
        dropout: Share of the features that is dropped.

    Example:
        >>> import torch
        >>> projection = Projection({"a": 0, "a/text": 5}, 8, node_types=["a", "a/text"], dropout=0.0)
        >>> states = projection({"a": torch.empty(2, 0), "a/text": torch.randn(3, 5)})
        >>> {name: tuple(x.shape) for name, x in states.items()}
        {'a': (2, 8), 'a/text': (3, 8)}
    """

    def __init__(
        self, channels: Mapping[str, int], hidden_channels: int, *, node_types: list[str], dropout: float
    ) -> None:
        super().__init__()
        self.channels = dict(channels)
        self.node_types = node_types
        self.linear, self.embedding = ModuleDict(), ParameterDict()
        for name in node_types:
            if channels[name]:
                self.linear[name] = nn.Linear(channels[name], hidden_channels)
            else:
                self.embedding[name] = nn.Parameter(torch.randn(hidden_channels))
        self.dropout = Dropout(dropout)

    def forward(self, x_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the states [N, C] of those node types of ``x_dict`` that were asked for.

        Raises:
            GraphError: If a node type is unknown, or its features have another width than it was made for.
        """
        for name, x in x_dict.items():
            if name not in self.channels:
                raise GraphError(
                    f"got the node type {name!r}, which the model was not made for",
                    where="x_dict",
                    fix=did_you_mean(name, self.channels),
                )
            if x.dim() != 2 or x.shape[1] != self.channels[name]:
                raise GraphError(
                    f"got features of shape {tuple(x.shape)}; wanted (N, {self.channels[name]})",
                    where=f"x_dict[{name!r}]",
                    fix="Use the graph that the model was built for, or build it from this graph's schema.",
                )
        states = {}
        for name in self.node_types:
            if name in x_dict and name in self.linear:
                states[name] = row_by_row((self.dropout, self.linear[name]), x_dict[name])
            elif name in x_dict:
                states[name] = self.embedding[name].expand(x_dict[name].shape[0], -1)
        return states
