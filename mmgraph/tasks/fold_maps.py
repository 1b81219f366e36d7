"""Maps that were fitted in closed form on all training pairs and on those without each fold, and their judge.

Shapes: T training pairs, K folds of them, R pairs, M and C widths of what is mapped and of where to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgraph.tasks.objectives import info_nce

FOLDS = 4
_TEMPERATURES = tuple(2.0**-power for power in range(1, 7))
_JUDGED = 1024
"""By how many pairs of a fold, at most, a fit is judged."""


class Shaped(nn.Module):
    """What was fitted in closed form, and takes the shapes of the weights that it is given.

    So a run opens without being fitted again, which on another machine might choose otherwise.
    """

    fitted: ClassVar[tuple[str, ...]]
    may_lack: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.register_load_state_dict_pre_hook(_make_room)  # type: ignore[no-untyped-call]

    def make_room(self, weights: Mapping[str, Tensor], prefix: str) -> None:
        """Take the shapes of weights.

        Args:
            weights: By name, those of all modules.
            prefix: What their names begin with that are this module's.
        """
        # Weights of a checkpoint may lie on another device than the module.
        device = next(self.buffers()).device
        for name in self.fitted:
            given = weights.get(f"{prefix}{name}")
            # What is missing and may not be stays, so that whoever loads the weights finds it missing.
            if given is not None or name in self.may_lack:
                setattr(self, name, None if given is None else torch.empty_like(given, device=device))


def _make_room(module: Shaped, weights: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    module.make_room(weights, prefix)


class FoldMaps(Shaped):
    """Linear maps: one fitted on all pairs, and one without each fold.

    Args:
        weight: The maps, [1 + K, M, C]; the first is that of all pairs.
        centre: The mean of what each was fitted on, [1 + K, M].
    """

    fitted: ClassVar[tuple[str, ...]] = ("weight", "centre")
    weight: Tensor
    centre: Tensor

    def __init__(self, weight: Tensor, centre: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight.float().contiguous())
        self.register_buffer("centre", centre.float().contiguous())

    def forward(self, x: Tensor, fold: Tensor) -> Tensor:
        """Return where each is mapped to, [R, C].

        Args:
            x: What is mapped, [R, M].
            fold: The fold of which each knows nothing, from 1 up to K; 0 for none, int64 [R].
        """
        mapped = x.new_zeros(len(x), self.weight.shape[2])
        for number in set(fold.tolist()):
            rows = fold == number
            mapped[rows] = (x[rows] - self.centre[number]) @ self.weight[number]
        return mapped

    def first(self, most: int) -> FoldMaps:
        """Return the maps to the first dimensions alone."""
        return FoldMaps(self.weight[:, :, :most], self.centre)


def unit(x: Tensor, at: Tensor | None = None) -> Tensor:
    """Return vectors over their lengths, or over those of others, [R, C].

    Args:
        x: The vectors, [R, C].
        at: Those whose lengths are taken, [R, C]; by default their own.

    Example:
        >>> unit(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 10.0]])).tolist()
        [[0.30000001192092896, 0.4000000059604645]]
    """
    return F.normalize(x, dim=1) if at is None else x / at.norm(dim=1, keepdim=True).clamp_min(1e-12)


def evenly(rows: Tensor, most: int) -> Tensor:
    """Return some rows, at most so many, evenly spaced.

    Example:
        >>> evenly(torch.arange(10), 4).tolist()
        [0, 3, 6, 9]
    """
    return rows[:: -(-len(rows) // most)]


def deal(count: int) -> Tensor:
    """Return the fold of each of some pairs, in turn from 1 up, int64 [T].

    Example:
        >>> deal(6).tolist(), deal(5).tolist()
        ([1, 2, 3, 1, 2, 3], [1, 2, 1, 2, 1])
    """
    return torch.arange(count) % max(min(FOLDS, count // 2), 2) + 1


def kept_without(fold: Tensor) -> list[Tensor]:
    """Return what each map is fitted on: all pairs, then those without each fold, bool [T] each."""
    return [fold != number for number in range(int(fold.max()) + 1)]


def least_loss(one: Tensor, other: Tensor, fold: Tensor) -> tuple[float, float]:
    """Return the least contrastive loss of pairs within their folds, and the temperature at which it is."""
    losses = torch.zeros(len(_TEMPERATURES))
    for number in range(1, int(fold.max()) + 1):
        rows = evenly((fold == number).nonzero()[:, 0], _JUDGED)
        query, answer = F.normalize(one[rows], dim=1), F.normalize(other[rows], dim=1)
        losses += torch.stack([info_nce(query / temperature, answer) for temperature in _TEMPERATURES])
    best = int(losses.argmin())
    return float(losses[best]), _TEMPERATURES[best]
