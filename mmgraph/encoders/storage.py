"""How many bytes a number of a feature takes where it is kept: four, or two."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.data.modality_spec import Storage
from mmgraph.errors import DataError


def rounded(values: npt.NDArray[Any], storage: Storage) -> npt.NDArray[Any]:
    """Return numbers as they come back from where they are kept, of the type that they were given in.

    Half precision has 11 bits: a number changes by at most one part in 2,048, or where it is smaller than
    6e-5 by at most 3e-8 (IEEE 754-2019, binary16).

    Args:
        values: Features or descriptions; those that are no floating-point numbers are kept as they are.
        storage: What they are kept as.

    Raises:
        DataError: If one is beyond what half precision holds.

    Example:
        >>> rounded(np.array([1.0, 0.1], np.float32), "float16").tolist()
        [1.0, 0.0999755859375]
    """
    if storage == "float32" or not np.issubdtype(values.dtype, np.floating):
        return values
    return as_kept(values, storage).astype(values.dtype)


def as_kept(values: npt.NDArray[Any], storage: Storage) -> npt.NDArray[Any]:
    """Return numbers in the type that they are kept in; what are no floating-point numbers stays as it is.

    Args:
        values: Features or descriptions.
        storage: What they are kept as; ``float32`` leaves their type to whoever made them.

    Raises:
        DataError: If one is beyond what half precision holds.
    """
    if storage == "float32" or not np.issubdtype(values.dtype, np.floating):
        return values
    most = float(np.finfo(np.float16).max)
    # What is not finite to begin with is for others to report.
    furthest = float(np.abs(values).max(initial=0.0, where=np.isfinite(values)))
    if furthest > most:
        raise DataError(
            f"got float16, which holds numbers up to {most:,.0f}; there is one of {furthest:.3g}",
            where="storage",
            fix="Take storage: float32 for this modality, or an encoder that scales.",
        )
    return values.astype(np.float16)


def holds(values: npt.NDArray[Any]) -> bool:
    """Return whether half precision holds numbers as they are.

    Args:
        values: Features.

    Example:
        >>> holds(np.array([1.5])), holds(np.array([0.1])), holds(np.array([1e9]))
        (True, False, False)
    """
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype(np.float16), values))
