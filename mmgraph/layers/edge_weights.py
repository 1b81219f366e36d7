"""Whether weights of edges can be used: looked at once for a tensor, not in every step."""

from __future__ import annotations

import weakref

import torch
from torch import Tensor

from mmgraph.errors import GraphError


def check_weights(weight: Tensor, *, where: str) -> None:
    """Make sure that every weight is finite and above 0.

    A tensor is looked at once, and again after a change in place. While torch traces a layer its weights
    have no values yet, so that none are looked at.

    Args:
        weight: The weights, [E].
        where: What to call them in an error.

    Raises:
        GraphError: If one is not.

    Example:
        >>> check_weights(torch.tensor([1.0, 0.0]), where="weights")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        mmgraph.errors.GraphError: weights: 1 of 2 are not above 0 or not finite, first 0.0 for edge 1...
    """
    if torch.compiler.is_compiling():
        return
    # A tensor of inference mode counts no changes.
    version = None if weight.is_inference() else weight._version
    key = id(weight)
    kept = _SEEN.get(key)
    if version is not None and kept is not None and kept[0]() is weight and kept[1] == version:
        return
    wrong = ~(torch.isfinite(weight) & (weight > 0))
    if bool(wrong.any()):
        edges = wrong.nonzero().flatten()
        raise GraphError(
            f"{len(edges)} of {len(weight)} are not above 0 or not finite, first {weight[edges[0]].item()} "
            f"for edge {int(edges[0])}",
            where=where,
            fix="Leave such edges out, or shift the weights.",
        )
    if version is not None:
        _SEEN[key] = (weakref.ref(weight, lambda _: _SEEN.pop(key, None)), version)


_SEEN: dict[int, tuple[weakref.ref[Tensor], int]] = {}
