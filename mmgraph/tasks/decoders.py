"""Decoders: how likely a link is, from the unified states of its two ends.

Shapes: C width of the states, S sources, T targets.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgraph.errors import ConfigError

DecoderName = Literal["dot", "distmult", "complex", "mlp"]

_MOST_AT_ONCE = 1 << 24
"""How many hidden values of the MLP are there at a time."""


class Decoder(nn.Module, ABC):
    """Scores links; the higher, the likelier."""

    @abstractmethod
    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the score of each pair, [...].

        Args:
            source: The states of the sources, [..., C].
            target: The states of the targets, [..., C]; leading dimensions are broadcast.
        """

    @abstractmethod
    def against_all(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the score of each source with each target, [S, T].

        Args:
            source: [S, C].
            target: [T, C].
        """


class Bilinear(Decoder):
    """A dot product of the target with a linear map of the source, over the root of the width.

    So scores begin near 0, where the losses have their steepest slope, whatever the width.
    """

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the score of each pair, [...]; see :class:`Decoder`."""
        return (self.map(source) * target).sum(dim=-1) / math.sqrt(target.shape[-1])

    def against_all(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the score of each source with each target, [S, T]; see :class:`Decoder`."""
        return self.map(source) @ target.T / math.sqrt(target.shape[-1])

    @abstractmethod
    def map(self, source: Tensor) -> Tensor:
        """Return what the targets are multiplied by, [..., C]."""


class Dot(Bilinear):
    """The dot product; it has no direction: a link is as likely as its reverse."""

    def map(self, source: Tensor) -> Tensor:
        """Return the source as it is."""
        return source


class DistMult(Bilinear):
    """A dot product in which each channel has a learned weight; it has no direction either.

    `Yang et al. 2015 <https://arxiv.org/abs/1412.6575>`_. It begins as the dot product.

    Args:
        channels: The width C of the states.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.relation = nn.Parameter(torch.ones(channels))

    def map(self, source: Tensor) -> Tensor:
        """Return the source with its channels weighted."""
        return source * self.relation


class ComplEx(Bilinear):
    r"""The real part of :math:`\sum_c s_c r_c \bar t_c` in complex numbers, which knows a direction.

    `Trouillon et al. 2016 <https://arxiv.org/abs/1606.06357>`_. The first half of the channels are the real
    parts, the second half the imaginary ones. It begins as the dot product.

    Args:
        channels: The width C of the states, an even number.

    Raises:
        ConfigError: If it is odd.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels % 2:
            raise ConfigError(
                f"got {channels}; wanted an even number, since the decoder complex takes half of the "
                "channels as real parts",
                where="model.hidden_channels",
                fix=f"Set it to {channels + 1}, or choose the decoder distmult.",
            )
        self.real = nn.Parameter(torch.ones(channels // 2))
        self.imaginary = nn.Parameter(torch.zeros(channels // 2))

    def map(self, source: Tensor) -> Tensor:
        """Return the source times the relation, real parts before imaginary ones."""
        real, imaginary = source.chunk(2, dim=-1)
        return torch.cat(
            [
                real * self.real - imaginary * self.imaginary,
                real * self.imaginary + imaginary * self.real,
            ],
            dim=-1,
        )


class MLP(Decoder):
    r"""A network of one hidden layer, which knows a direction.

    With linear maps of the source and of the target, the hidden layer is
    :math:`\mathrm{relu}(A s + B t + b + C s \odot D t)`: products let it tell how alike two states are, which
    sums alone learn badly, and channel by channel they cost no more than these.

    Args:
        channels: The width C of the states, and of the hidden layer.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.source = nn.Linear(channels, 2 * channels)
        self.target = nn.Linear(channels, 2 * channels)
        self.score = nn.Linear(channels, 1)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the score of each pair, [...]; see :class:`Decoder`."""
        return self._joined(self.source(source), self.target(target))

    def against_all(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the score of each source with each target, [S, T]; see :class:`Decoder`."""
        own, other = self.source(source), self.target(target)
        size = max(_MOST_AT_ONCE // max(other.numel(), 1), 1)
        return torch.cat([self._joined(part.unsqueeze(1), other) for part in own.split(size)])

    def _joined(self, own: Tensor, other: Tensor) -> Tensor:
        (added, factor), (other_added, other_factor) = own.chunk(2, dim=-1), other.chunk(2, dim=-1)
        score: Tensor = self.score(F.relu(added + other_added + factor * other_factor))
        return score.squeeze(-1)


def make_decoder(name: DecoderName, channels: int) -> Decoder:
    """Return a decoder with fresh weights.

    Args:
        name: Which.
        channels: The width C of the states.

    Raises:
        ConfigError: If it cannot take states of this width.

    Example:
        >>> decoder = make_decoder("distmult", 4)
        >>> decoder(torch.ones(3, 4), torch.ones(3, 4))
        tensor([2., 2., 2.], grad_fn=<DivBackward0>)
    """
    if name == "dot":
        return Dot()
    kinds: dict[DecoderName, type[DistMult | ComplEx | MLP]] = {
        "distmult": DistMult,
        "complex": ComplEx,
        "mlp": MLP,
    }
    return kinds[name](channels)
