"""The order of edges, by counting: time and memory grow with edges and nodes, whatever the order was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


def order_by(keys: NDArray[Any], num_keys: int, *, after: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the order that sorts elements by a key, int32 [E] where that suffices, else int64.

    Args:
        keys: The key of each element, [E].
        num_keys: The number of keys; each is below it.
        after: The order in which elements of one key stay, [E]; nothing for that in which they stand.

    Example:
        >>> order_by(np.array([2, 0, 2, 1]), 3).tolist()
        [1, 3, 0, 2]
        >>> order_by(np.array([2, 0, 2, 1]), 3, after=np.array([3, 2, 1, 0])).tolist()
        [1, 3, 2, 0]
    """
    size = len(keys)
    kind = np.int32 if max(size, num_keys) < np.iinfo(np.int32).max else np.int64
    ends = (keys if after is None else keys[after]).astype(kind)
    # A matrix with one element in each row, turned round: its elements stand by column, then by row.
    matrix = csr_array(
        (np.ones(size, dtype=np.int8), ends, np.arange(size + 1, dtype=kind)), shape=(size, max(num_keys, 1))
    )
    order: NDArray[Any] = matrix.tocsc().indices
    return order if after is None else after[order]


def edge_order(
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    num_sources: int,
    time: NDArray[np.int64] | None = None,
) -> NDArray[Any]:
    """Return the order that sorts edges by (target, source, time), [E]; equal ones stay as they stand."""
    first = None if time is None else np.argsort(time, kind="stable")
    by_source = order_by(source, num_sources, after=first)
    return order_by(target, int(target.max(initial=-1)) + 1, after=by_source)
