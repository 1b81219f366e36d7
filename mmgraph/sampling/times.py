"""Times as whole numbers in the same order, so that one kernel compares them all."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmgraph.errors import GraphError

_LEAST, _MOST = float(np.iinfo(np.int64).min), float(np.nextafter(np.iinfo(np.int64).max, 0))


def as_ordered(values: Any, *, fractional: bool, where: str) -> NDArray[np.int64]:
    """Return times as int64 [N] that compare as they do.

    The bits of a float64 above 0 ascend with it as those of an integer do; below 0 they descend.

    Args:
        values: Numbers [N].
        fractional: Whether the graph has times that are no integers. If it has none, those of seeds are
            rounded down, which changes no comparison.
        where: What they are, for messages.

    Raises:
        GraphError: If they are no numbers [N], or one is NaN.

    Example:
        >>> ordered = as_ordered(torch.tensor([-2.5, -0.0, 0.0, 1e30]), fractional=True, where="time")
        >>> [int(number) for number in np.sign(np.diff(ordered))]
        [1, 0, 1]
    """
    array = torch.as_tensor(values).detach().cpu().numpy()
    if array.ndim != 1 or array.dtype.kind not in "iuf" or np.isnan(array).any():
        raise GraphError(
            f"got {array.dtype} of shape {array.shape}; wanted one time a row, none of them NaN",
            where=where,
            fix="Leave out what has no time.",
        )
    if not fractional:
        whole = np.clip(np.floor(array), _LEAST, _MOST) if array.dtype.kind == "f" else array
        return np.ascontiguousarray(whole, np.int64)
    # Adding 0 makes 0 of -0, whose bits differ.
    bits = (array.astype(np.float64) + 0.0).view(np.int64)
    result: NDArray[np.int64] = bits ^ ((bits >> 63) & np.int64(np.iinfo(np.int64).max))
    return result


def is_fractional(values: Any) -> bool:
    """Return whether times are kept as floating-point numbers."""
    return bool(torch.as_tensor(values).is_floating_point())
