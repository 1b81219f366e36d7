"""From the states after each layer to one representation per node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.options import require_choice

READOUTS = ("last", "jk")


class Readout(nn.Module):
    """The normed state after the last layer, or after all layers: jumping knowledge.

    Jumping knowledge (`Xu et al. 2018 <https://arxiv.org/abs/1806.03536>`_) is a linear map of all layers'
    states, concatenated.

    Args:
        node_types: The node types that are read out.
        hidden_channels: Width of the states, C.
        num_layers: Number of layers, L.
        readout: ``last`` or ``jk``.

    Raises:
        ConfigError: If there is no such readout.
    """

    def __init__(self, node_types: list[str], hidden_channels: int, *, num_layers: int, readout: str) -> None:
        super().__init__()
        self.node_types = node_types
        self.readout = require_choice("model", "readout", readout, READOUTS)
        self.norm = ModuleDict({name: nn.LayerNorm(hidden_channels) for name in node_types})
        self.join = ModuleDict()
        if readout == "jk":
            for name in node_types:
                self.join[name] = nn.Linear(num_layers * hidden_channels, hidden_channels)

    def forward(self, states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Return the representations [N, C] of each node type that is there.

        Args:
            states: The states [N, C] by node type, after each of the L layers; where there are fewer after
                the last layer than before, they are the first ones.
        """
        result = {}
        for name in self.node_types:
            if name not in states[-1]:
                continue
            x = states[-1][name]
            if self.readout == "jk":
                x = self.join[name](torch.cat([state[name][: x.shape[0]] for state in states], dim=1))
            result[name] = self.norm[name](x)
        return result
