"""Whether padding behind a text changes what a model makes of it, though a mask says what is real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mmgraph.encoders.placement import Placement
from mmgraph.errors import ConfigError

TRIED = "a b c d"
"""A text of a few tokens."""

_BEHIND = 3
_ROUNDED = {"32": 1e-4, "bf16-mixed": 0.05}
"""By precision, how far sums in another order may move states, as a share of the largest one."""


def sees_padding(
    states_of: Callable[[Any, Any], Any], tokens: Sequence[int], *, pad: int, most: int, where: Placement
) -> bool:
    """Return whether a model makes something else of a text once padding stands behind it.

    Models that mix tokens otherwise than by attention may not look at the mask: by a Fourier transform, by
    convolutions, or by a few tokens that stand for all.

    Args:
        states_of: Takes tokens and mask, int64 tensors [1, L], and returns the states of the tokens,
            [1, L, D], or one vector, [1, D].
        tokens: The token ids of a text.
        pad: The token that stands behind the last one.
        most: The most tokens that the model reads.
        where: Where the model is.
    """
    import torch

    length = len(tokens)
    behind = min(length + _BEHIND, most) - length
    if behind <= 0 or not length:
        return False
    alone = torch.tensor([list(tokens)])
    ids = torch.nn.functional.pad(alone, (0, behind), value=pad)
    mask = torch.nn.functional.pad(torch.ones_like(alone), (0, behind))
    found = where.computed(states_of, alone, torch.ones_like(alone))
    other = where.computed(states_of, ids, mask)
    if found.dim() == 3:
        other = other[:, :length]
    return bool((found - other).abs().max() > _ROUNDED[where.precision or "32"] * found.abs().max())


def require_blind_to_padding(model: str, sees: bool, *, where: str) -> None:
    """Refuse to train a model that sees padding, as what it makes of a text would depend on the others.

    Args:
        model: Its name.
        sees: Whether it does.
        where: The encoder, for messages.

    Raises:
        ConfigError: If it does.
    """
    if sees:
        raise ConfigError(
            f"{model!r} cannot be trained here: it reads the padding behind a text as well, so that a vector "
            "would depend on the texts beside it",
            where=f"{where}: trainable",
            fix="Leave trainable out, or take a model that reads the tokens of a text alone, such as BERT.",
        )
