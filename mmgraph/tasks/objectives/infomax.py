"""Deep graph infomax: a state should tell that it is of this graph, and not of one with other features.

Shapes: N nodes, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional


class Infomax(nn.Module):
    r"""Tells the states of a graph from those of a corrupted one by a summary of the graph.

    With the states h, their corrupted counterparts h' and the summary :math:`s = \sigma(\text{mean}(h))`,
    the loss is the binary cross-entropy of :math:`h W s`, which is to be high, and of :math:`h' W s`, which
    is to be low: `Veličković et al. 2018 <https://arxiv.org/abs/1809.10341>`_, equations 1 to 4.

    Args:
        channels: Width of the states, C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, channels))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, state: Tensor, corrupted: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            state: The states of the nodes, [N, C].
            corrupted: Their states where each node has the features of another one, [N, C].
        """
        asked = self.weight @ state.mean(dim=0).sigmoid()
        return functional.softplus(-(state @ asked)).mean() + functional.softplus(corrupted @ asked).mean()


def shuffle_features(
    x_dict: Mapping[str, Tensor], generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Return features that are dealt out anew among the nodes of each type: the usual corruption.

    Args:
        x_dict: Node type to features, [N, D].
        generator: Says how, on the CPU; torch's own by default.
    """
    return {name: x[torch.randperm(len(x), generator=generator).to(x.device)] for name, x in x_dict.items()}
