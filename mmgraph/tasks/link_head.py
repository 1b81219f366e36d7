"""What makes scores of pairs: the states of both ends, and where that is asked for, what their links say.

Shapes: C width of the states, S sources, T targets.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmgraph.tasks.decoders import make_decoder
from mmgraph.tasks.link_options import LinkOptions


class LinkHead(nn.Module):
    """A decoder, to whose score what is known of the structure between both ends may add.

    That is a sum of the logarithms of the paths between them and of the target's degree, each with a weight
    that is learnt and begins at 1: message passing gives a node the same state whoever asks, and counts no
    common neighbours (`Chamberlain et al. 2023 <https://arxiv.org/abs/2209.15486>`_,
    `Wang et al. 2024 <https://arxiv.org/abs/2302.00890>`_).

    Args:
        options: Say which decoder, and whether structure counts.
        channels: The width C of the states.

    Raises:
        ConfigError: If the decoder cannot take states of this width.
    """

    def __init__(self, options: LinkOptions, channels: int) -> None:
        super().__init__()
        self.decoder = make_decoder(options.decoder, channels)
        self.structure = nn.Parameter(torch.ones(2)) if options.structure else None

    def forward(self, source: Tensor, target: Tensor, structure: Tensor | None = None) -> Tensor:
        """Return the score of each pair, [...].

        Args:
            source: The states of the sources, [..., C].
            target: The states of the targets, [..., C]; leading dimensions are broadcast.
            structure: Of each pair, [..., 2].
        """
        return self._with(self.decoder(source, target), structure)

    def against_all(self, source: Tensor, target: Tensor, structure: Tensor | None = None) -> Tensor:
        """Return the score of each source with each target, [S, T].

        Args:
            source: [S, C].
            target: [T, C].
            structure: [S, T, 2].
        """
        return self._with(self.decoder.against_all(source, target), structure)

    def _with(self, score: Tensor, structure: Tensor | None) -> Tensor:
        if self.structure is None:
            return score
        assert structure is not None, "a score that counts structure is given it"
        return score + structure @ self.structure
